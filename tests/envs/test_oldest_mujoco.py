"""The tasks keep their contract on the oldest MuJoCo that the package allows, too."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve()


def oldest() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'"mujoco>=(\d+\.\d+)"', text)
    assert found
    return f"{found[1]}.0"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_contract_holds_on_the_oldest_mujoco(tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, f"mujoco=={oldest()}"], check=True)
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    code = "import envs.engine as engine; print(engine.mujoco.__version__, engine.mujoco.__file__)"
    asked = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == [oldest(), str(site / "mujoco" / "__init__.py")]
    files = [str(file) for file in HERE.parent.glob("test_*.py") if file != HERE]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_, *files], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
