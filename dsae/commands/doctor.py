"""Say what this machine has, and what to install for what is missing.

Example:
    dsae doctor
"""

import dataclasses
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dsae.commands import opengl

PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "gymnasium": "gymnasium",
    "mujoco": "mujoco",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "h5py": "h5py",
    "PIL": "pillow",
    "hdf5plugin": "hdf5plugin",
    "av": "av",
    "tensorboard": "tensorboard",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "threadpoolctl": "threadpoolctl",
    "tqdm": "tqdm",
    "jinja2": "jinja2",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "pydantic": "pydantic",
}
"""What the verbs import, and under which name pip knows it."""

ROOMS = ("envs", "data", "policies", "configs")
"""Our packages whose names are so common that another project may have them too."""

HOME = Path(__file__).resolve().parents[2]
"""Where the dsae package lies, and the rooms beside it."""

MEASURE_FOR = 0.5  # (seconds) of rendering
ENOUGH_DISK = 2.0  # (GB) holds the demo's episodes, runs and report


# Prints where a fresh Python finds the packages that it is given.
_SEARCH = """
import importlib.util, json, sys
found = {}
for room in sys.argv[1:]:
    spec = importlib.util.find_spec(room)
    places = [] if spec is None else list(spec.submodule_search_locations or [spec.origin])
    found[room] = places
print(json.dumps(found))
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `dsae doctor` takes."""

    json: bool = False
    """Print the findings as JSON instead of a table."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the examination."""

    name: str
    value: str
    advice: str = ""
    """What to do about it; empty if all is well."""
    blocks: bool = False
    """Whether `dsae demo` cannot work before that is done."""


def run(options: Options) -> int:
    """Examine the machine and print the findings; 0 if `dsae demo` can work, 1 if not."""
    findings = list(examine())
    ready = not any(finding.blocks for finding in findings)
    if options.json:
        listed = [dataclasses.asdict(finding) for finding in findings]
        print(json.dumps({"ready": ready, "findings": listed}, indent=2))
    else:
        print(table(findings))
    return 0 if ready else 1


def examine() -> Iterator[Finding]:
    """Yield one finding after another, the machine first."""
    yield python()
    yield Finding(name="platform", value=platform.platform())
    yield Finding(name="processor", value=processor())
    yield disk()
    yield torch()
    yield version("MuJoCo", "mujoco")
    yield version("Gymnasium", "gymnasium")
    yield from missing()
    yield from rendering()
    yield from shadows()


def table(findings: Iterable[Finding]) -> str:
    """Return the findings in two columns, and below what to do, the necessary first."""
    findings = list(findings)
    width = max(len(finding.name) for finding in findings)
    lines = [f"{finding.name:<{width}}  {finding.value}" for finding in findings]
    todo = sorted((f for f in findings if f.advice), key=lambda finding: not finding.blocks)
    if todo:
        lines += ["", "To do:"]
        lines += [f"  {f.name}: {f.advice}{'' if f.blocks else ' (not urgent)'}" for f in todo]
    elif not any(finding.blocks for finding in findings):
        lines += ["", "Everything that `dsae demo` needs is here."]
    return "\n".join(lines)


def python() -> Finding:
    """Return which Python runs, and where it lies."""
    old = sys.version_info < (3, 11)
    return Finding(
        name="Python",
        value=f"{platform.python_version()} ({sys.executable})",
        advice="dsae needs Python 3.11 or newer" if old else "",
        blocks=old,
    )


def processor() -> str:
    """Return the cores that this process may use and the memory of the machine."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return f"{cores} core{'s' if cores > 1 else ''}, {memory:.1f} GB of memory"


def disk() -> Finding:
    """Return the free space where `runs/` would be."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    full = free < ENOUGH_DISK
    return Finding(
        name="free disk",
        value=f"{free:.1f} GB in {Path.cwd()}",
        advice=f"make room: the demo wants {ENOUGH_DISK:.0f} GB" if full else "",
        blocks=full,
    )


def torch() -> Finding:
    """Return torch's version and the device that `--device auto` takes."""
    try:
        module = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return broken("torch", "torch", error)
    if module.cuda.is_available():
        device = f"cuda, {module.cuda.get_device_name(0)}"
    else:
        device = f"cpu, {module.get_num_threads()} threads"
    return Finding(name="torch", value=f"{module.__version__} ({device})")


