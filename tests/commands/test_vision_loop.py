"""The paper's loop as one command, and what a trajectory policy is rolled out on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.dataset import Dataset
from dsae.__main__ import main
from dsae.commands.vision_loop import Loop
from policies import policy


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_trajectory_policy_is_also_tested_with_things_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned, rolled = tmp_path / "learned", tmp_path / "rolled"
    small = ("--set", "iterations=2", "rollouts=2", "condition={goal: [0.5, 0.15]}")
    assert run("learn", "lqr_flm", "push", *small, "--workers", 2, "--out", learned) == 0
    conditions = policy.load(learned).actor.conditions
    assert [condition["goal"] for condition in conditions] == [[0.5, 0.15]]
    assert run("rollout", learned, "--episodes", 3, "--workers", 1, "--out", rolled) == 0
    assert "with block standing elsewhere: success" in capsys.readouterr().out
    results = json.loads((rolled / "rollout.json").read_text())
    assert results["episodes"] == results["moved"]["episodes"] == 3
    still, moved = results["outcomes"], results["moved"]["outcomes"]
    assert [one["seed"] for one in still] == [one["seed"] for one in moved]
    # The block starts elsewhere in each: so it ends.
    assert len({round(one["distance"], 4) for one in moved}) == 3


def test_images_come_from_episodes_in_which_nothing_is_evaluated() -> None:
    given: dict[str, Any] = {
        "learner": "lqr_flm", "task": "push", "encoder": "auto", "first": {}, "seen": {},
        "settings": {}, "images": 40, "steps": 1, "size": None, "cameras": ("front",), "env": {},
        "device": "cpu", "threads": 1, "workers": 1, "folder": Path("out"),
    }  # fmt: skip
    first = [Loop(**given, seed=seed).image_seed for seed in (0, 1, 2000, 2**32 - 1)]
    assert first[1] - first[0] == 1000
    assert min(first) > 10**9  # `dsae rollout` and the benchmarks begin at some millions
    assert max(first) + 1000 < 2**32


def test_a_trajectory_policy_collects_from_its_own_conditions(tmp_path: Path) -> None:
    learned, data = tmp_path / "learned", tmp_path / "data"
    small = ("--set", "iterations=1", "rollouts=2", "moves=0.01")
    assert run("learn", "lqr_flm", "push", "--state", "blind", *small, "--out", learned) == 0
    assert run("collect", "push", "--controller", learned, "--noise", 0.3, "--episodes", 6,
               "--size", 32, "--workers", 1, "--out", data) == 0  # fmt: skip
    actor = policy.load(learned).actor
    begin, end = (np.array(one["block"][:2]) for one in (actor.conditions[0], actor.ends[0]))
    episodes = [Dataset.open(data).read(i) for i in range(6)]
    shares = []
    for number, episode in enumerate(episodes):
        assert episode.points is not None
        place = episode.points[0, 1, :2]
        # In every other episode the block stands somewhere on its way to the goal.
        share = (place - begin) @ (end - begin) / np.sum((end - begin) ** 2) if number % 2 else 0.0
        assert 0 <= share <= 1.1
        assert np.abs(place - begin - share * (end - begin)).max() <= 0.01 * 1.5
        assert not np.array_equal(episode.actions, episode.intended_actions)
        shares.append(share)
    assert max(shares) > 0.2
    starts = {tuple(e.points[0, 1]) for e in episodes if e.points is not None}
    assert len(starts) == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("learn bc push --encoder auto", "bc learns no encoder on the way"),
        ("learn lqr_flm push --encoder nothing", "unknown encoder 'nothing'"),
        ("learn lqr_flm push --encoder auto --state blind", "the loop makes data and state"),
        (
            "learn lqr_flm push --encoder auto --cameras top",
            "unknown camera 'top': choose from front, side",
        ),
        ("learn lqr_flm push --encoder auto --cameras ,", "cameras = ','"),
        ("learn lqr_flm push --cameras front,side", "--cameras is the loop's: give --encoder"),
        ("learn lqr_flm push --state pixels", "lqr_flm cannot learn on the state 'pixels'"),
        ("learn lqr_flm push --data somewhere", "lqr_flm learns by acting in the task"),
        ("learn lqr_flm push --set begin=nowhere", "there is no policy at nowhere"),
        ("learn lqr_flm push --set conditions=0", "conditions"),
        ("collect push --noise 0.1", "--noise is a learned policy's"),
    ],
)
def test_a_mistake_is_one_line(
    call: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(call.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("cameras", ["front", "front,side"])
def test_the_whole_loop(cameras: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "loop"
    call = ["learn", "lqr_flm", "push", "--encoder", "auto", "--images", 20, "--encoder-steps",
            600, "--cameras", cameras, "--seed", 3, "--set", "iterations=5", "rollouts=4", "--out",
            out]  # fmt: skip
    assert run(*call) == 0
    counts = json.loads((out / "loop.json").read_text())
    # Five improvements and two rounds that choose, four rollouts each.
    assert counts["rollouts"] == {"blind": 28, "images": 20, "control": 28}
    assert "76 rollouts" in capsys.readouterr().out
    learned = policy.load(out)
    estimator = learned.state.estimator
    assert estimator is not None
    (goal,) = learned.actor.goals
    assert list(estimator.perceptions) == list(goal) == cameras.split(",")
    assert all(one.mask.any() for one in goal.values())
    assert run(*call) == 2  # finished
    assert "finished" in capsys.readouterr().err
