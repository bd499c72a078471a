"""What stands beside the frames for the encoders that learn from it."""

import numpy as np
import pytest
from terminal import Made

from data.dataset import Dataset
from data.episode import Episode, write
from data.index import episode_path
from data.windows import Windows
from dsae.commands.beside import available, beside
from dsae.commands.errors import UsageError


def test_robot_and_truth_of_each_frame(made: Made) -> None:
    windows = Windows(Dataset.open(made.small))
    found = beside(windows, frozenset({"robot", "truth"}))
    assert available(windows.dataset, windows.camera, windows.episodes) == {"robot", "truth"}
    robot, truth = found["robot"], found["truth"]
    np.testing.assert_array_equal(robot[:, :7], windows.observation("joint_position"))
    np.testing.assert_array_equal(robot[:, 7:14], windows.observation("ee_pose"))
    names = windows.keypoint_names
    assert truth.shape == (len(windows.frames), 5 * len(names))
    row = truth[3].reshape(len(names), 5)
    x, y = windows.keypoints[3, 0, :2]  # pixels of a 24×40 image (height × width)
    np.testing.assert_allclose(row[0, :2], [(2 * x + 1) / 40 - 1, (2 * y + 1) / 24 - 1], rtol=1e-5)
    np.testing.assert_allclose(row[:, 2:], windows.points[3], rtol=1e-5)


def test_a_video_without_either_is_said_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frames = np.zeros((5, 16, 16, 3), np.uint8)
    for number in range(2):
        write(episode_path(tmp_path, number), Episode(images={"front": frames}))
    windows = Windows(Dataset.open(tmp_path))
    assert available(windows.dataset, windows.camera, windows.episodes) == frozenset()
    for need in ("robot", "truth"):
        with pytest.raises(UsageError, match=str(tmp_path)):
            beside(windows, frozenset({need}))


def test_truth_is_what_is_known_of_it_in_every_episode(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frames = np.zeros((5, 16, 16, 3), np.uint8)
    pixels = np.full((5, 2, 3), 7.5, np.float32)  # the centre of 16 pixels
    metres = np.arange(30, dtype=np.float32).reshape(5, 2, 3)
    kinds = {
        "pixels": ({"keypoints": {"front": pixels}}, np.zeros((5, 4))),
        "metres": ({"points": metres}, metres.reshape(5, 6)),
        "another camera": ({"keypoints": {"top": pixels}}, None),
        "names": ({}, None),
    }
    for kind, (recorded, truth) in kinds.items():
        folder = tmp_path / kind
        folder.mkdir()
        names = ("block", "goal") if recorded else ()
        images = {"front": frames, "top": frames}
        whole = {"keypoints": {"front": pixels}, "points": metres, "keypoint_names": names}
        more = {**recorded, "keypoint_names": names}
        write(episode_path(folder, 0), Episode(images=images, **(whole if names else {})))
        write(episode_path(folder, 1), Episode(images=images, **more))
        windows = Windows(Dataset.open(folder), "front")
        there = available(windows.dataset, windows.camera, windows.episodes)
        assert there == (set() if truth is None else {"truth"}), kind
        if truth is None:
            with pytest.raises(UsageError, match="has no ground truth to learn from"):
                beside(windows, frozenset({"truth"}))
        else:
            found = beside(windows, frozenset({"truth"}))["truth"]
            np.testing.assert_allclose(found, np.concatenate([truth, truth]), atol=1e-6)
