"""What was recorded beside the frames, as one array per frame for encoders that learn from it."""

from collections.abc import Sequence

import numpy as np

from data.dataset import Dataset
from data.episode import KEYPOINT_SUFFIX
from data.windows import Windows
from dsae.commands.errors import UsageError
from dsae.coordinates import to_points
from dsae.encoder import Encoder

ROBOT = ("joint_position", "ee_pose", "gripper")
"""The robot's own state, as far as it was recorded: what a robot feels without a camera."""


def beside(windows: Windows, needs: frozenset[str]) -> dict[str, np.ndarray]:
    """Return what `needs` names (see `Encoder.needs`), float32 (N, D) each, for all frames.

    `robot` is `ROBOT`; `truth` is for each keypoint x and y as in `dsae.coordinates` and its
    place (3,) in metres, or what of the two is known. Raises UsageError if the data set does not
    have it.
    """
    makers = {"robot": _robot, "truth": _truth}
    return {name: makers[name](windows).astype(np.float32) for name in sorted(needs)}


def robot_of(windows: Windows, encoder: Encoder) -> np.ndarray | None:
    """Return the robot's state (N, D) if the encoder draws with it.

    Raises UsageError if it was trained with another number D, or the data set has none.
    """
    robot = beside(windows, encoder.needs & {"robot"}).get("robot")
    if robot is not None and robot.shape[1] != encoder.sizes["robot"]:
        raise UsageError(
            f"the encoder was trained with {encoder.sizes['robot']} numbers of robot state, "
            f"{windows.dataset.folder} has {robot.shape[1]}"
        )
    return robot


def available(dataset: Dataset, camera: str, episodes: Sequence[int]) -> frozenset[str]:
    """Return what of `robot` and `truth` can be asked of `beside`; no frame is read."""
    found = {
        "robot": _robot_names(dataset, episodes),
        "truth": _truth_parts(dataset, camera, episodes),
    }
    return frozenset(name for name, parts in found.items() if parts)


def _robot(windows: Windows) -> np.ndarray:
    names = _robot_names(windows.dataset, windows.episodes)
    if not names:
        raise UsageError(f"{windows.dataset.folder} has no robot state ({', '.join(ROBOT)})")
    return np.concatenate([windows.observation(name) for name in names], axis=1)


def _robot_names(dataset: Dataset, episodes: Sequence[int]) -> list[str]:
    recorded = _recorded(dataset, episodes)
    return [name for name in ROBOT if f"obs/{name}" in recorded]


def _truth(windows: Windows) -> np.ndarray:
    known = _truth_parts(windows.dataset, windows.camera, windows.episodes)
    if not known:
        raise UsageError(f"{windows.dataset.folder} has no ground truth to learn from")
    height, width, _ = windows.frame_shape
    parts = []
    if "pixels" in known:
        parts.append(to_points(windows.keypoints[..., :2], height, width))
    if "metres" in known:
        parts.append(windows.points)
    return np.concatenate(parts, axis=2).reshape(len(windows.frames), -1)


def _truth_parts(dataset: Dataset, camera: str, episodes: Sequence[int]) -> list[str]:
    if not dataset.header(episodes[0])["keypoint_names"]:
        return []
    recorded = _recorded(dataset, episodes)
    keys = {"pixels": f"truth/{camera}{KEYPOINT_SUFFIX}", "metres": "truth/points"}
    return [part for part, key in keys.items() if key in recorded]


def _recorded(dataset: Dataset, episodes: Sequence[int]) -> set[str]:
    """Return the keys that every one of the episodes has."""
    return set.intersection(*(set(dataset.header(number)["keys"]) for number in episodes))
