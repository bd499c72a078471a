"""Does a point know when its object cannot be seen? Presence against the true visibility."""

from typing import NamedTuple

import numpy as np


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
