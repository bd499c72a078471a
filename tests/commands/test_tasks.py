"""`dsae tasks` tells what there is, and measures what it prints."""

import json
from pathlib import Path

import cv2
import pytest
from terminal import dsae

import envs
from dsae.__main__ import main

Capture = pytest.CaptureFixture[str]


def test_every_task_is_listed_without_measuring(tmp_path: Path) -> None:
    done = dsae("tasks", "--episodes", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert set(envs.names()) <= set(lines)
    for name in envs.names():
        assert envs.task_id(name).removeprefix("envs:") in lines[name]
        assert "cartesian" in lines[name]
        assert "torque" in lines[name]
        assert "lighting" in lines[name]
        assert "/" not in lines[name].replace("dsae/", "")  # no success rate that nobody measured
    assert not list(tmp_path.iterdir())


def test_figures_are_those_of_the_task(capsys: Capture) -> None:
    assert main(["tasks", "lift_block,push", "--episodes", "2", "--json", "--workers", "1"]) == 0
    lift, push = json.loads(capsys.readouterr().out)
    assert (lift["name"], push["name"]) == ("lift_block", "push")
    assert lift["actions"] == {"cartesian": 4, "torque": 8}
    assert push["actions"] == {"cartesian": 3, "torque": 7}
    for found in (lift, push):
        assert found["horizon"] == 100
        assert found["successes"] == found["episodes"] == 2
        assert found["rate"] > 5
        assert found["objects"] == ["block"]


def test_a_page_has_a_strip_for_each_task(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "list.md"
    names = "push,reach"
    assert main(["tasks", names, "--episodes", "1", "--page", str(page), "--workers", "1"]) == 0
    text = page.read_text()
    for name in names.split(","):
        assert f"![{name}](list/{name}.png)" in text
        picture = cv2.imread(str(page.parent / "list" / f"{name}.png"))
        assert picture is not None
        height, width, _ = picture.shape
        assert width > 2.5 * height
        assert picture.std() > 20
    assert "| push | 100 |" in text
