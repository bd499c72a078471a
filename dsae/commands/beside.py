"""What was recorded beside the frames, as one array per frame for encoders that learn from it."""

import numpy as np

from data.errors import DataError
from data.windows import Windows
from dsae.commands.errors import UsageError
from dsae.coordinates import to_points

ROBOT = ("joint_position", "ee_pose", "gripper")
"""The robot's own state, as far as it was recorded: what a robot feels without a camera."""


def beside(windows: Windows, needs: frozenset[str]) -> dict[str, np.ndarray]:
    """Return what `needs` names (see `Encoder.needs`), float32 (N, D) each, for all frames.

    `robot` is `ROBOT`; `truth` is for each keypoint x and y as in `dsae.coordinates` and its
    place (3,) in metres. Raises UsageError if the data set does not have it.
    """
    makers = {"robot": _robot, "truth": _truth}
    return {name: makers[name](windows).astype(np.float32) for name in sorted(needs)}


def available(windows: Windows) -> frozenset[str]:
    """Return what of `robot` and `truth` a data set has."""
    found = set()
    if _robot_names(windows):
        found.add("robot")
    if windows.keypoint_names:
        found.add("truth")
    return frozenset(found)


def _robot(windows: Windows) -> np.ndarray:
    names = _robot_names(windows)
    if not names:
        raise UsageError(f"{windows.dataset.folder} has no robot state ({', '.join(ROBOT)})")
    return np.concatenate([windows.observation(name) for name in names], axis=1)


def _robot_names(windows: Windows) -> list[str]:
    recorded = windows.dataset.header(windows.episodes[0])["keys"]
    return [name for name in ROBOT if f"obs/{name}" in recorded]


def _truth(windows: Windows) -> np.ndarray:
    try:
        pixels, metres = windows.keypoints, windows.points
    except DataError as error:
        raise UsageError(f"{windows.dataset.folder} has no ground truth to learn from") from error
    height, width, _ = windows.frame_shape
    places = to_points(pixels[..., :2], height, width)
    return np.concatenate([places, metres], axis=2).reshape(len(pixels), -1)
