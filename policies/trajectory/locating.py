"""Where a thing is that is seen as feature points alone, in metres: measured by the robot's hand.

An affine map tells how a point on the hand moves in the image as the hand moves in the world
(`Perception.slopes`); turned round, it tells how far a thing has moved whose points moved so far.
Where the thing stood in the beginning is known, since it was put there.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from policies.state import State
from policies.trajectory.sight import Sight
from policies.trajectory.situation import Aim, Situation

MEASURES = 0.9
"""Share of a point's place that the end effector's must tell for the point to be on the hand."""
ALIKE = 0.4
"""Share of the way that a thing is to be brought by which a point of it may seem to miss it."""

CLEAR = 0.4
"""Share of the clearest point's motion that another's must have to be a point of a landmark."""
OTHERS = 0.3
"""Share of a point's place that the end effector's tells, from which on it is no landmark's."""
RIDGE = 1e-6
"""Of a landmark's linear map, in metres²: half a millimetre of noise, and much less than that."""


class Found(NamedTuple):
    """A thing's place o = O x + c, in metres, told by feature points."""

    features: tuple[str, ...]
    matrix: np.ndarray
    """O, (3, X); the height is taken to stay."""
    shift: np.ndarray
    """c, (3,)."""
    goal: np.ndarray
    """Where it is to be, at the height of the beginning, (3,)."""


class Displacement(NamedTuple):
    """How far a landmark stands from where it stood when the way was shown: M x + c, in metres."""

    matrix: np.ndarray
    """M, (3, X)."""
    shift: np.ndarray
    """c, (3,)."""
    names: tuple[str, ...]
    """The objects or feature points that tell it."""


def find(state: State, situation: Situation, sight: Sight) -> dict[str, Found]:
    """Return the things that are to be pushed somewhere and whose feature points are known by that.

    A point is a thing's if, from the first image to the image of the goal, it moved as the thing is
    to be brought. Nothing is found in a state without feature points, or without a hand in sight.
    """
    if state.estimator is None or situation.goal is None:
        return {}
    found, measures = {}, _measures(state)
    for aim in situation.aims:
        if aim.push_from and aim.point not in sight.places:
            thing = _found(aim, situation, sight, measures)
            if thing:
                found[aim.point] = thing
    return found


def on_things(state: State, situations: Sequence[Situation], sight: Sight) -> set[str]:
    """Return the names of the points on things that are found from any of the situations."""
    return {
        name
        for situation in situations
        for thing in find(state, situation, sight).values()
        for name in thing.features
    }


def standing(situation: Situation, sight: Sight) -> Displacement | None:
    """Return how far what stands elsewhere each time is seen to stand from where it stood.

    None if nothing does, or if it is not seen: a ridge regression of the ways by which it was put
    elsewhere on what then was seen of it in the beginning.
    """
    landmark = situation.landmark
    if landmark is None:
        return None
    looks = sight.see(landmark.looks)
    names = [name for name in landmark.objects if name in sight.places][:1]
    if not names:
        size = {
            name: float(np.sqrt(looks[:, sight.places[name]].var(axis=0).sum()))
            for name, share in sight.features.items()
            if 1 - share <= OTHERS
        }
        names = [name for name, one in size.items() if one >= CLEAR * max(size.values())]
    if not names:
        return None
    seen = np.concatenate([sight.places[name] for name in names])
    views, ways = looks[:, seen] - looks[:, seen].mean(axis=0), landmark.ways
    gram = views.T @ views + RIDGE * len(views) * np.eye(len(seen))
    matrix = np.zeros((3, looks.shape[1]))
    matrix[:, seen] = np.linalg.solve(gram, views.T @ (ways - ways.mean(axis=0))).T
    return Displacement(matrix, ways.mean(axis=0) - matrix @ looks.mean(axis=0), tuple(names))


def _measures(state: State) -> dict[str, np.ndarray]:
    """Return by camera how far on the table a place in the image is, (2, 2) in metres per place.

    By the kept point on the hand that moves most as that does: one further up the arm, or one that
    slides along the image's edge, moves less. A camera that sees none tells nothing.
    """
    assert state.estimator is not None
    measures = {}
    for camera, perception in state.estimator.perceptions.items():
        hand = perception.kept & (perception.told >= MEASURES)
        if hand.any() and len(perception.axes) == 2:
            slopes = perception.slopes[hand][:, :, :2]
            widest = slopes[np.argmax(np.abs(np.linalg.det(slopes)))]
            measures[camera] = np.linalg.pinv(widest)
    return measures


def _found(
    aim: Aim, situation: Situation, sight: Sight, measures: Mapping[str, np.ndarray]
) -> Found | None:
    assert situation.goal is not None
    begun = situation.points[aim.point]
    way = (aim.place - begun)[:2]
    first, last = sight.see(situation.start), sight.see(situation.goal)
    names, matrices = [], []
    for name in sight.features:
        measure = measures.get(name.rpartition("/")[0])
        if measure is None:
            continue
        rows = sight.rows(name)
        measure = measure / sight.scale[sight.places[name]]
        apart = rows @ (last - first)
        missed = way - measure @ apart
        if np.linalg.norm(missed) <= ALIKE * np.linalg.norm(way):
            # Both ends of the way are known: what the map misses between them is added to it.
            names.append(name)
            matrices.append((measure + np.outer(missed, apart) / (apart @ apart)) @ rows)
    if not names:
        return None
    matrix = np.zeros((3, len(sight.columns)))
    matrix[:2] = np.mean(matrices, axis=0)
    goal = np.append(aim.place[:2], begun[2])
    return Found(tuple(names), matrix, begun - matrix @ first, goal)
