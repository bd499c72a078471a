"""Which feature points lie on the same thing? Those that never move without each other.

That the place of one tells the place of the other is not enough: a block lies where the arm has
pushed it, so that the arm's place tells much of the block's. But the block rests while the arm
comes near. Points on one thing, however far apart on it, do not do that.
"""

import math
from collections.abc import Collection, Mapping
from itertools import permutations
from typing import NamedTuple

import numpy as np

from dsae.state.predictability import affine_share, evenly, folds

SPAN = 10  # frames, over which movements are compared: half a second at 20 Hz
RESTS = 0.3  # of the usual movement, below which there is none
LEAST = 1 / 32  # halves of the image's shorter side, the smallest usual movement: a pixel of 64
RARE = 0.02  # share of the frames from which movements begin, below which they are accidents
RIDGE = 1e-6  # per frame: keeps the map defined for a point that lies still
WEAK = 1.4  # times its total is another one's on its thing: a point that is not chosen
STIRS = 3.0  # times as large may be, of two points on one thing, the share of a point's variance
# that lies within episodes
QUIET = 0.03  # share below which that is the noise of something that does not move
NEAR = 0.02  # of the others' places, by which a point may tell less than the best and be chosen
FEWEST = 20  # frames below which two points were not seen together


class Bond(NamedTuple):
    """How firmly a point is bound to another."""

    alike: float
    """Share of its place, R² on held-out episodes, that an affine map of the other's tells."""
    apart: float
    """Share of the movements of either of them that the other does not join in."""


LOOSE = Bond(float("-inf"), 1.0)


class Pairs(NamedTuple):
    """Frames on which points are compared."""

    frames: np.ndarray
    """Where places are compared, (W,)."""
    folds: np.ndarray
    """Fold of each of them, (W,)."""
    starts: np.ndarray
    """Where the movements begin that are compared, (M,), `SPAN` frames long."""

    @classmethod
    def of(cls, episodes: np.ndarray, most: int) -> "Pairs":
        """Choose at most so many of each, evenly spaced; episodes (N,) of each frame."""
        frames = evenly(np.arange(len(episodes)), most)
        starts = np.arange(max(0, len(episodes) - SPAN))
        starts = starts[episodes[starts] == episodes[starts + SPAN]]
        return cls(frames, folds(episodes)[frames], evenly(starts, most))


class Standing(NamedTuple):
    """What a point is among those on its thing."""

    tells: float
    """Share of the others' places that its own tells, their totals as weights; NaN if alone."""
    repeats: int | None
    """Number of the point that stands for it; None if it stands for itself."""
    bond: Bond | None
    """How firmly it is bound to that point."""


def standings(
    totals: Mapping[int, float],
    places: np.ndarray,
    present: np.ndarray,
    pairs: Pairs,
    *,
    alike: float,
    apart: float,
    most: int = 1,
    leads: Mapping[int, float] = {},
    resting: Collection[int] = (),
    stirs: Mapping[int, float] = {},
) -> dict[int, Standing]:
    """Choose on each thing the `most` points that stand for it; only points in `totals` count.

    Places are (N, K, 2), present (N, K); `alike` and `apart` are the limits of a `Bond` between
    points on one thing; two that are `resting` within episodes have no movements to compare.
    What `stirs` is the share of each point's variance that lies within episodes, if known: it is
    the same for all of a thing. A loop that hangs on a hook for most of an episode is not the hook,
    however well the hook's place tells its own.

    The point is chosen that tells most of the others' places: measured against the truth it is the
    most exact one, since errors are its own, and it is not on a part that moves less (a shoulder
    that only turns is told by the hand, but does not tell the hand). Of those within a hundredth
    the one of the highest total is chosen; but where it is known how much each `leads`, of all that
    tell nearly as much the one that leads most. None is chosen whose total is far below another
    one's on its thing (`WEAK`): it is seen more rarely, or less lawful.
    """
    bonds = {
        (k, other): bond(places, present, k, other, pairs) for k, other in permutations(totals, 2)
    }
    bound = {
        (k, other)
        for (k, other), b in bonds.items()
        if b.alike >= alike
        and (b.apart <= apart or (k in resting and other in resting))
        and _stir_alike(stirs.get(k, 1.0), stirs.get(other, 1.0))
    }
    found, others = {}, {}
    for k in totals:
        others[k] = [o for o in totals if (k, o) in bound or (o, k) in bound]
        # Sums that do not depend on the order of the points.
        weight = math.fsum(totals[o] for o in others[k])
        told = math.fsum(totals[o] * max(0.0, bonds[o, k].alike) for o in others[k])
        found[k] = Standing(told / weight if weight > 0 else float("nan"), None, None)

    def rank(k: int) -> tuple[bool, bool, float, float, float, int]:
        weak = any(totals[o] > WEAK * totals[k] for o in others[k])
        strong = [found[o].tells for o in others[k] if WEAK * totals[o] >= totals[k]]
        far = any(found[k].tells < tells - NEAR for tells in strong)
        tells = 0.0 if math.isnan(found[k].tells) else found[k].tells
        return weak, far, -round(leads.get(k, 0.0), 3), -round(tells, 2), -totals[k], k

    kept: list[int] = []
    for k in sorted(totals, key=rank):
        same = [other for other in kept if (k, other) in bound]
        if len(same) < most:
            kept.append(k)
        else:
            best = max(same, key=lambda other: bonds[k, other].alike)
            found[k] = found[k]._replace(repeats=best, bond=bonds[k, best])
    return found


