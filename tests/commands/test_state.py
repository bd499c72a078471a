"""A state estimator by the commands: made of trainings, learned on, rolled out."""

import json
from pathlib import Path

import numpy as np
import pytest
from terminal import Made, contents

from data.dataset import Dataset
from dsae.__main__ import main
from dsae.state import artefact
from policies import policy

THREADS = ["--threads", "1"]
ALL = ["--set", "prune=false"]  # after a few steps of training no point is worth keeping
Said = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_state_is_one_file_that_says_what_it_holds(
    made: Made, tmp_path: Path, capsys: Said
) -> None:
    assert run("state", made.dsae, *ALL, *THREADS, "--out", tmp_path / "state") == 0
    said = capsys.readouterr().out
    parts = (
        "joint_position (7), joint_velocity (7), ee_pose (7), ee_velocity (6), front/points (32)"
    )
    assert f"a state of 91 numbers, {parts}, front/point_velocities (32): " in said
    estimator = artefact.load(tmp_path / "state")
    assert estimator.rate == 20
    episode = Dataset.open(made.data).read(0)
    vector = estimator.run(episode.images["front"], episode.observations).vector
    assert vector.shape == (episode.length, 91)
    np.testing.assert_allclose(vector[:, :7], episode.observations["joint_position"])
    # Where the end effector goes is what its velocity says, half a step later.
    moved = np.diff(episode.observations["ee_pose"][:, :3], axis=0) * 20
    np.testing.assert_allclose(vector[1:, 21:24], moved, atol=1e-4)
    again = tmp_path / "again"
    assert run("state", made.dsae, *ALL, *THREADS, "--out", again) == 0
    files = [folder / artefact.STATE_FILE for folder in (tmp_path / "state", again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_code_without_points_makes_a_state_and_says_what_it_lacks(
    made: Made, tmp_path: Path, capsys: Said
) -> None:
    assert run("state", made.vae, *THREADS, "--out", tmp_path / "state") == 0
    said = capsys.readouterr().out
    assert "camera front: a code without feature points: no presence, all of it is kept" in said
    assert "front/code (32), front/code_velocities (32)" in said


def test_a_policy_learns_on_a_state_and_rolls_out(made: Made, tmp_path: Path) -> None:
    state, learned = tmp_path / "state", tmp_path / "learned"
    assert run("state", made.dsae, *ALL, *THREADS, "--out", state) == 0
    assert run("learn", "bc", "push", "--data", made.data, "--state", state, *THREADS,
               "--set", "epochs=2", "hidden=8", "--out", learned) == 0  # fmt: skip
    loaded = policy.load(learned).state
    assert [part.name for part in loaded.layout] == ["ee_pose", "goal", "front/points"]
    assert loaded.estimator is not None
    assert run("rollout", learned, "--episodes", 2, "--workers", 1, "--out", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "rollout.json").read_text())["episodes"] == 2


def test_why_points_are_kept_or_dropped_is_written_down(
    made: Made, tmp_path: Path, capsys: Said
) -> None:
    out = tmp_path / "state"
    code = run("state", made.dsae, *THREADS, "--out", out)
    said = capsys.readouterr()
    if code == 0:
        scores = json.loads((out / "points.json").read_text())["front"]["scores"]
        kept = artefact.load(out).perceptions["front"].kept
        assert [score["category"] == "kept" for score in scores] == kept.tolist()
        assert all(score["reason"] in said.out for score in scores)
    else:  # nothing is left behind
        assert "no feature point is worth controlling with (16 " in said.err
        assert not out.exists()


def test_bad_input_is_one_line(made: Made, tmp_path: Path, capsys: Said) -> None:
    before = contents(made.dsae)
    policy_run, nothing = made.policy, tmp_path / "nothing"
    cases = {
        ("state", nothing): "nothing",
        ("state", policy_run): "is no run of 'dsae train'",
        ("state", made.dsae, "--also", made.vae): "trained on the camera 'front', as another one",
        ("state", made.dsae, "--set", "presence=-1"): "presence",
        (
            "state",
            made.dsae,
            "--set",
            "colour=1",
        ): "no setting 'colour': it has presence",
        ("state", made.dsae, "--episodes", "0"): "episodes",
        (
            "learn",
            "bc",
            "push",
            "--data",
            made.data,
            "--state",
            made.dsae / "config.yaml",
        ): "config",
    }
    for call, message in cases.items():
        assert run(*call, *THREADS, "--out", tmp_path / "out") == 2, call
        said = capsys.readouterr().err
        assert message in said, call
        assert said.count("\n") == 1, said
    assert not (tmp_path / "out").exists()
    assert contents(made.dsae) == before
