"""Two cameras and factors of variation, from collecting to a policy that sees through one."""

from pathlib import Path

import numpy as np
import pytest

from data.dataset import Dataset
from dsae.__main__ import main
from policies import policy

THREADS = ["--threads", "1"]


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def seen_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two") / "data"
    run("collect", "lift_block", "--episodes", 3, "--size", "32x48", "--max-steps", 12,
        "--cameras", "side,front", "--factors", "lighting,object_color", "--workers", 0,
        "--out", folder)  # fmt: skip
    return folder


def test_each_camera_has_its_stream_and_its_truth(seen_twice: Path) -> None:
    episode = Dataset.open(seen_twice).read(1)
    assert set(episode.images) == set(episode.keypoints) == {"front", "side"}
    for camera in episode.images:
        assert episode.images[camera].shape == (12, 32, 48, 3)
        assert episode.keypoints[camera].shape == (12, 3, 3)
    assert not np.array_equal(episode.images["front"], episode.images["side"])
    assert not np.array_equal(episode.keypoints["front"], episode.keypoints["side"])


def test_the_factors_drawn_are_stored_with_each_episode(seen_twice: Path) -> None:
    dataset = Dataset.open(seen_twice)
    drawn = [dataset.read(number).factors for number in range(3)]
    for factors in drawn:
        assert {key.partition(".")[0] for key in factors} == {"lighting", "object_color"}
    assert len({str(factors) for factors in drawn}) == 3


def test_a_policy_sees_through_the_camera_of_its_encoder(
    seen_twice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, learned = tmp_path / "seen", tmp_path / "learned"
    run("train", "dsae", seen_twice, "--camera", "side", "--steps", 2, "--batch", 2, *THREADS,
        "--held-out", 0.34, "--out", seen)  # fmt: skip
    run("evaluate", seen, "--out", tmp_path / "figures.json", *THREADS)
    run("learn", "bc", "lift_block", "--data", seen_twice, "--state", seen, *THREADS,
        "--set", "epochs=1", "hidden=4", "--out", learned)  # fmt: skip
    loaded = policy.load(learned)
    assert loaded.task.settings["cameras"] == ["side"]
    run("learn", "bc", "lift_block", "--data", seen_twice, "--state", seen / "encoder.safetensors",
        *THREADS, "--set", "epochs=1", "hidden=4", "--out", tmp_path / "same")  # fmt: skip
    same = policy.load(tmp_path / "same")
    assert (same.task, same.state_name) == (loaded.task, "seen")
    assert [part.name for part in loaded.state.layout] == ["ee_pose", "gripper", "goal", "features"]
    dataset = Dataset.open(seen_twice)
    side = dataset.read(0).images["side"]
    assert loaded.state.encoder is not None
    assert loaded.state.encoder.image_shape == side.shape[1:]
    run("rollout", learned, "--episodes", 1, "--workers", 1, "--video", tmp_path / "a.png",
        "--video-episodes", 1, "--out", tmp_path / "rolled")  # fmt: skip
    again = tmp_path / "again"
    run("collect", "lift_block", "--controller", learned, "--cameras", "front,side", "--size",
        "32x48", "--episodes", 1, "--max-steps", 3, "--workers", 0, "--out", again)  # fmt: skip
    assert set(Dataset.open(again).read(0).images) == {"front", "side"}
    capsys.readouterr()
    call = ["collect", "lift_block", "--controller", learned, "--size", "32x48", "--episodes", 1]
    assert main([*map(str, call), "--workers", "0", "--out", str(tmp_path / "wrong")]) == 2
    assert (
        "sees through the camera 'side', dsae/LiftBlock-v0 draws front" in capsys.readouterr().err
    )


def test_another_camera_can_be_asked_for(seen_twice: Path, tmp_path: Path) -> None:
    run("train", "vae", seen_twice, "--camera", "side", "--steps", 1, "--batch", 1, *THREADS,
        "--held-out", 0.34, "--out", tmp_path / "seen")  # fmt: skip
    run("learn", "bc", "lift_block", "--data", seen_twice, "--state", tmp_path / "seen",
        "--camera", "front", *THREADS, "--set", "epochs=1", "hidden=4",
        "--out", tmp_path / "learned")  # fmt: skip
    assert policy.load(tmp_path / "learned").task.settings["cameras"] == ["front"]
