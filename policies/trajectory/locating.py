"""Where a thing is that is seen as feature points alone, in metres: measured by the robot's hand.

An affine map tells how a point on the hand moves in the image as the hand moves in the world
(`Perception.slopes`); turned round, it tells how far a thing has moved whose points moved so far.
Where the thing stood in the beginning is known, since it was put there.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from policies.state import State
from policies.trajectory.sight import Sight
from policies.trajectory.situation import Aim, Situation

MEASURES = 0.8
"""Share of a point's place that the end effector's must tell for the point to be on the hand."""
ALIKE = 0.4
"""Share of the way that a thing is to be brought by which a point of it may seem to miss it."""


class Found(NamedTuple):
    """A thing's place o = O x + c, in metres, told by feature points."""

    features: tuple[str, ...]
    matrix: np.ndarray
    """O, (3, X); the height is taken to stay."""
    shift: np.ndarray
    """c, (3,)."""
    goal: np.ndarray
    """Where it is to be, as the image of the goal shows it, (3,)."""


def find(state: State, situation: Situation, sight: Sight) -> dict[str, Found]:
    """Return the things that are to be pushed somewhere and whose feature points are known by that.

    A point is a thing's if, from the first image to the image of the goal, it moved as the thing is
    to be brought. Nothing is found in a state without feature points, or without a hand in sight.
    """
    if state.estimator is None or situation.goal is None:
        return {}
    found = {}
    for aim in situation.aims:
        if aim.push_from and aim.point not in sight.places:
            thing = _found(aim, situation, sight, _measures(state))
            if thing:
                found[aim.point] = thing
    return found


def _measures(state: State) -> dict[str, np.ndarray]:
    """Return by camera how far on the table a place in the image is, (2, 2) in metres per place."""
    assert state.estimator is not None
    measures = {}
    for camera, perception in state.estimator.perceptions.items():
        hand = int(np.argmax(perception.told))
        if perception.told[hand] >= MEASURES and len(perception.axes) == 2:
            measures[camera] = np.linalg.pinv(perception.slopes[hand][:, :2])
    return measures


def _found(
    aim: Aim, situation: Situation, sight: Sight, measures: Mapping[str, np.ndarray]
) -> Found | None:
    assert situation.goal is not None
    begun = situation.points[aim.point]
    way = (aim.place - begun)[:2]
    first, last = sight.see(situation.start), sight.see(situation.goal)
    parts = []
    for name in sight.features:
        measure = measures.get(name.rpartition("/")[0])
        if measure is None:
            continue
        rows = measure @ sight.rows(name) / sight.scale[sight.places[name]][:, None]
        moved = rows @ (last - first)
        if np.linalg.norm(moved - way) <= ALIKE * np.linalg.norm(way):
            # Both ends of the way are known: what the map misses between them is added to it.
            apart = last - first
            seen = sight.places[name]
            apart = np.where(np.isin(np.arange(len(apart)), seen), apart, 0.0)
            rows = rows + np.outer(way - moved, apart) / (apart @ apart)
            parts.append((name, rows, begun[:2] - rows @ first, begun[:2] + way))
    if not parts:
        return None
    names, rows, shifts, goals = zip(*parts, strict=True)
    matrix = np.zeros((3, len(sight.columns)))
    matrix[:2] = np.mean(rows, axis=0)
    height = begun[2]
    return Found(
        tuple(names),
        matrix,
        np.append(np.mean(shifts, axis=0), height),
        np.append(np.mean(goals, axis=0), height),
    )
