"""Output folders: resumed if unfinished, refused if finished or of another configuration."""

import dataclasses
import json
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from dsae.checkpoint import write_atomically
from dsae.commands.errors import UsageError

FORMAT_VERSION = 1
CONFIG_FILE = "config.yaml"
PACKAGES = ("dsae", "torch", "numpy", "mujoco", "gymnasium", "h5py", "opencv-python-headless")


class Run(NamedTuple):
    """A folder that a verb writes into."""

    folder: Path
    record: dict[str, Any]
    resumed: bool
    """Whether an unfinished run of the same configuration was found there."""
    begin: float

    def finish(self) -> None:
        """Mark the run as finished, with the seconds since it was begun or resumed."""
        seconds = round(time.monotonic() - self.begin, 3)
        _write(self.folder, {**self.record, "finished": True, "seconds": seconds})


def open_run(folder: Path, verb: str, options: Any, *, overwrite: bool) -> Run:
    """Begin or resume a run in `folder` and write its resolved configuration there.

    Raises UsageError if the folder holds a finished run, a run of another configuration, or
    anything that no run wrote; `overwrite` replaces a run, but never a folder of another origin.
    """
    record = {
        "format": FORMAT_VERSION,
        "verb": verb,
        "options": _plain(dataclasses.asdict(options)),
        "versions": _versions(),
        "git": _git_state(),
        "finished": False,
    }
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        _write(folder, record)
        return Run(folder, record, False, time.monotonic())
    before = read_run(folder)
    if overwrite:
        shutil.rmtree(folder)
        _write(folder, record)
        return Run(folder, record, False, time.monotonic())
    runtime = {field.name for field in dataclasses.fields(options) if "runtime" in field.metadata}
    changed = [
        name
        for name, value in record["options"].items()
        if name not in runtime and before.get("options", {}).get(name) != value
    ]
    if before.get("verb") != verb or changed:
        what = f"with another {', '.join(changed)}" if changed else f"of 'dsae {before['verb']}'"
        raise UsageError(f"{folder} holds a run {what}: choose another --out or give --overwrite")
    if before["finished"]:
        raise UsageError(
            f"{folder} holds this run already, finished: choose another --out or give --overwrite"
        )
    return Run(folder, before, True, time.monotonic())


def read_run(folder: Path) -> dict[str, Any]:
    """Return the configuration record of a run folder."""
    file = folder / CONFIG_FILE
    if not file.is_file():
        raise UsageError(f"{folder} exists and is no run of dsae: choose another --out")
    try:
        record = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is damaged") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT_VERSION:
        raise UsageError(f"{file} is of another format than {FORMAT_VERSION}")
    return record


def save_json(path: Path, values: Any) -> None:
    """Write values as JSON, whole or not at all; NaN becomes null."""
    text = json.dumps(_plain(values), indent=2, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def print_json(values: Any) -> None:
    """Print values as JSON; NaN becomes null."""
    say(json.dumps(_plain(values), indent=2, allow_nan=False))


def _write(folder: Path, record: dict[str, Any]) -> None:
    text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True)
    write_atomically(folder / CONFIG_FILE, text.encode())


def _plain(value: Any) -> Any:
    """Return a value in the types that YAML and JSON share."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return value


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git_state() -> str | None:
    """Return the commit of the working folder, with `+` if something was changed since."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)
    sys.stdout.flush()
