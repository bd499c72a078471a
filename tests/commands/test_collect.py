"""Collecting real episodes through the command: killed, it goes on and ends in the same bytes."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from terminal import ENVIRONMENT, command, dsae

from data.dataset import verify
from dsae.__main__ import main


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
