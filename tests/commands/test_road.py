"""The verbs one after the other: what one writes, the next one reads."""

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from terminal import Made

from data.dataset import Dataset
from dsae.__main__ import main
from dsae.commands import runs
from policies import policy

Capture = pytest.CaptureFixture[str]
KEYPOINTS = {"end_effector", "block", "goal"}


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def evaluated(folder: Path, out: Path, *more: object) -> dict[str, Any]:
    assert run("evaluate", folder, "--out", out, "--threads", "1", *more) == 0
    return json.loads(out.read_text())


def film(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_collected_episodes_are_what_was_asked_for(made: Made) -> None:
    dataset = Dataset.open(made.data)
    assert len(dataset) == 6
    assert dataset.lengths == (25,) * 6
    assert dataset.image_shape("front") == (32, 32, 3)
    assert Dataset.open(made.small).image_shape("front") == (24, 40, 3)
    episode = dataset.read(2)
    assert episode.meta["task"] == "push"
    assert episode.meta["seed"] == 2
    assert set(episode.keypoint_names) == KEYPOINTS
    assert episode.intended_actions is not None
    assert episode.actions is not None
    assert not np.array_equal(episode.intended_actions, episode.actions)  # a noisy expert


def test_spatial_encoder_is_measured_by_points_and_probe(made: Made, tmp_path: Path) -> None:
    figures = evaluated(made.dsae, tmp_path / "figures.json")
    assert set(figures["keypoints"]) == KEYPOINTS
    assert figures["held_out_frames"] == 25
    assert len(figures["points"]["mean_softmax_mass"]) == 16
    for row in figures["keypoints"].values():
        assert 0 <= row["tracking_px"] < 45
        assert row["tracking_percent_of_width"] == pytest.approx(100 * row["tracking_px"] / 32)
        assert row["constant_px"] >= 0
        assert row["untrained_tracking_px"] != row["tracking_px"]
    assert figures["reconstruction"]["mse"] > 0


def test_vae_is_measured_by_probe_alone(made: Made, tmp_path: Path, capsys: Capture) -> None:
    figures = evaluated(made.vae, tmp_path / "figures.json")
    assert figures["points"] is None
    for row in figures["keypoints"].values():
        assert "tracking_px" not in row
        assert row["probe_px"] >= 0
    table = capsys.readouterr().out
    assert all(name in table for name in (*KEYPOINTS, "probe", "untrained probe", "constant"))


def test_points_are_drawn_on_a_held_out_episode(made: Made, tmp_path: Path) -> None:
    video = tmp_path / "new" / "points.mp4"
    assert run("overlay", made.dsae, "--out", video) == 0
    assert film(video).shape == (25, 384, 384, 3)
    sheet = tmp_path / "maps.png"
    assert run("overlay", made.dsae, "--maps", "--episode", "0", "--out", sheet) == 0
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] > picture.shape[0] * 0.8