def version(name: str, module: str) -> Finding:
    """Return the version of a package that must be importable.

    It is imported in another process: MuJoCo reads MUJOCO_GL once, and `rendering` judges that.
    """
    code = f"import {module}; print({module}.__version__)"
    done = _python("-P", "-c", code)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return broken(name, module, reason[-1])
    return Finding(name=name, value=done.stdout.strip())


def broken(name: str, module: str, error: object) -> Finding:
    """Return the finding on a package that is absent or does not import."""
    if find_spec(module) is None:
        return Finding(name=name, value="missing", blocks=True)
    advice = f"{pip_line([module])} --force-reinstall"
    return Finding(name=name, value=f"does not import: {error}", advice=advice, blocks=True)


def missing() -> Iterator[Finding]:
    """Yield the packages that are absent, in one line with what installs them."""
    absent = [module for module in PACKAGES if find_spec(module) is None]
    if absent:
        names = ", ".join(PACKAGES[module] for module in absent)
        yield Finding(name="missing", value=names, advice=pip_line(absent), blocks=True)
    else:
        yield Finding(name="packages", value=f"all {len(PACKAGES)} that the command needs")


def pip_line(modules: Iterable[str]) -> str:
    """Return the line that installs packages into this Python."""
    return f"{sys.executable} -m pip install {' '.join(PACKAGES[m] for m in modules)}"


def rendering() -> Iterator[Finding]:
    """Yield what really rendered a small scene, and how fast."""
    backend = opengl.choose()
    if find_spec("mujoco") is None:
        yield Finding(name="OpenGL", value="unknown without MuJoCo", blocks=True)
        return
    if backend is None:
        yield Finding(name="OpenGL", value="missing", advice=opengl.install_line(), blocks=True)
        return
    result = opengl.probe(backend, seconds=MEASURE_FOR)
    if not result.ok:
        value = f"{backend} does not render: {result.error}"
        yield Finding(name="OpenGL", value=value, advice=_another(backend), blocks=True)
        return
    yield Finding(name="OpenGL", value=f"{backend}, {result.renderer}")
    yield Finding(name="rendering", value=f"{result.rate:.0f} frames/s at 64x64 with shadows")


def _another(backend: str) -> str:
    """Return what to do about a back end that does not render."""
    others = [other for other in opengl.BACKENDS if other != backend and opengl.probe(other).ok]
    if others:
        return f"export MUJOCO_GL={others[0]}, which renders here, or run: {opengl.install_line()}"
    return opengl.install_line()


def shadows() -> Iterator[Finding]:
    """Yield which of our packages another one hides.

    Hidden from this very command, `dsae` cannot work. A script or a `python -c` that is started
    in the current directory looks there first, which the installed `dsae` command does not.
    """
    here = _origins_here()
    own = {room: _origin(room) for room in ROOMS}
    for room in ROOMS:
        if not own[room]:
            advice = f"install dsae whole: {sys.executable} -m pip install --force-reinstall dsae"
            yield Finding(name=room, value="missing", advice=advice, blocks=True)
        elif not _ours(own[room]):
            advice = "start dsae from another directory, and look at PYTHONPATH"
            value = f"shadowed by {own[room][0]}"
            yield Finding(name=room, value=value, advice=advice, blocks=True)
        elif here[room] and not _ours(here[room]):
            advice = f"scripts started here import that, not dsae's {room}; the command is safe"
            value = f"shadowed in this directory by {here[room][0]}"
            yield Finding(name=room, value=value, advice=advice)


def _origins_here() -> dict[str, list[str]]:
    """Return where a fresh Python in the current directory finds the rooms."""
    done = _python("-c", _SEARCH, *ROOMS)
    if done.returncode:
        return {room: [] for room in ROOMS}
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _origin(room: str) -> list[str]:
    """Return where this process finds a room: its folder, or several of a namespace package."""
    spec = find_spec(room)
    if spec is None:
        return []
    return list(spec.submodule_search_locations or [str(spec.origin)])


def _ours(places: list[str]) -> bool:
    return any(Path(place).resolve().parent == HOME for place in places)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MUJOCO_GL": ""},
    )
