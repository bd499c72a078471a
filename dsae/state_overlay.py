"""What a state estimator believes, drawn on the frames that it was shown.

A kept feature point is a disc in its colour where the encoder sees it, a ring where it is absent.
A + with an ellipse is where the filter believes it to be: the ellipse holds all places within two
standard deviations, the Mahalanobis distance 2 (86 % of a normal distribution), of the true 2×2
covariance. From it an arrow leads to where it would be a while later, and a trail back to where it
was. Targets are the goal's points; a small × is a point that was dropped, its colour says why.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from dsae import marks
from dsae.marks import Colour
from dsae.overlay import TRAIL, colours, enlarge, on_canvas
from dsae.state.estimator import Seen
from dsae.state.goals import Goal

SIGMAS = 2.0
AHEAD = 0.2  # seconds that an arrow looks ahead
SHORTEST = 6.0  # pixels: a shorter arrow would say no direction
RADIUS = 7  # pixels of a point
NUMBER = 0.48  # size of a point's number
APART = 20.0  # pixels from a point to its number, for what it lies on to be seen
CLEAR = 9.0  # pixels around a mark that a number keeps free
TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)  # (48, 2)
# Eight directions that a number may stand in, around a square.
SIDES = CIRCLE[::6] / np.abs(CIRCLE[::6]).max(axis=1, keepdims=True)

DROPPED: dict[str, Colour] = {
    "absent": (205, 205, 205),
    "still": (214, 150, 70),
    "duplicate": (110, 205, 255),
    "unpredictable": (255, 120, 205),
    "dropped": (160, 160, 160),
}
"""Colours of what is not kept, by why; `dropped` where nobody says why."""


class Verdict(NamedTuple):
    """What else is known of a camera's K feature points."""

    kept: np.ndarray
    """Which are part of the state, bool (K,)."""
    categories: Sequence[str] = ()
    """Why each was dropped, a key of `DROPPED`; nobody knows if left out."""
    names: dict[int, str] = {}  # noqa: RUF012
    """Of the things that points follow, by the points' numbers."""
    goal: Goal | None = None


def draw_state(
    frames: np.ndarray, seen: Seen, verdict: Verdict, *, trail: int = TRAIL, ahead: float = AHEAD
) -> np.ndarray:
    """Draw how a camera's feature points stand in each frame of one episode.

    Frames are uint8 (T, H, W, 3), enlarged as `overlay.enlarge` does; `seen` has T in place of B.
    Returns uint8 (T, h, w, 3) with even sides.
    """
    height, width = frames.shape[1:3]
    canvas = enlarge(frames)
    belief = _Belief.of(seen, height, width, ahead)
    palette = colours(len(verdict.kept))
    kept = np.flatnonzero(verdict.kept).tolist()
    numbered = [*kept, *(k for k in sorted(verdict.names) if not verdict.kept[k])]
    goal = {} if verdict.goal is None else _targets(verdict.goal, height, width)
    taken = [belief.ahead[:, k] for k in kept] + [_before(belief.anchors[:, k]) for k in kept]
    taken += [belief.places[:, k] for k in np.flatnonzero(~verdict.kept)]
    taken += [np.tile(place, (len(canvas), 1)) for place in goal.values()]
    sides = _number_places(belief.anchors[:, numbered], numbered, taken, canvas.shape[1:3])
    for t, picture in enumerate(canvas):
        for k in np.flatnonzero(~verdict.kept).tolist():
            marks.cross(picture, belief.places[t, k], DROPPED[category(verdict, k)])
        for k in kept:
            past = slice(max(0, t - trail), t + 1)
            way = belief.positions[past, k][belief.known[past, k]]
            if len(way) > 1:
                marks.lines(picture, [way], palette[k], 1)
        for k in kept:
            if belief.known[t, k]:
                marks.outline(picture, belief.ellipses[t, k], palette[k])
        for k, place in goal.items():
            marks.target(picture, place, palette[k])
        for k in kept:
            _draw_kept(picture, belief, t, k, palette[k])
        for k, side in zip(numbered, sides, strict=True):
            colour = palette[k] if verdict.kept[k] else DROPPED[category(verdict, k)]
            _draw_number(picture, k, belief.anchors[t, k] + side, colour)
    return canvas


def draw_goal(image: np.ndarray, goal: Goal, present: np.ndarray, verdict: Verdict) -> np.ndarray:
    """Draw a goal on its image, uint8 (H, W, 3): targets, and the points that are no part of it.

    `present` is bool (K,). Returns uint8 (h, w, 3), enlarged as `overlay.enlarge` does.
    """
    height, width = image.shape[:2]
    canvas = enlarge(image[None])[0]
    palette = colours(len(verdict.kept))
    places = on_canvas(goal.points, height, width)  # (K, 2)
    for k, place in enumerate(places):
        if not verdict.kept[k]:
            marks.cross(canvas, place, DROPPED[category(verdict, k)])
        elif not present[k]:
            marks.ring(canvas, place, palette[k])
    targets = _targets(goal, height, width)
    for k, place in targets.items():
        marks.target(canvas, place, palette[k])
    numbered = np.flatnonzero(verdict.kept).tolist()
    taken = [place[None] for place in places[~verdict.kept]]
    sides = _number_places(places[None, numbered], numbered, taken, canvas.shape[:2])
    for k, side in zip(numbered, sides, strict=True):
        _draw_number(canvas, k, places[k] + side, palette[k])
    return canvas