def test_a_policy_on_features_is_learned_rolled_out_and_collects(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    learned, rolled = tmp_path / "learned", tmp_path / "rolled"
    common = ["--threads", "1", "--set", "epochs=2", "hidden=8"]
    state = ["--data", made.data, "--state", made.dsae]
    assert run("learn", "bc", "push", *state, "--out", learned, *common) == 0
    loaded = policy.load(learned)
    assert [part.name for part in loaded.state.layout] == ["ee_pose", "goal", "features"]
    assert loaded.task.settings == {"height": 32, "width": 32, "cameras": ["front"]}

    video = tmp_path / "rolled.png"
    more = ["--workers", "1", "--video", video, "--video-episodes", "1"]
    assert run("rollout", learned, "--episodes", "2", "--out", rolled, *more) == 0
    results = json.loads((rolled / "rollout.json").read_text())
    low, high = results["interval95"]
    assert low <= results["success_rate"] == results["successes"] / 2 <= high
    assert [row["seed"] for row in results["outcomes"]] == [1_000_000, 1_000_001]
    assert results["state"] == "dsae"
    assert "95 % interval" in capsys.readouterr().out
    picture = cv2.imread(str(video))
    assert picture is not None
    assert picture.shape[:2] == (4 + 4 * 388, 4 + 4 * 388)  # 16 of its frames

    collected = tmp_path / "collected"
    short = ["--episodes", "1", "--size", "32", "--max-steps", "3", "--workers", "0"]
    assert run("collect", "push", "--controller", learned, *short, "--out", collected) == 0
    episode = Dataset.open(collected).read(0)
    assert episode.actions is not None
    np.testing.assert_array_equal(episode.actions, episode.intended_actions)


def test_a_persons_own_recording_goes_all_the_way(tmp_path: Path, capsys: Capture) -> None:
    source, data, trained = tmp_path / "mine.npz", tmp_path / "data", tmp_path / "trained"
    frames = np.full((4, 12, 32, 48, 3), 60, np.uint8)
    for t in range(12):
        frames[:, t, 10:16, 3 * t : 3 * t + 6] = (220, 30, 30)
    np.savez(source, images=frames)
    assert run("import", source, "--size", "keep", "--out", data) == 0
    assert "4 episodes, 48 frames of 32x48" in capsys.readouterr().out
    steps = ["--steps", "3", "--batch", "2", "--threads", "1"]
    assert run("train", "dsae", data, *steps, "--out", trained) == 0
    figures = evaluated(trained, tmp_path / "figures.json")
    assert figures["keypoints"] == {}
    assert figures["image"] == {"height": 32, "width": 48}
    assert figures["reconstruction"]["mse"] > 0
    assert run("overlay", trained, "--out", tmp_path / "points.mp4", "--fps", "10") == 0
    assert film(tmp_path / "points.mp4").shape == (12, 384, 576, 3)
    assert run("learn", "bc", "push", "--data", data, "--out", tmp_path / "learned") == 2
    assert "holds no actions" in capsys.readouterr().err


def test_inspect_tells_shows_and_finds_damage(made: Made, tmp_path: Path, capsys: Capture) -> None:
    sheet = tmp_path / "sheet.png"
    call = ["inspect", made.data, "--sheet", sheet, "--rows", "3", "--columns", "4"]
    assert run(*call) == 0
    text = capsys.readouterr().out
    assert "6 episodes, 150 frames" in text
    assert "every file is whole" in text
    assert cv2.imread(str(sheet)) is not None
    assert run("inspect", made.data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 150

    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in made.small.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    victim = damaged / "episode_00000.hdf5"
    victim.write_bytes(victim.read_bytes()[:-500])
    assert run("inspect", damaged) == 1
    assert "damaged: " in capsys.readouterr().out
    assert len(json.loads((damaged / "index.json").read_text())["episodes"]) == 1
    victim.unlink()
    assert len(Dataset.open(damaged)) == 1


def recording(folder: Path, shade: int) -> Path:
    source = folder / f"{shade}.npz"
    np.savez(source, images=np.full((2, 5, 16, 24, 3), shade, np.uint8))
    return source


def test_an_import_takes_nothing_away_and_appears_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour = tmp_path / "data.importing"
    neighbour.mkdir()
    (neighbour / "thesis.tex").write_text("years of work")
    data, kept = tmp_path / "data", {"data", "data.importing", "60.npz", "90.npz"}
    sources = [recording(tmp_path, shade) for shade in (60, 90)]
    config = tmp_path / "90.yaml"
    config.write_text("size: 16")
    assert run("import", sources[0], "--size", "keep", "--out", data) == 0
    assert run("import", sources[1], "--out", data) == 2

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    rename = Path.rename
    with monkeypatch.context() as patch:  # the last rename fails: what was there comes back
        patch.setattr(Path, "rename", lambda a, b: fail() if a.name == "run" else rename(a, b))
        assert run("import", sources[1], "--out", data, "--overwrite") == 1
    assert Dataset.open(data).read(0).images["front"][0, 0, 0, 0] == 60

    assert run("import", sources[1], "--config", config, "--out", data, "--overwrite") == 0
    assert Dataset.open(data).image_shape("front") == (16, 16, 3)
    assert Dataset.open(data).read(0).images["front"][0, 0, 0, 0] == 90
    assert runs.read_run(data)["finished"] is True
    assert runs.read_run(data)["seconds"] > 0
    assert (neighbour / "thesis.tex").read_text() == "years of work"
    assert {path.name for path in tmp_path.iterdir()} == kept | {"90.yaml"}


def test_an_import_never_replaces_its_own_source(tmp_path: Path, capsys: Capture) -> None:
    data = tmp_path / "data"
    assert run("import", recording(tmp_path, 60), "--size", "keep", "--out", data) == 0
    inside = recording(data, 90)
    assert run("import", inside, "--out", data, "--overwrite") == 2
    assert "which is imported: choose another --out" in capsys.readouterr().err
    assert inside.exists()