def _stir_alike(share: float, other: float) -> bool:
    return max(share, other) <= STIRS * max(min(share, other), QUIET)


def bond(places: np.ndarray, present: np.ndarray, point: int, other: int, pairs: Pairs) -> Bond:
    """Return how firmly `point` is bound to `other`; places (N, K, 2) and present (N, K).

    Movements are v_t = p_{t+10} − p_t; the best linear map A of the other's says what this one's
    should be, v̂ = A w. One moves without the other where |v| is above its root mean square and |v̂|
    below 0.3 of that, or the other way round; `apart` is the share of these among the movements
    with |v| or |v̂| above it, or the same with both points exchanged if that is more. What is not
    well above the errors of measurement, or hardly ever happens, is no movement.
    """
    both = present[:, point] & present[:, other]
    seen = both[pairs.frames]
    starts = pairs.starts[both[pairs.starts] & both[pairs.starts + SPAN]]
    if seen.sum() < FEWEST or len(starts) < FEWEST:
        return LOOSE
    frames = pairs.frames[seen]
    target, source = places[frames, point], places[frames, other]
    alike = affine_share(source, target, pairs.folds[seen], RIDGE)
    tracks = [_Track.of(places[:, k], present[:, k], starts) for k in (point, other)]
    apart = max(_alone(*tracks), _alone(*tracks[::-1]))
    return LOOSE if math.isnan(alike) else Bond(alike, apart)


class _Track(NamedTuple):
    """The movements of one point."""

    moves: np.ndarray
    """(M, 2)."""
    usual: float
    """Their size, from which on one counts."""
    rest: float
    """The size below which one is none."""

    @classmethod
    def of(cls, places: np.ndarray, present: np.ndarray, starts: np.ndarray) -> "_Track":
        """Take the movements that begin at `starts`, of places (N, 2) and present (N,)."""
        moves = places[starts + SPAN] - places[starts]
        # Errors of deviation σ along x and y make E|v|² = 4σ², and |bend|² is exponential, of mean
        # 12σ²: its median is free of what moves now and then.
        bends = places[starts + 2] - 2 * places[starts + 1] + places[starts]
        bends = bends[present[starts + 1] & present[starts + 2]]
        median = float(np.median((bends**2).sum(axis=1))) if len(bends) else 0.0
        error = np.sqrt(median / (3 * np.log(2)))
        size = float(np.sqrt((moves**2).sum(axis=1).mean()))
        usual = max(size, LEAST, 3 * error)
        return cls(moves, usual, max(RESTS * usual, 1.5 * error))


def _alone(track: _Track, other: _Track) -> float:
    """Return the share of movements that are not what the other's tell, or the reverse."""
    told = other.moves @ np.linalg.lstsq(other.moves, track.moves, rcond=None)[0]
    own, expected = (np.linalg.norm(moves, axis=1) for moves in (track.moves, told))
    usual, rest = track.usual, track.rest
    lone = ((own > usual) & (expected < rest)) | ((expected > usual) & (own < rest))
    either = (own > usual) | (expected > usual)
    return float(lone.mean() / max(RARE, either.mean()))
