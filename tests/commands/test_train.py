"""Training through the command: killed at any moment, it goes on and ends in the same weights."""

import dataclasses
import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, Made, command, contents, dsae

from data.dataset import Dataset
from data.episode import Episode, write
from data.index import episode_path
from dsae.__main__ import main
from dsae.commands import runs, train
from dsae.commands.errors import UsageError
from dsae.training import resumed_step

STEPS = 60


def call(made: Made, out: Path) -> list[object]:
    return ["train", "dsae", made.data, "--steps", STEPS, "--batch", "4", "--checkpoint-every",
            "4", "--threads", "1", "--device", "cpu", "--out", out]  # fmt: skip


def steps(folder: Path) -> list[int]:
    return [
        json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]


def test_a_killed_training_goes_on_and_ends_in_the_same_bytes(made: Made, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command(*call(made, killed)), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    checkpoint = killed / "checkpoint.safetensors"
    end = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    step = resumed_step(killed)
    assert 4 <= step < STEPS
    assert not (killed / "encoder.safetensors").exists()

    again = dsae(*call(made, killed), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"going on from step {step} of {STEPS}" in again.stdout
    assert main([str(part) for part in call(made, whole)]) == 0
    weights = [(folder / "encoder.safetensors").read_bytes() for folder in (killed, whole)]
    assert weights[0] == weights[1]
    assert steps(killed) == steps(whole) == [1, 25, 50, 60]
    assert not [path.name for path in killed.iterdir() if path.name.endswith(".tmp")]


def test_another_configuration_does_not_go_on_there(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main([str(part) for part in call(made, out)]) == 0
    record = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(record.replace("finished: true", "finished: false"))
    before = contents(out)
    assert main([*(str(part) for part in call(made, out)), "--seed", "1"]) == 2
    assert "holds a run with another seed" in capsys.readouterr().err
    assert contents(out) == before


def test_a_loss_that_is_not_finite_is_one_line(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(part) for part in call(made, tmp_path / "run")]
    assert main([*arguments, "--learning-rate", "1e30"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "lower the learning rate" in error
    assert not (tmp_path / "run" / "encoder.safetensors").exists()


def test_a_moving_camera_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "shaken"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        frames = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
        write(episode_path(folder, number), Episode(images={"front": frames}))
    arguments = ["train", "dsae", str(folder), "--steps", "2", "--batch", "2", "--threads", "1"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    assert "foreground-balanced loss was switched off" in capsys.readouterr().out


def test_episodes_too_short_for_a_window_are_an_error_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "short"
    folder.mkdir()
    for number in range(2):
        write(
            episode_path(folder, number),
            Episode(images={"front": np.zeros((2, 32, 32, 3), np.uint8)}),
        )
    assert main(["train", "dsae", str(folder), "--out", str(tmp_path / "run")]) == 2
    assert "no episode" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_minutes_become_steps_once(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["train", "vae", made.data, "--minutes", "0.05", "--threads", "1", "--out", out,
                 "--checkpoint-every", "5"]  # fmt: skip
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (out / "checkpoint.safetensors").exists() and time.monotonic() < end:
        time.sleep(0.002)
    process.kill()
    process.wait()
    planned = runs.read_run(out)["resolved"]["steps"]
    again = dsae(*arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert runs.read_run(out)["resolved"]["steps"] == planned
    assert steps(out)[-1] == planned


def test_a_budget_is_steps_or_minutes(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["train", "vae", str(made.data), "--out", str(tmp_path / "run")]
    assert main([*call, "--steps", "5", "--minutes", "1"]) == 2
    assert "not both" in capsys.readouterr().err
    for minutes in ("0", "-1", "nan", "inf"):
        assert main([*call, "--minutes", minutes]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_fewer_episodes_are_taken_from_all_over_the_data(made: Made) -> None:
    dataset = Dataset.open(made.data)
    everything, held_out = dataset.split()
    options = train.Options(encoder="vae", data=made.data, episodes=2)
    assert train.training_episodes(dataset, options) == (everything[0], everything[-1])
    whole = train.Options(encoder="vae", data=made.data)
    assert train.training_episodes(dataset, whole) == everything
    assert not set(everything) & set(held_out)
    with pytest.raises(UsageError, match="has 5 to learn from"):
        train.training_episodes(dataset, dataclasses.replace(options, episodes=6))


def test_an_encoder_without_steps_is_made_by_its_preparation(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = dsae("train", "pca", made.data, "--minutes", "1", "--threads", "1", "--out", out,
                "--set", "code=4", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "encoder.safetensors").exists()
    assert steps(out) == []
