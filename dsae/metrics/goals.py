"""Is the distance to a goal in feature space the true one, up to a monotone map?"""

from typing import NamedTuple

import numpy as np

from dsae.state.goals import Goal, distance

FEWEST = 10  # frames below which a goal is not scored


class GoalCorrelation(NamedTuple):
    """Spearman's ρ between the distances to each goal, (G,); NaN for a goal that is not scored."""

    same: np.ndarray
    """Over the frames of the goal's own episode."""
    every: np.ndarray
    """Over the frames of all episodes."""


def goal_correlation(
    points: np.ndarray,
    present: np.ndarray,
    kept: np.ndarray,
    truth: np.ndarray,
    episodes: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    height: int = 1,
    width: int = 1,
    absent_count: bool = False,
) -> GoalCorrelation:
    """Take the last frame of each episode as a goal and compare both distances of frames to it.

    Args:
        points: (N, K, 2) as in `dsae.coordinates`, measured or filtered.
        present: bool (N, K).
        kept: the points that count, bool (K,), if present in the goal's frame.
        truth: (N, P, E), true places of the things that the goal is about, in any unit.
        episodes: number of each frame's episode, (N,), in order.
        visible: whether each of the things can be seen, (N, P); all can if left out.
        height: of the images.
        width: of the images.
        absent_count: whether absent points count with the place they have: right for filtered ones.

    The true distance of frame i to the goal's frame g is the mean over things of ‖s_ip − s_gp‖. A
    goal is not scored if none of its points is kept and present, if one of the things cannot be
    seen in it, or if a distance does not vary.
    """
    from scipy.stats import rankdata

    last = np.flatnonzero(np.append(episodes[1:] != episodes[:-1], True))
    same, every = np.full((2, len(last)), np.nan)
    for number, g in enumerate(last):
        hidden = visible is not None and not np.all(visible[g])
        if hidden or not (present[g] & kept).any():
            continue
        goal = Goal.of(points[g], present[g], kept)
        now = None if absent_count else present
        found = distance(points, goal, now, height=height, width=width)
        true = np.linalg.norm(truth - truth[g], axis=2).mean(axis=1)
        frames = np.isfinite(found)
        for result, chosen in ((same, frames & (episodes == episodes[g])), (every, frames)):
            ranks = rankdata(np.stack([found[chosen], true[chosen]]), axis=1)
            if chosen.sum() >= FEWEST and (ranks.std(axis=1) > 0).all():
                result[number] = np.corrcoef(ranks)[0, 1]
    return GoalCorrelation(same, every)
