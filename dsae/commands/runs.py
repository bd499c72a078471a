"""Output folders: resumed if unfinished, refused if finished or of another configuration."""

import dataclasses
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import yaml

from dsae import versions
from dsae.checkpoint import write_atomically
from dsae.commands.errors import UsageError

FORMAT_VERSION = 1
CONFIG_FILE = "config.yaml"


@dataclasses.dataclass(frozen=True)
class Run:
    """A folder that a verb writes into; a context that cleans up after an error.

    A run that `--overwrite` replaces is kept beside it until the new one is finished. A failed run
    that has written nothing leaves nothing, and what it was to replace comes back.
    """

    folder: Path
    record: dict[str, Any]
    resumed: bool
    """Whether an unfinished run of the same configuration was found there."""
    begin: float
    made: tuple[Path, ...] = ()
    """Folders that were made for it, innermost first."""
    found: bytes = b""
    """The record of an unfinished run as it was found; a refusal leaves it so."""

    def resolve(self, name: str, find: Callable[[], Any]) -> Any:
        """Return what the run's record says of `name`; found out once and kept in it."""
        resolved: dict[str, Any] = self.record.setdefault("resolved", {})
        if name not in resolved:
            resolved[name] = find()
            _write(self.folder, self.record)
        return resolved[name]

    def keep_to_data(self, fingerprint: str) -> None:
        """Note which data the run is of; UsageError if it was begun on another state of them."""
        self._keep_to("data", fingerprint)

    def keep_to_file(self, name: str, file: Path) -> None:
        """Note what a file holds that the run uses; UsageError if it was begun on another."""
        self._keep_to(name, hashlib.sha256(file.read_bytes()).hexdigest()[:16])

    def _keep_to(self, name: str, fingerprint: str) -> None:
        begun = self.resolve(name, lambda: fingerprint)
        if begun != fingerprint:
            raise UsageError(
                f"the {name} of {self.folder} changed since it was begun (then {begun}; now "
                f"{fingerprint}): choose another --out or give --overwrite"
            )

    def note_options(self, **options: Any) -> None:
        """Keep options in the record as they turned out."""
        self.record["options"].update(_plain(options))
        _write(self.folder, self.record)

    def finish(self) -> None:
        """Mark the run as finished, with the seconds that all calls spent on it."""
        seconds = round(self.record.get("spent", 0.0) + time.monotonic() - self.begin, 3)
        _write(self.folder, {**self.record, "finished": True, "seconds": seconds})
        shutil.rmtree(_replaced(self.folder), ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or not issubclass(kind, Exception):
            return
        if self.found and issubclass(kind, UsageError):
            write_atomically(self.folder / CONFIG_FILE, self.found)
        before = _replaced(self.folder)
        if [file.name for file in self.folder.iterdir()] == [CONFIG_FILE]:
            shutil.rmtree(self.folder)
            for folder in self.made:
                if any(folder.iterdir()):  # another run came into it meanwhile
                    break
                folder.rmdir()
            if before.exists():
                before.rename(self.folder)
        elif before.exists():
            say(f"the run that was to be replaced is kept in {before}")


def open_run(folder: Path, verb: str, options: Any, *, overwrite: bool, redo: bool = False) -> Run:
    """Begin or resume a run in `folder` and write its resolved configuration there.

    Raises UsageError if the folder holds a finished run (which `redo` resumes all the same), a run
    of another configuration, or anything that no run wrote. `overwrite` replaces a run of the same
    verb, never a folder of another origin and never what this run reads.
    """
    record = {
        "format": FORMAT_VERSION,
        "verb": verb,
        "options": _plain(dataclasses.asdict(options)),
        "versions": versions.installed(),
        "git": _git_state(),
        "finished": False,
    }
    _refuse_inputs(folder, options)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        made = tuple(parent for parent in folder.parents if not parent.exists())
        _write(folder, record)
        return Run(folder, record, False, time.monotonic(), made)
    before = read_run(folder)
    if before["verb"] != verb:
        raise UsageError(f"{folder} holds a run of 'dsae {before['verb']}': choose another --out")
    if overwrite:
        if _replaced(folder).exists():  # a replacement was killed: the run before it is still kept
            shutil.rmtree(folder)
        else:
            folder.rename(_replaced(folder))
        _write(folder, record)
        return Run(folder, record, False, time.monotonic())
    fields = dataclasses.fields(options)
    runtime = {field.name for field in fields if "runtime" in field.metadata}
    # An option that there was not yet was as it is where nobody gives it; one that there is no
    # longer may have been anything.
    begun = {field.name: _plain(_default(field)) for field in fields} | before["options"]
    changed = [
        name for name in begun if name not in runtime and record["options"].get(name) != begun[name]
    ]
    if changed:
        raise UsageError(
            f"{folder} holds a run with another {', '.join(changed)}: "
            "choose another --out or give --overwrite"
        )
    if before["finished"] and not redo:
        raise UsageError(
            f"{folder} holds this run already, finished: choose another --out or give --overwrite"
        )
    found = (folder / CONFIG_FILE).read_bytes()
    before["spent"] = _spent(folder, before)
    _write(folder, before)
    return Run(folder, before, True, time.monotonic(), found=found)


def _default(field: "dataclasses.Field[Any]") -> Any:
    """Return what a field is where nobody gives it."""
    factory = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()


def _spent(folder: Path, record: dict[str, Any]) -> float:
    """Return the seconds that were spent on a run before it is resumed.

    One that was killed says nothing: the record is written when it begins, and its other files tell
    when it was last at work.
    """
    if record["finished"]:
        return float(record.get("seconds", 0.0))
    begin = (folder / CONFIG_FILE).stat().st_mtime
    last = max(file.stat().st_mtime for file in folder.iterdir())
    return float(record.get("spent", 0.0)) + round(last - begin, 3)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file is there that nobody said to overwrite, or no folder can be."""
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise UsageError(f"{path} cannot be written: {parent} is a file, not a folder")
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file to write")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: choose another name or give --overwrite")


def refuse_file(folder: Path) -> None:
    """Raise UsageError for a file where a training's run folder is asked for."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name the run folder of a training")


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
    for key, kind in (("verb", str), ("options", dict), ("finished", bool)):
        if not isinstance(record.get(key), kind):
            raise UsageError(f"{file} is damaged: it has no '{key}'")
    return record


def trained_options(folder: Path) -> dict[str, Any]:
    """Return the options of a run of `dsae train`; UsageError for any other folder."""
    record = read_run(folder)
    missing = {"data", "camera", "held_out"} - record["options"].keys()
    if record["verb"] != "train" or missing:
        raise UsageError(f"{folder} is no run of 'dsae train'")
    return record["options"]


def read_json(path: Path) -> Any:
    """Return what a JSON file of ours holds; UsageError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is missing or damaged: delete it and make it again") from error


def save_json(path: Path, values: Any) -> None:
    """Write values as JSON, whole or not at all; NaN becomes null."""
    text = json.dumps(_plain(values), indent=2, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def print_json(values: Any) -> None:
    """Print values as JSON; NaN becomes null."""
    say(json.dumps(_plain(values), indent=2, allow_nan=False))


def _replaced(folder: Path) -> Path:
    """Where a run is kept while another takes its place."""
    return folder.with_name(f".{folder.name}.replaced")


def _refuse_inputs(folder: Path, options: Any) -> None:
    """Refuse an output folder that is, or holds, something that the run reads."""
    out = folder.resolve()
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        reads = field.name != "out" and field.metadata.get("reads", isinstance(value, Path))
        if not reads or value is None or not Path(value).exists():
            continue
        source = Path(value).resolve()
        if source == out or out in source.parents:
            raise UsageError(f"{folder} holds {value}, which this run reads: choose another --out")


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
