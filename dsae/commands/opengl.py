"""Choose the OpenGL back end that renders without a screen, before MuJoCo is imported.

MuJoCo reads MUJOCO_GL once, when it is imported; unset, or set to a back end whose library is
absent, it fails far from the cause. `ensure` therefore comes before `import mujoco`.

`python -m dsae.commands.opengl` renders with every back end until one works and remembers it in
this virtual environment; `--packages` prints the Debian packages of the preferred one.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from dsae.commands.errors import UsageError

DEBIAN_PACKAGES = ("libegl1", "libopengl0", "libgl1-mesa-dri", "libgl1")
"""What EGL with Mesa's software driver needs on Debian."""

BACKENDS = {"darwin": ("cgl",), "win32": ("wgl",)}.get(sys.platform, ("egl", "osmesa", "glfw"))
"""What this platform has, in the order of preference; glfw needs a display."""

REMEMBERED = Path(sys.prefix) / "dsae-opengl"
"""Holds the back end that the set-up of this virtual environment saw rendering."""

PROBE_TIMEOUT = 120  # (seconds); a software renderer on a busy machine may start slowly

# Of each row one must load.
_LIBRARIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "egl": (("libEGL.so.1", "libEGL.so"), ("libOpenGL.so.0", "libGL.so.1")),
    "osmesa": (("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),),
    "glfw": (("libGL.so.1",),),
}

# Renders 64 by 64 pixels with shadows for a while, prints what drew them and how fast.
_PROBE = '''
import json, sys, time
import mujoco

SCENE = """
<mujoco>
  <visual><quality shadowsize="256" offsamples="0"/></visual>
  <worldbody>
    <light pos="0.5 -0.5 2" dir="-0.2 0.2 -1" castshadow="true"/>
    <camera name="fixed" pos="0 -1.5 1" xyaxes="1 0 0 0 0.55 0.83"/>
    <geom type="plane" size="1 1 0.1" rgba="0.8 0.8 0.8 1"/>
    <geom type="box" pos="0.2 0 0.1" size="0.1 0.1 0.1" rgba="0.8 0.2 0.2 1"/>
    <geom type="sphere" pos="-0.2 0 0.1" size="0.1" rgba="0.2 0.2 0.8 1"/>
    <geom type="capsule" pos="0 0.3 0.3" size="0.05 0.2" rgba="0.2 0.8 0.2 1"/>
  </worldbody>
</mujoco>
"""
model = mujoco.MjModel.from_xml_string(SCENE)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, height=64, width=64)
renderer.update_scene(data, camera="fixed")
image = renderer.render()
if image.min() == image.max():
    raise RuntimeError("the rendered image is empty")
from OpenGL import GL
name = GL.glGetString(GL.GL_RENDERER).decode()
frames, start = 0, time.perf_counter()
while (elapsed := time.perf_counter() - start) < float(sys.argv[1]):
    renderer.update_scene(data, camera="fixed")
    renderer.render()
    frames += 1
renderer.close()
print(json.dumps({"renderer": name, "rate": frames / elapsed}))
'''


class OpenGLMissing(UsageError):
    """This machine cannot render without a screen; the message says what to install."""


class Probe(NamedTuple):
    """What came of rendering a small scene in a process of its own."""

    ok: bool
    renderer: str
    """What OpenGL calls itself, such as "llvmpipe (LLVM 15.0.6, 256 bits)"; empty on failure."""
    error: str
    """The last line of what went wrong; empty on success."""
    rate: float = 0.0
    """Frames per second at 64 by 64 pixels with shadows; 0 if not measured."""


def install_line() -> str:
    """Return the line that installs what EGL needs on Debian, for this user."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    packages = " ".join(DEBIAN_PACKAGES)
    return f"{sudo}apt-get update && {sudo}apt-get install -y {packages}"


def probe(backend: str, seconds: float = 0.0) -> Probe:
    """Render with a back end in a process of its own, then measure its rate for some seconds.

    A driver that crashes or hangs takes only that process with it.
    """
    if absent := _absent(backend):
        return Probe(False, "", absent)
    environment = {k: v for k, v in os.environ.items() if k != "PYOPENGL_PLATFORM"}
    environment["MUJOCO_GL"] = backend
    if backend in ("egl", "osmesa"):
        environment["PYOPENGL_PLATFORM"] = backend
    # -P: the current directory may hold modules of any name.
    command = [sys.executable, "-P", "-c", _PROBE, str(seconds)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(False, "", f"{backend} did not answer within {PROBE_TIMEOUT} s")
    if done.returncode == 0:
        found = json.loads(done.stdout.splitlines()[-1])
        return Probe(True, found["renderer"], "", found["rate"])
    return Probe(False, "", _reason(done.stderr) or f"{backend} ended with {done.returncode}")


def _reason(traceback: str) -> str:
    """Return the last exception of a traceback, whatever was printed after it."""
    lines = [line for line in traceback.splitlines() if line.strip()]
    errors = [line for line in lines if line[0].isalpha() and "Error" in line.split(":")[0]]
    return (errors or lines or [""])[-1].strip()


def choose() -> str | None:
    """Return the back end to use, or None if no library of any can be loaded.

    The environment (MUJOCO_GL, then PYOPENGL_PLATFORM) decides; else what the set-up remembered;
    else the first whose libraries load. Nothing is rendered: it costs milliseconds.
    """
    wanted = _wanted()
    if wanted:
        return wanted
    return next((backend for backend in _candidates() if not _absent(backend)), None)


def ensure() -> None:
    """Set MUJOCO_GL and PYOPENGL_PLATFORM for this process and those it starts.

    Raises:
        OpenGLMissing: no back end can be loaded, or the one that MUJOCO_GL names cannot.
    """
    backend = choose()
    if backend is None:
        raise OpenGLMissing(f"no OpenGL that renders without a screen; run: {install_line()}")
    if backend not in BACKENDS:
        names = ", ".join(BACKENDS)
        raise OpenGLMissing(f"MUJOCO_GL={backend} does not render here; unset it or use: {names}")
    if absent := _absent(backend):
        raise OpenGLMissing(
            f"MUJOCO_GL={backend} is not usable here: {absent}; "
            f"unset it, and if OpenGL is still missing run: {install_line()}"
        )
    os.environ["MUJOCO_GL"] = backend
    if backend in ("egl", "osmesa"):
        os.environ["PYOPENGL_PLATFORM"] = backend


def first_that_renders() -> tuple[str | None, list[str]]:
    """Return the first back end that really renders, and why those before it do not."""
    wanted = _wanted()
    errors: list[str] = []
    for backend in [wanted] if wanted else _candidates():
        result = probe(backend)
        if result.ok:
            return backend, errors
        errors.append(f"{backend}: {result.error}")
    return None, errors


def _wanted() -> str:
    """Return the back end that the environment asks for, "" if none."""
    platform = os.environ.get("PYOPENGL_PLATFORM", "").strip().lower()
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    return asked or (platform if platform in ("egl", "osmesa") else "")


def _candidates() -> list[str]:
    """Return the back ends worth a try, the remembered one first."""
    remembered = REMEMBERED.read_text().strip() if REMEMBERED.is_file() else ""
    backends = [b for b in BACKENDS if b != "glfw" or os.environ.get("DISPLAY")]
    return sorted(backends, key=lambda backend: backend != remembered)


def _absent(backend: str) -> str:
    """Return what a back end lacks, "" if nothing."""
    if backend == "glfw" and not os.environ.get("DISPLAY"):
        return "there is no display"
    if backend in ("egl", "osmesa") and find_spec("OpenGL") is None:
        return "the Python package PyOpenGL is missing"
    for names in _LIBRARIES.get(backend, ()):
        if not any(map(_loadable, names)):
            return f"{names[0]} cannot be loaded"
    return ""


def _loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main(arguments: Iterable[str]) -> int:
    """Check that OpenGL renders and say so in one line; 0 if it does."""
    if list(arguments) == ["--packages"]:
        print(*DEBIAN_PACKAGES)
        return 0
    backend, errors = first_that_renders()
    if backend is None:
        print(f"OpenGL cannot render without a screen: {'; '.join(errors)}", file=sys.stderr)
        print(f"what to install: {install_line()}", file=sys.stderr)
        return 1
    print(f"OpenGL renders with {backend}")
    if sys.prefix != sys.base_prefix and not _wanted():
        REMEMBERED.write_text(f"{backend}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
