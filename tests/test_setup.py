"""What turns a clone into a working project: .ci/setup.sh, the pins, the wheel, the skip guard.

The set-up runs here in a made-up machine: a PATH of its own whose python, id, sudo and apt-get only
write down how they were called.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ["sh", "cat", "cksum", "cp", "dirname", "env", "grep", "mkdir", "rm", "sed", "tail"]

PYTHON_STUB = """#!/bin/sh
echo "python $*" >>"$CALLS"
case "$*" in
*version_info*) echo "$STUB_VERSION" ;;
*ensurepip*) [ -z "${STUB_NO_VENV:-}" ] ;;
"-m venv .venv")
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo "version = $STUB_VERSION" >.venv/pyvenv.cfg
    echo "VIRTUAL_ENV=$(pwd -P)/.venv" >.venv/bin/activate ;;
*"pip install"*) [ -z "${STUB_NO_PIP:-}" ] || { echo "no network"; exit 1; } ;;
*opengl*--packages) echo "libegl1 libgl1" ;;
*opengl*) [ -z "${STUB_NO_OPENGL:-}" ] || [ -e installed ] || { echo "no libEGL"; exit 1; } ;;
esac
"""

APT_STUB = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case "$*" in install*) echo >installed ;; esac
"""


class Machine:
    """A project folder and a PATH with nothing on it but stubs and a few tools."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        (self.project / ".ci").mkdir(parents=True)
        for name in (".ci/setup.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.project / name)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.stub("python3", PYTHON_STUB)
        self.user(root=False)

    def stub(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def user(self, *, root: bool) -> None:
        self.stub("id", f"#!/bin/sh\necho {0 if root else 1000}\n")
        self.stub("sudo", "#!/bin/sh\nexit 1\n")

    def setup(self, **stub: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        environment = {"PATH": str(self.bin), "CALLS": str(self.calls), "STUB_VERSION": "3.12"}
        return subprocess.run(
            [str(self.project / ".ci" / "setup.sh")],
            env=environment | stub,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self, words: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if words in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_old_python_is_refused_in_one_line(machine: Machine) -> None:
    done = machine.setup(STUB_VERSION="3.9")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert not (machine.project / ".venv").exists()


def test_another_python_is_found_or_named(machine: Machine) -> None:
    (machine.bin / "python3").rename(machine.bin / "python3.13")
    done = machine.setup(PYTHON="python3.99", STUB_VERSION="3.9")
    assert done.returncode == 1
    assert "python3.99" in done.stderr
    assert machine.setup(STUB_VERSION="3.13").returncode == 0
    assert machine.called("-m venv")


def test_torch_comes_first_and_all_pinned(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    torch, rest = machine.called("pip install")
    assert torch.endswith("-m pip install -c constraints.txt torch==2.13.0")
    assert rest.endswith("-m pip install -c constraints.txt -e .[dev]")


def test_the_second_call_only_compares_a_stamp(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    start = time.monotonic()
    done = machine.setup()
    assert time.monotonic() - start < 2
    assert (done.returncode, done.stderr, machine.called("")) == (0, "", [])


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml"])
def test_changed_requirements_are_installed_into_the_same_environment(
    machine: Machine, file: str
) -> None:
    machine.setup()
    with (machine.project / file).open("a") as changed:
        changed.write("# changed\n")
    assert machine.setup().returncode == 0
    assert machine.called("pip install")
    assert not machine.called("-m venv")


def test_a_failed_install_says_why_and_the_next_call_goes_on(machine: Machine) -> None:
    done = machine.setup(STUB_NO_PIP="1")
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "install.log" in done.stderr
    assert machine.setup().returncode == 0
    assert machine.called("pip install")
    assert not machine.called("-m venv")


def test_a_half_made_or_moved_environment_is_made_again(machine: Machine) -> None:
    (machine.project / ".venv" / "bin").mkdir(parents=True)
    assert machine.setup().returncode == 0
    assert machine.called("-m venv")
    machine.project = machine.project.rename(machine.project.with_name("moved"))
    with (machine.project / "constraints.txt").open("a") as changed:
        changed.write("# changed\n")
    assert machine.setup().returncode == 0
    assert machine.called("-m venv")


def test_debian_without_venv_says_which_line_installs_it(machine: Machine) -> None:
    machine.stub("apt-get", APT_STUB)
    done = machine.setup(STUB_NO_VENV="1")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup: missing system packages, run: "
        "sudo apt-get update && sudo apt-get install -y python3.12-venv"
    ]
    assert not machine.called("apt-get")


def test_without_apt_the_packages_are_named(machine: Machine) -> None:
    done = machine.setup(STUB_NO_VENV="1")
    assert done.returncode == 1
    assert "Debian names: python3.12-venv" in done.stderr


def test_root_gets_venv_and_opengl_installed(machine: Machine) -> None:
    machine.stub("apt-get", APT_STUB)
    machine.user(root=True)
    assert machine.setup(STUB_NO_VENV="1").returncode == 0
    update, install = machine.called("apt-get")
    assert update == "apt-get update"
    assert install.endswith("python3.12-venv")

    (machine.project / ".venv" / "ready").unlink()
    (machine.project / "installed").unlink()
    assert machine.setup(STUB_NO_OPENGL="1").returncode == 0
    assert machine.called("apt-get install")[0].endswith("libegl1 libgl1")


def test_missing_opengl_says_which_line_installs_it_and_is_checked_again(machine: Machine) -> None:
    machine.stub("apt-get", APT_STUB)
    done = machine.setup(STUB_NO_OPENGL="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("sudo apt-get install -y libegl1 libgl1")
    assert machine.setup(STUB_NO_OPENGL="1").returncode == 1
    assert not machine.called("pip install")
    assert machine.setup().returncode == 0


SUITES = sorted(file.stem for file in (ROOT / ".ci" / "adapters").glob("*.txt"))


def requirements() -> dict[str, Requirement]:
    """What the project and its extras need, those of other people's suites apart."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(extras[name] for name in extras if name not in SUITES)]
    return _by_name([line for lines in lists for line in lines])


