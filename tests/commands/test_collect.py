"""Collecting real episodes through the command: killed, it goes on and ends in the same bytes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from terminal import ENVIRONMENT, command, dsae

from data.dataset import Dataset, verify
from dsae.__main__ import main
from dsae.commands import environments


def call(out: Path, workers: int) -> list[object]:
    return ["collect", "push", "--episodes", "8", "--size", "32", "--seed", "30",
            "--max-steps", "30", "--workers", workers, "--out", out]  # fmt: skip


def episodes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("episode_*.hdf5")}


def test_a_killed_collection_goes_on_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command(*call(killed, 2)), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while len(episodes(killed)) < 1 and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    kept = episodes(killed)
    assert 1 <= len(kept) < 8
    assert verify(killed) == []

    again = dsae(*call(killed, 2), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "8 episodes, 240 frames" in again.stdout
    assert main([str(part) for part in call(whole, 0)]) == 0  # in this process, one by one
    assert episodes(killed) == episodes(whole)
    assert kept.items() <= episodes(killed).items()


def test_the_expert_does_not_act_in_torques(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["collect", "push", "--controller", "expert", "--episodes", "1", "--workers", "0"]
    settings = ["--set", "action_mode=torque", "--out", str(tmp_path / "data")]
    assert main([*arguments, *settings]) == 2
    assert "the scripted expert acts with action_mode='cartesian'" in capsys.readouterr().err


def few(out: Path, *more: object) -> list[str]:
    call = ["collect", "push", "--episodes", 3, "--max-steps", 4, "--workers", 0, "--out", out]
    return [str(part) for part in (*call, "--size", 16, *more)]


def test_lost_episodes_of_a_finished_run_are_collected_again(tmp_path: Path) -> None:
    out = tmp_path / "data"
    assert main(few(out)) == 0
    whole = episodes(out)
    assert main(few(out)) == 2  # nothing is missing
    (out / "episode_00000.hdf5").unlink()
    damaged = out / "episode_00002.hdf5"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert main(few(out)) == 0
    assert episodes(out) == whole
    assert verify(out) == []
    assert main(few(out)) == 2


def test_a_controllers_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random").mkdir()
    assert main(few(tmp_path / "data", "--controller", "random")) == 0


def test_a_size_in_a_file_may_be_a_number(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("task: reach\nepisodes: 1\nmax_steps: 3\nsize: 16\nworkers: 0\n")
    assert main(["collect", "--config", str(config), "--out", str(tmp_path / "data")]) == 0
    assert Dataset.open(tmp_path / "data").image_shape("front") == (16, 16, 3)


@pytest.mark.parametrize(
    ("task", "folder"),
    [
        ("push", "push"),
        ("dsae/Push-v0", "push"),
        ("envs:dsae/Push-v0", "push"),
        ("CartPole-v1", "CartPole-v1"),
        ("theirs:lab/Their-v3", "theirs-lab-Their-v3"),
    ],
)
def test_a_task_has_one_folder_whatever_it_is_called(task: str, folder: str) -> None:
    assert environments.folder_name(task) == folder


def test_a_namespace_that_ends_like_ours_is_not_ours() -> None:
    for task in ("theirs:mydsae/Foo-v0", "theirs:dsae/Foo-v0"):
        assert environments.task_settings(task, "16", ("front",), (), {}) == {"resize": (16, 16)}
    ours = environments.task_settings(
        "dsae/Push-v0", "16x24", ("side",), ("lighting",), {"reward": "sparse"}
    )
    assert ours == {
        "height": 16,
        "width": 24,
        "cameras": ["side"],
        "factors": ["lighting"],
        "reward": "sparse",
    }


THEIRS = '''
import gymnasium
import numpy as np
from envs.tasks.push import Push

class Theirs(Push):
    """Draws in one size alone, and fails where it is told to."""

    def __init__(self, *, fault=None, render_mode=None):
        super().__init__(width=48, height=32, render_mode=render_mode)
        self.fault = fault

    def reset(self, *, seed=None, options=None):
        if self.fault == "value":
            raise ValueError("no such\\nscene")
        if self.fault == "mujoco":
            import mujoco
            raise mujoco.FatalError("out of arena")
        return super().reset(seed=seed, options=options)

gymnasium.register(id="lab/Theirs-v0", entry_point=Theirs, max_episode_steps=5)
'''


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An environment of somebody else's, in a module of theirs."""
    (tmp_path / "their_module.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ENVIRONMENT['PYTHONPATH']}")  # for workers
    yield "their_module:lab/Theirs-v0"
    gymnasium.registry.pop("lab/Theirs-v0", None)
    sys.modules.pop("their_module", None)


@pytest.mark.parametrize(
    ("fault", "message"), [("value", "no such scene"), ("mujoco", "out of arena")]
)
def test_an_environment_that_fails_is_refused(
    fault: str, message: str, theirs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    assert main(["collect", theirs, "--set", f"fault={fault}", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"dsae: {theirs} cannot be used: {message}\n"
    assert not out.exists()


def test_a_policy_acts_in_the_resized_frames_it_was_learned_from(
    theirs: str, tmp_path: Path
) -> None:
    data, seen, learned = (str(tmp_path / name) for name in ("data", "encoder", "policy"))
    one = ["--threads", "1"]
    calls = [
        ["collect", theirs, "--size", "16x24", "--episodes", "3", "--workers", "0", "--out", data],
        ["train", "dsae", data, "--steps", "1", "--batch", "1", *one, "--out", seen],
        ["learn", "bc", theirs, "--data", data, "--state", seen, *one, "--set", "epochs=1",
         "hidden=4", "--out", learned],
        ["rollout", learned, "--episodes", "1", "--workers", "1", "--out", str(tmp_path / "roll")],
    ]  # fmt: skip
    for call in calls:
        assert main(call) == 0, call
    episode = Dataset.open(data).read(0)
    assert episode.images["front"].shape == (5, 16, 24, 3)
    env = gymnasium.make(theirs)
    env.reset(seed=0)
    expected = (env.get_wrapper_attr("keypoints")()[:, :2] + 0.5) / 2 - 0.5
    np.testing.assert_allclose(episode.keypoints["front"][0, :, :2], expected, atol=1e-4)
