"""The command collects episodes of an adapted task as of any other, and its extra can be met."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from suites import over

from data.dataset import Dataset

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def dsae(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dsae", *map(str, arguments)],
        cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("controller", ["random", "expert"])
@over("fetch/push", "metaworld/drawer-open")
def test_collecting(name: str, controller: str, workers: int, tmp_path: Path) -> None:
    call = ["collect", name, "--episodes", 2, "--controller", controller, "--workers", workers]
    done = dsae(*call, "--out", tmp_path / "data", cwd=tmp_path)
    if controller == "expert" and name.startswith("fetch/"):
        assert done.returncode == 2
        assert done.stderr.endswith("has no scripted expert: use the random controller\n")
        return
    assert done.returncode == 0, done.stderr
    data = Dataset.open(tmp_path / "data")
    assert len(data) == 2
    for number in range(2):
        episode = data.read(number)
        (images,) = episode.images.values()
        assert images.shape == (50 if name.startswith("fetch/") else 500, 64, 64, 3)
        assert np.ptp(images) > 100
        assert episode.keypoint_names == ("end_effector", "object", "goal")
        assert episode.points is not None
        if controller == "expert":
            assert episode.meta["success"] is True


@over("fetch/push", "metaworld/push")
def test_two_cameras(name: str, tmp_path: Path) -> None:
    other = {"fetch": "head_camera_rgb", "metaworld": "topview"}[name.partition("/")[0]]
    call = ["collect", name, "--episodes", 1, "--controller", "random", "--workers", 0,
            "--max-steps", 8, "--size", "24x40", "--cameras", f"front,{other}"]  # fmt: skip
    done = dsae(*call, "--out", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    episode = Dataset.open(tmp_path / "data").read(0)
    assert sorted(episode.images) == sorted(["front", other])
    assert all(images.shape == (8, 24, 40, 3) for images in episode.images.values())
    assert not np.array_equal(episode.images["front"], episode.images[other])


@over("fetch/push", "metaworld/push")
def test_a_wrong_camera_is_answered_in_one_line(name: str, tmp_path: Path) -> None:
    done = dsae("collect", name, "--episodes", 1, "--cameras", "nose", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown camera 'nose': choose from front, " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@over("fetch/push", "metaworld/push")
def test_the_extra_allows_what_is_installed_here(name: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = extras["optional-dependencies"][name.partition("/")[0]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(version(requirement.name)), requirement
