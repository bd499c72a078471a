"""Pruning: which few feature points are worth controlling with? Chosen without labels.

A point is dropped, in this order, if it is rarely present, never moves, moves as nothing predicts,
or lies on the same thing as a better point. What lies still within every episode but somewhere else
in the next (a goal, a hook, a cabinet) has moved: it is kept.

Finn et al. (2016) control with a few points chosen automatically, too; these tests and their
constants are ours.
"""

import math
from typing import NamedTuple

import numpy as np

from dsae.coordinates import in_half_sides
from dsae.errors import DsaeError
from dsae.state.judging import CATEGORIES as CATEGORIES
from dsae.state.judging import Category, Config, Score, judge, percent
from dsae.state.predictability import Windows
from dsae.state.rigidity import Pairs, standings

HEADINGS = (
    "point",
    "present",
    "mass",
    "moves",
    "within",
    "past",
    "robot",
    "place",
    "tells",
    "score",
)


class Pruning(NamedTuple):
    """Which points are kept, and why."""

    kept: np.ndarray
    """bool (K,)."""
    scores: tuple[Score, ...]

    @property
    def movable(self) -> np.ndarray:
        """Kept points that move within episodes, bool (K,): what a goal can ask to be moved."""
        return self.kept & ~np.array([score.rests for score in self.scores], bool)

    @property
    def objects(self) -> np.ndarray:
        """Movable points that the robot does not feel, bool (K,); without its state, all are.

        What it grasps early and holds to the end is not among them (see `Score.body`).
        """
        return self.movable & ~np.array([score.body for score in self.scores], bool)

    @property
    def told(self) -> np.ndarray:
        """Share of each place that the end effector's own tells, (K,) in [0, 1]; 0 if unknown."""
        shares = np.array([score.effector for score in self.scores], np.float64)
        return np.clip(np.nan_to_num(shares), 0.0, 1.0)

    @property
    def categories(self) -> tuple[Category, ...]:
        """Of each point, one of `CATEGORIES`."""
        return tuple(score.category for score in self.scores)

    def table(self) -> list[str]:
        """Return a line for each point, below one of headings, aligned for a terminal.

        Its number; share of frames present, softmax mass; movement over all frames and within
        episodes, in halves of the image's shorter side; shares of its motion predicted by its past
        and by the robot, and of its place; share that it tells of the others on its thing; total.
        """
        cells = [HEADINGS, *(_cells(k, score) for k, score in enumerate(self.scores))]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        reasons = ["", *(score.reason for score in self.scores)]
        return [
            "  ".join([*(c.rjust(w) for c, w in zip(row, widths, strict=True)), reason]).rstrip()
            for row, reason in zip(cells, reasons, strict=True)
        ]


def prune(
    points: np.ndarray,
    episodes: np.ndarray,
    *,
    present: np.ndarray,
    height: int,
    width: int,
    mass: np.ndarray | None = None,
    robot: np.ndarray | None = None,
    actions: np.ndarray | None = None,
    effector: np.ndarray | None = None,
    config: Config = Config(),  # noqa: B008
) -> Pruning:
    """Judge every point on all frames of some training episodes, of H × W images.

    Args:
        points: (N, K, 2), (x, y) as in `dsae.coordinates`; frames in order, none left out.
        episodes: number of each frame's episode, (N,).
        present: bool (N, K); where a point is absent its place does not matter.
        height: of the images, in pixels.
        width: of the images, in pixels.
        mass: softmax mass around each point, (N, K).
        robot: the robot's own state, (N, R).
        actions: (N, A), action t being applied after frame t.
        effector: position of the robot's end effector, (N, 3), by which the point on it is told
            from others on the arm.
        config: where the lines are drawn.

    The order of the points does not matter; of equals the one of lower number is kept. Raises
    DsaeError for arrays that do not fit together, a value that is no number, or episodes too short
    for a single prediction.
    """
    _check(points, episodes, present, mass, robot, actions, effector)
    places = np.where(present[..., None], in_half_sides(points, height, width), 0.0)
    windows = Windows.of(episodes, config.horizon, config.samples, robot, actions)
    if not len(windows):
        need = 2 * config.horizon + 2
        raise DsaeError(f"no episode has the {need} frames that it takes to judge a point's motion")
    sharp = _sharpness(present, mass)
    least = config.mass * float(np.nanmax(sharp, initial=0.0))
    scores = [
        judge(
            places[:, k],
            present[:, k],
            episodes,
            windows,
            config,
            mass=float(sharp[k]),
            least_mass=least,
            effector=effector,
        )
        for k in range(points.shape[1])
    ]
    found = standings(
        {k: score.total for k, score in enumerate(scores) if score.category == "kept"},
        places,
        present,
        Pairs.of(episodes, config.samples),
        leads={k: score.effector for k, score in enumerate(scores) if score.body},
        resting=[k for k, score in enumerate(scores) if score.rests],
        stirs={k: score.stirs for k, score in enumerate(scores)},
        alike=config.alike,
        apart=config.apart,
        most=config.per_thing,
    )
    for k, standing in found.items():
        scores[k] = scores[k]._replace(standing=standing)
        if standing.bond is not None:
            reason = f"dropped: duplicates point {standing.repeats} ({standing.bond.alike:.2f})"
            scores[k] = scores[k]._replace(category="duplicate", reason=reason)
    return Pruning(np.array([score.category == "kept" for score in scores], bool), tuple(scores))


def _sharpness(present: np.ndarray, mass: np.ndarray | None) -> np.ndarray:
    """Return the mean mass of each point while present, (K,); NaN if there is none."""
    result = np.full(present.shape[1], np.nan)
    if mass is not None:
        for k in np.flatnonzero(present.any(axis=0)):
            result[k] = mass[present[:, k], k].mean()
    return result


def _cells(number: int, score: Score) -> tuple[str, ...]:
    past, robot, place, _ = map(percent, score.predicted)
    sizes = (score.mass, score.movement, score.within, score.total)
    mass, moves, within, total = ("–" if math.isnan(size) else f"{size:.2f}" for size in sizes)
    present, tells = percent(score.presence), percent(score.standing.tells)
    return str(number), present, mass, moves, within, past, robot, place, tells, total


def _check(
    points: np.ndarray,
    episodes: np.ndarray,
    present: np.ndarray,
    mass: np.ndarray | None,
    robot: np.ndarray | None,
    actions: np.ndarray | None,
    effector: np.ndarray | None,
) -> None:
    if points.ndim != 3 or points.shape[2] != 2 or 0 in points.shape:
        raise DsaeError(f"points of shape {points.shape}: it must be (N, K, 2)")
    frames, count = points.shape[:2]
    named: dict[str, tuple[np.ndarray | None, tuple[int | None, ...]]] = {
        "episodes": (episodes, (frames,)),
        "present": (present, (frames, count)),
        "mass": (mass, (frames, count)),
        "robot": (robot, (frames, None)),
        "actions": (actions, (frames, None)),
        "effector": (effector, (frames, None)),
    }
    for name, (array, shape) in named.items():
        if array is None:
            continue
        sizes = zip(array.shape, shape, strict=False)
        if array.ndim != len(shape) or any(size not in (there, None) for there, size in sizes):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise DsaeError(f"{name} of shape {array.shape}: it must be ({wanted})")
        if not np.isfinite(array).all():
            raise DsaeError(f"{name}: a value is no number; all must be finite")
    if present.dtype != bool:
        raise DsaeError(f"present is of type {present.dtype}: it must be bool")
    if not np.isfinite(points[present]).all():
        raise DsaeError("points: the place of one that is present is no number")