def _by_name(lines: list[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    return {_normal(each.name): each for each in found if each.name != "dsae"}


def pins(file: str = "constraints.txt") -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {_normal(name): version for name, version in pairs}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", sorted(requirements()))
def test_every_requirement_has_an_allowed_pin(name: str) -> None:
    assert name in pins(), f"pin {name} in constraints.txt"
    assert requirements()[name].specifier.contains(pins()[name])


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_tested_with_what_its_extra_allows(suite: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = _by_name(project["optional-dependencies"][suite])
    pinned = pins(f".ci/adapters/{suite}.txt")
    for name, requirement in wanted.items():
        assert requirement.specifier.contains(pinned[name]), name


def test_the_pins_hold_no_local_builds() -> None:
    assert pins()["torch"] == "2.13.0"
    assert pins()["mujoco"] == "4.0.0"
    assert not [version for version in pins().values() if "+" in version]


SKIPS = {
    "test": ("import pytest\ndef test_x(): pytest.skip('no foo')\n", 1),
    "module": ("import pytest\npytest.importorskip('no_such_module')\n", 1),
    "gpu": ("import pytest\ndef test_x(): pytest.skip('needs a GPU')\n", 0),
    "xfail": ("import pytest\n@pytest.mark.xfail\ndef test_x(): assert False\n", 0),
}


@pytest.mark.parametrize("kind", SKIPS)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_skip_fails_where_nothing_may_be_skipped(kind: str, workers: int, tmp_path: Path) -> None:
    text, failures = SKIPS[kind]
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(text + "\ndef test_passes(): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "-p", "no:cacheprovider"]
    for no_skip, expected in (("1", failures), ("", 0)):
        environment = {**os.environ, "DSAE_NO_SKIP": no_skip}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        output = done.stdout
        assert ("DSAE_NO_SKIP is set" in output) == bool(expected), output
        if expected:
            assert done.returncode != 0, output
        elif kind != "module":  # skipped as a whole it holds no test, which pytest calls 5
            assert done.returncode == 0, output


@pytest.mark.slow
def test_the_wheel_ships_every_package_model_and_config(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    rooms = ("dsae", "envs", "data", "policies", "configs")
    for room in rooms:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, source / room, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("dsae-*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".xml", ".yaml", ".j2", ".html", ".css", ".js")
        or path.name == "py.typed"
    }
    assert shipped == wanted
