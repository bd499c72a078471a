"""What the observations of our tasks and of the suites' have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

MAX_EXTENT = 3.0  # (metres) bound of every position in the observation space
UNTURNED = np.array([1.0, 0.0, 0.0, 0.0])


def object_spaces(objects: int, turning: int) -> dict[str, spaces.Box]:
    """Return the bounds of the oracle state: positions of objects, rotations of those that turn."""
    bounds: dict[str, spaces.Box] = {}
    if objects:
        bounds["object_position"] = spaces.Box(-MAX_EXTENT, MAX_EXTENT, (3 * objects,))
    if turning:
        bounds["object_rotation"] = spaces.Box(-1.0, 1.0, (4 * turning,))
    return bounds


def rotations(quaternions: Sequence[np.ndarray]) -> np.ndarray:
    """Join quaternions (w, x, y, z), each with w ≥ 0, to one vector."""
    return np.concatenate([nearest(quaternion, UNTURNED) for quaternion in quaternions])


def bounded(observation: Mapping[str, Any], space: spaces.Dict) -> dict[str, np.ndarray]:
    """Return an observation as float32 within its bounds, in arrays of its own."""
    boxes: Any = space.spaces
    return {
        name: np.minimum(np.maximum(value, boxes[name].low), boxes[name].high, dtype=np.float32)
        for name, value in observation.items()
    }


def nearest(quaternion: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the one of the two equal quaternions that lies nearer to a reference."""
    return quaternion if quaternion @ reference >= 0 else -quaternion
