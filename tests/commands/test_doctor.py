"""`dsae doctor`, run for real in processes of its own."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from terminal import ENVIRONMENT, command, contents

from dsae.commands import doctor, opengl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY"):
        monkeypatch.setenv(name, "")  # set, so that it is restored whatever `ensure` does


def run_doctor(
    *arguments: str, directory: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dsae", "doctor", *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_this_machine_is_ready() -> None:
    done = run_doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^MuJoCo +\d+\.\d+", done.stdout, re.MULTILINE)
    rate = re.search(r"^rendering +(\d+) frames/s", done.stdout, re.MULTILINE)
    assert rate is not None
    assert int(rate[1]) > 0
    assert "Everything that `dsae demo` needs is here." in done.stdout


def test_a_package_that_hides_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").touch()
    done = run_doctor(directory=tmp_path)  # -m looks in the current directory first
    assert f"shadowed by {tmp_path / 'data'}" in done.stdout
    assert done.returncode == 1


def test_scripts_started_beside_such_a_package_are_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (finding,) = [finding for finding in doctor.shadows() if finding.name == "policies"]
    assert f"shadowed in this directory by {tmp_path / 'policies'}" in finding.value
    assert not finding.blocks


def test_a_back_end_that_cannot_render_gets_the_install_line() -> None:
    done = run_doctor("--json", MUJOCO_GL="glfw")  # without a display it never works
    assert done.returncode == 1, done.stdout + done.stderr
    found = findings(done)["OpenGL"]
    assert "glfw does not render" in found["value"]
    assert "apt-get install -y libegl1 libopengl0 libgl1-mesa-dri libgl1" in found["advice"]


def test_learning_from_frames_that_cannot_be_drawn_is_refused_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        command("learn", "sac", "push", "--state", "pixels", "--set", "steps=10", "--threads", 1),
        cwd=tmp_path, env={**ENVIRONMENT, "MUJOCO_GL": "glfw"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith("dsae: ")
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == {}


def test_a_missing_package_gets_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = ("h5py", "cv2")
    monkeypatch.setattr(
        "dsae.commands.doctor.find_spec", lambda name: None if name in hidden else object()
    )
    (finding,) = doctor.missing()
    assert finding.blocks
    assert finding.value == "opencv-python-headless, h5py"
    assert finding.advice == f"{sys.executable} -m pip install opencv-python-headless h5py"


def test_the_packages_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = list(project["dependencies"])
    for extra in extras.keys() - {"rl", "export", "dev", "fetch", "metaworld"}:
        lines += extras[extra]
    names = {re.split(r"[\[<>=]", line)[0] for line in lines} - {"dsae"}
    assert names == set(doctor.PACKAGES.values())


def test_ensure_sets_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opengl, "_loadable", lambda library: library.startswith("libOSMesa"))
    monkeypatch.setattr(opengl, "REMEMBERED", Path("nowhere"))
    opengl.ensure()
    assert (os.environ["MUJOCO_GL"], os.environ["PYOPENGL_PLATFORM"]) == ("osmesa", "osmesa")


def test_ensure_says_in_one_line_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opengl, "_loadable", lambda library: False)
    with pytest.raises(opengl.OpenGLMissing, match=r"apt-get install -y libegl1") as caught:
        opengl.ensure()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", ["disable", "directx", "glfw"])
def test_ensure_refuses_what_cannot_render(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", asked)
    with pytest.raises(opengl.OpenGLMissing, match=f"MUJOCO_GL={asked}"):
        opengl.ensure()


def test_what_was_seen_rendering_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opengl, "REMEMBERED", tmp_path / "backend")
    monkeypatch.setattr(opengl, "_loadable", lambda library: True)
    assert opengl.choose() == "egl"
    (tmp_path / "backend").write_text("osmesa\n")
    assert opengl.choose() == "osmesa"


def test_the_probe_reports_what_failed() -> None:
    result = opengl.probe("nonsense")
    assert not result.ok
    assert "nonsense" in result.error