def category(verdict: Verdict, point: int) -> str:
    """Return why a point was dropped, a key of `DROPPED`."""
    known = verdict.categories[point] if point < len(verdict.categories) else ""
    return known if known in DROPPED else "dropped"


def moves(seen: Seen, height: int, width: int, ahead: float = AHEAD) -> np.ndarray:
    """Return which points move fast enough for an arrow on frames of H × W, bool (T, K)."""
    way = ahead * seen.estimate.velocity * _stretch(height, width)
    return seen.estimate.known & (np.linalg.norm(way, axis=-1) >= SHORTEST)


class _Belief(NamedTuple):
    """T frames' K points in pixels of the canvas."""

    places: np.ndarray  # (T, K, 2), as encoded
    present: np.ndarray
    positions: np.ndarray  # (T, K, 2), as filtered
    known: np.ndarray
    ellipses: np.ndarray  # (T, K, 48, 2)
    ahead: np.ndarray  # (T, K, 2)
    moves: np.ndarray  # whether it has an arrow, bool (T, K)
    anchors: np.ndarray  # (T, K, 2), what a number stands beside

    @classmethod
    def of(cls, seen: Seen, height: int, width: int, ahead: float) -> "_Belief":
        percept, estimate = seen
        known = estimate.known
        places = on_canvas(percept.places, height, width)
        positions = on_canvas(estimate.position, height, width)
        stretch = _stretch(height, width)
        covariance = np.where(known[..., None, None], estimate.covariance[..., :2, :2], 0.0)
        values, vectors = np.linalg.eigh(covariance * np.outer(stretch, stretch))
        roots = vectors * np.sqrt(np.maximum(values, 0))[..., None, :]  # R Rᵀ = covariance
        ellipses = positions[..., None, :] + SIGMAS * CIRCLE @ roots.swapaxes(-1, -2)
        return cls(
            places,
            percept.present,
            positions,
            known,
            ellipses,
            positions + ahead * estimate.velocity * stretch,
            moves(seen, height, width, ahead),
            np.where(known[..., None], positions, places),
        )


def _stretch(height: int, width: int) -> np.ndarray:
    """Return the canvas's pixels per unit of a point's x and y, (2,)."""
    return on_canvas(np.ones(2), height, width) - on_canvas(np.zeros(2), height, width)


def _draw_kept(picture: np.ndarray, belief: _Belief, t: int, k: int, colour: Colour) -> None:
    mark = partial(marks.disc if belief.present[t, k] else marks.ring, radius=RADIUS)
    if belief.known[t, k]:
        here, there = belief.positions[t, k], belief.ahead[t, k]
        if belief.moves[t, k]:
            marks.arrow(picture, here, there, colour)
        mark(picture, belief.places[t, k], colour=colour)
        covered = belief.present[t, k] and np.hypot(*(belief.places[t, k] - here)) < RADIUS
        marks.plus(picture, here, marks.EDGE if covered else colour, edge=not covered)
    else:
        mark(picture, belief.places[t, k], colour=colour)


def _targets(goal: Goal, height: int, width: int) -> dict[int, np.ndarray]:
    """Return where the goal's points lie on the canvas, by number."""
    places = on_canvas(goal.points, height, width)
    return {k: places[k] for k in np.flatnonzero(goal.mask).tolist()}


def _number_places(
    anchors: np.ndarray, numbers: Sequence[int], taken: list[np.ndarray], size: tuple[int, ...]
) -> np.ndarray:
    """Return where each number stands from its anchor, (n, 2); anchors are (T, n, 2).

    On the same side in all frames: the one on which it covers the places `taken`, (T, 2) each, the
    anchors, other numbers and the picture's edge in the fewest of them.
    """
    taken = [*taken, *anchors.swapaxes(0, 1)]
    limits = np.array(size[::-1]) - 1
    chosen = np.zeros((len(numbers), 2))
    for i, k in enumerate(numbers):
        half = np.array(marks.text_size(str(k), NUMBER)) / 2
        offsets = SIDES * (APART + half)  # (8, 2)
        centres = anchors[:, i, None] + offsets  # (T, 8, 2)
        outside = ((centres < half) | (centres > limits - half)).any(axis=-1)
        covered = 2.0 * outside.sum(axis=0)
        for other in taken:
            near = np.abs(centres - other[:, None]) < half + CLEAR
            covered += near.all(axis=-1).sum(axis=0)
        chosen[i] = offsets[int(covered.argmin())]
        taken.append(anchors[:, i] + chosen[i])
    return chosen


def _before(places: np.ndarray, frames: int = TRAIL // 2) -> np.ndarray:
    """Return where (T, 2) places were some frames before."""
    return places[np.maximum(0, np.arange(len(places)) - frames)]


def _draw_number(picture: np.ndarray, number: int, centre: np.ndarray, colour: Colour) -> None:
    words = str(number)
    width, height = marks.text_size(words, NUMBER)
    room = np.array([picture.shape[1] - width, picture.shape[0] - height]) / 2 - 1
    middle = np.array(picture.shape[1::-1]) / 2
    x, y = np.clip(centre, middle - room, middle + room)
    marks.text(picture, words, x - width / 2, y, colour, NUMBER)
