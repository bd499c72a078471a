"""What one feature point is good for, by itself: is it there, does it move, is that lawful?"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from dsae.ranges import check_ranges
from dsae.state.predictability import Predictability, Windows, predictability, told
from dsae.state.rigidity import Standing

Category = Literal["kept", "absent", "still", "unpredictable", "duplicate"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""What a point can be; those that are dropped in the order in which they are judged."""

ALONE = Standing(float("nan"), None, None)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Where the lines are drawn; shares lie in [0, 1]."""

    presence: float = 0.2
    """Share of the frames in which a point must be present."""
    mass: float = 0.2
    """Share of the sharpest point's softmax mass below which a point looks everywhere: nowhere."""
    movement: float = 1 / 64
    """How far a point must move, in halves of the image's shorter side: half a pixel of 64. One
    that moves less within episodes rests there."""
    horizon: int = 5
    """Frames over which motion is predicted."""
    place: float = 0.9
    """Share of its place, so many frames ahead, that must be predicted; the rest is jitter."""
    lawful: float = 0.3
    """Share of its displacement that, if predicted, excuses it from that: it is only fast."""
    jumps: float = 0.8
    """Share of its place that must be predicted all the same: one that jumps to and fro between a
    thing and another is there with the robot, too."""
    motion: float = 0.1
    """Share of its displacement that its past or the robot must predict."""
    resting: float = 0.25
    """Share of its variance within episodes up to which a point whose motion nothing predicts is
    taken to rest there."""
    alike: float = 0.8
    """Share of its place that another point must tell for the two to lie on one thing."""
    apart: float = 0.2
    """Share of movements that one of them makes alone up to which they lie on one thing."""
    per_thing: int = 1
    """Points kept on one thing; two also show how it turns."""
    body: float = 0.95
    """Share of its place that the robot's state must tell for it to be the robot's own."""
    samples: int = 4000
    """Frames at most, evenly spaced, on which points are judged."""

    def __post_init__(self) -> None:
        shares = "presence mass place lawful jumps motion resting alike apart body"
        check_ranges(
            self,
            **dict.fromkeys(shares.split(), (0, 1)),
            movement=(0, math.inf),
            horizon=(1, math.inf),
            per_thing=(1, math.inf),
            samples=(100, math.inf),
        )


class Score(NamedTuple):
    """What is known of one point; NaN where it is not."""

    category: Category
    reason: str
    """One line for people."""
    presence: float
    """Share of the frames in which it is present."""
    mass: float
    """Its mean softmax mass while present."""
    movement: float
    """√(Var x + Var y) over all frames, in halves of the image's shorter side."""
    within: float
    """The same about its mean place in each episode."""
    rests: bool
    """Whether it lies still within episodes, give or take what nothing predicts."""
    body: bool
    """Whether the robot feels where it is: a part of it, or held by it nearly all the time."""
    predicted: Predictability
    effector: float
    """Share of its place that an affine map of the end effector's position tells: of the robot's
    own points that of the end effector itself scores highest."""
    total: float
    """Presence · mass · share of its place predicted · share of its motion predicted, in [0, 1]. A
    point that rests within episodes has no motion to predict, and without maps there is no mass:
    both are then 1."""
    standing: Standing = ALONE
    """What it is among the points on its thing; of the points that pass all other tests."""

    @property
    def stirs(self) -> float:
        """Share of its variance that lies within episodes; 0 for what never moves."""
        return (self.within / self.movement) ** 2 if self.movement > 0 else 0.0

    @property
    def figures(self) -> dict[str, Any]:
        """Return everything by name, flat, as JSON knows it but for NaN."""
        own = {k: v for k, v in self._asdict().items() if k not in ("predicted", "standing")}
        bond = self.standing.bond
        return own | {
            **{f"predicted_{name}": share for name, share in self.predicted._asdict().items()},
            "tells": self.standing.tells,
            "duplicates": self.standing.repeats,
            "alike": None if bond is None else bond.alike,
            "apart": None if bond is None else bond.apart,
        }


def judge(
    places: np.ndarray,
    present: np.ndarray,
    episodes: np.ndarray,
    windows: Windows,
    config: Config,
    *,
    mass: float = float("nan"),
    least_mass: float = 0.0,
    effector: np.ndarray | None = None,
) -> Score:
    """Judge a point by its places (N, 2), in halves of the image's shorter side.

    They count where it is `present` (N,).
    `episodes` (N,) numbers each frame's episode; `mass` is the point's mean softmax mass while
    present, if it has any, and `least_mass` what that must be; `effector` (N, 3) is where the
    robot's end effector is.
    """
    movement, within = _movement(places[present], episodes[present])
    predicted = predictability(places, present, windows)
    shares = {"robot": predicted.robot, "its past": predicted.past}
    source = max(shares, key=lambda name: _known(shares[name]))
    motion = _known(shares[source])
    score = Score(
        "kept",
        f"kept: moves {movement:.2f}, predicted {percent(motion)} from {source}",
        float(present.mean()),
        mass,
        movement,
        within,
        bool(
            within < config.movement
            or (motion < config.motion and within**2 <= config.resting * movement**2)
        ),
        bool(predicted.body >= config.body),
        predicted,
        float("nan") if effector is None else told(places, present, effector, windows),
        0.0,
    )
    total = score.presence * (1.0 if math.isnan(mass) else mass) * _known(predicted.place)
    score = score._replace(total=total * (1.0 if score.rests else motion))
    if score.rests:
        score = score._replace(reason=f"kept: placed anew in each episode, {movement:.2f} apart")
    fault = _fault(score, motion, least_mass, config)
    return score._replace(category=fault[0], reason=f"dropped: {fault[1]}") if fault else score


def _fault(
    score: Score, motion: float, least_mass: float, config: Config
) -> tuple[Category, str] | None:
    """Return why a point is dropped; None for one that is good."""
    place = score.predicted.place
    if score.presence < config.presence:
        return "absent", f"present in {percent(score.presence)} of frames"
    if score.mass < least_mass:
        return "absent", f"looks everywhere (softmax mass {score.mass:.2f})"
    if not score.movement >= config.movement:
        return "still", f"moves {score.movement:.3f} only"
    if math.isnan(place):
        return "unpredictable", "never present for long enough to tell"
    if place < (config.jumps if motion >= config.lawful else config.place):
        shares = f"{percent(place)} of its place, {percent(motion)} of its motion predicted"
        return "unpredictable", f"jitters, {shares}"
    if motion < config.motion and not score.rests:
        return "unpredictable", f"{percent(motion)} of its motion is predicted"
    return None


def percent(share: float) -> str:
    """Return a share as text, a dash if it is unknown; what is worse than nothing is 0 %."""
    return "–" if math.isnan(share) else f"{100 * max(0.0, share):.0f} %"


def _movement(places: np.ndarray, episodes: np.ndarray) -> tuple[float, float]:
    """Return the spread of places (N, 2), and about the mean of each one's episode."""
    if not len(places):
        return float("nan"), float("nan")
    numbers = np.unique(episodes, return_inverse=True)[1]
    counts = np.bincount(numbers)
    means = np.stack([np.bincount(numbers, axis) / counts for axis in places.T], axis=1)
    spreads = (places - places.mean(axis=0), places - means[numbers])
    movement, within = (float(np.sqrt((s**2).sum(axis=1).mean())) for s in spreads)
    return movement, within


def _known(share: float) -> float:
    """Return a share of variance, from 0 up; what is unknown tells nothing."""
    return 0.0 if math.isnan(share) else max(0.0, float(share))
