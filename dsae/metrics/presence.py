"""Does a point know when its object cannot be seen? Presence against the true visibility."""

from typing import NamedTuple

import numpy as np


def erase(
    frames: np.ndarray, places: np.ndarray, background: np.ndarray, radius: float
) -> np.ndarray:
    """Paint discs of a background (H, W, C) over frames (N, H, W, C): the things there are gone.

    `places` are (N, 2), x and y in pixels, of each disc's centre, as `radius` is. A keypoint that
    the rays call hidden may have most of its object in view, and its point is still right; what is
    erased is truly absent. A copy is returned.
    """
    rows, columns = np.mgrid[: frames.shape[1], : frames.shape[2]]
    x, y = places[:, 0, None, None], places[:, 1, None, None]
    inside = np.hypot(columns - x, rows - y) <= radius
    return np.where(inside[..., None], background, frames)


class PresenceScore(NamedTuple):
    """How well `present` says `visible`; shares in [0, 1], NaN where there is nothing to share."""

    precision: float
    """Of the frames on which the point is present, those on which its object can be seen."""
    recall: float
    """Of the frames on which its object can be seen, those on which the point is present."""
    absent_precision: float
    """Of the frames on which the point is absent, those on which its object cannot be seen."""
    absent_recall: float
    """Of the frames on which its object cannot be seen, those on which the point is absent."""
    visible_share: float
    """Of all frames, those on which the object can be seen: the precision of always present."""


def presence_score(present: np.ndarray, visible: np.ndarray) -> PresenceScore:
    """Compare bool arrays (N,).

    Precision and recall alone praise a point that is always present of an object that is hardly
    ever hidden; hence the same of being absent beside them.
    """

    def share(which: np.ndarray, among: np.ndarray) -> float:
        return float(which[among].mean()) if among.any() else float("nan")

    return PresenceScore(
        share(visible, present),
        share(present, visible),
        share(~visible, ~present),
        share(~present, ~visible),
        float(visible.mean()) if len(visible) else float("nan"),
    )
