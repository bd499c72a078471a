"""Goals: where the feature points are in an image of what is to be reached, and how far off now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dsae.checkpoint import write_atomically
from dsae.coordinates import in_half_sides
from dsae.errors import DsaeError

FORMAT_VERSION = 1
KIND = "goal"


class Goal(NamedTuple):
    """Target places of the points that count."""

    points: np.ndarray
    """(K, 2), (x, y) as in `dsae.coordinates`."""
    mask: np.ndarray
    """Which of them count, bool (K,): those that are present in the goal's image and kept."""

    @classmethod
    def of(cls, points: np.ndarray, present: np.ndarray, kept: np.ndarray) -> "Goal":
        """Take the points (K, 2) of one image, present and kept (K,), as the goal.

        `kept` may also be narrower than what pruning kept: `Pruning.movable` is without what is
        placed anew in each episode, which no controller can bring to another one's place.
        Raises DsaeError if none of them is present, or the arrays do not fit together.
        """
        count = len(kept)
        if points.shape != (count, 2) or present.shape != (count,):
            raise DsaeError(
                f"a goal is one image's points: with {count} points kept or dropped, points are "
                f"({count}, 2) and present ({count},), not {points.shape} and {present.shape}"
            )
        if not kept.any():
            raise DsaeError("no point is kept: there is nothing to make a goal of")
        mask = present & kept
        if not mask.any():
            raise DsaeError(
                f"none of the {int(kept.sum())} kept points is present in the goal's image: "
                "choose an image in which the objects can be seen"
            )
        if not np.isfinite(points[mask]).all():
            raise DsaeError("the goal's points hold a value that is no number")
        return cls(points, mask)


def distance(
    points: np.ndarray,
    goal: Goal,
    present: np.ndarray | None = None,
    *,
    height: int = 1,
    width: int = 1,
) -> np.ndarray:
    """Return how far points (..., K, 2) are from the goal, (...), in halves of the shorter side.

    The mean, over the points that count, of the Euclidean distance |p_k − g_k|; the images' size
    H × W (or anything in its proportions) makes x and y comparable. With `present`, bool (..., K),
    the mean is over those of them that are there now; NaN where none is. Without, all count: as it
    should be for filtered places, which are known while a point is absent.
    """
    apart = in_half_sides(np.asarray(points) - goal.points, height, width)
    counts = np.broadcast_to(goal.mask, apart.shape[:-1])  # (..., K)
    if present is not None:
        counts = counts & present
    lengths = np.linalg.norm(np.where(counts[..., None], apart, 0.0), axis=-1)
    number, total = counts.sum(axis=-1), lengths.sum(axis=-1)
    return np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0)


def save(path: Path, goals: Mapping[str, Goal], **extra: Any) -> None:
    """Write goals by camera as a JSON file; `extra` comes along."""
    cameras = {
        camera: {"points": goal.points.tolist(), "mask": goal.mask.tolist()}
        for camera, goal in goals.items()
    }
    written = {"format": FORMAT_VERSION, "kind": KIND, **extra, "cameras": cameras}
    write_atomically(path, (json.dumps(written, indent=2, allow_nan=False) + "\n").encode())


def load(path: Path) -> dict[str, Goal]:
    """Read the goals by camera from a file of `save`; DsaeError if it is none or damaged."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        cameras, version = written["cameras"], (written["format"], written["kind"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DsaeError(f"{path} is missing or no goal: make it with dsae goal") from error
    if version != (FORMAT_VERSION, KIND):
        raise DsaeError(f"{path} is a {version[1]} of format {version[0]}, not a goal of format 1")
    try:
        goals = {
            camera: Goal(np.array(goal["points"], float), np.array(goal["mask"], bool))
            for camera, goal in cameras.items()
        }
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise DsaeError(f"{path} is damaged: make it again with dsae goal") from error
    for goal in goals.values():
        if goal.points.shape != (len(goal.mask), 2) or goal.mask.ndim != 1:
            raise DsaeError(f"{path} is damaged: make it again with dsae goal")
    return goals
