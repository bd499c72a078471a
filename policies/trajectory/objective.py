"""What a trajectory costs, made of what is wanted and of what the state tells.

- The end effector has an aim: its distance.
- A thing is to be pushed to an aim: the end effector's distance from a way over it to where it can
  be pushed from, then from that place, which turns with the thing (`Behind`), and the thing's from
  its goal, more and more (`ramp`). Where feature points tell where it is, they do (`locating`).
- A way was shown: the distances of end effector, turn and gripper from it at each time, and of
  what moved from where it was brought.
- A state of feature points: instead of the things' distances those of the points that an image of
  the goal shows (Finn et al. 2016). A point counts by what of its place the end effector's does not
  tell, which has a term of its own.
- Nothing is seen: what there is of the robot's own alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dsae.state.goals import Goal
from policies.state import State
from policies.trajectory.costs import Behind, Cost, Offset, Term, ramp
from policies.trajectory.locating import Displacement, Found
from policies.trajectory.sight import GRIPPER, JOINT_VELOCITY, TURN, Sight, on_hand, seen_in
from policies.trajectory.situation import EFFECTOR, Situation

SOFT = 0.03
"""Metres from its goal within which the direction to push a thing into fades out."""
BEHIND, DOWN, ARRIVED = 0.25, 0.4, 0.9
"""Shares of the time after which the hand is to be over the place behind what it pushes, to stand
there, and, if it sees nothing, to have pushed it to its goal."""
NEARER = 0.0075
"""Metres by which the place to push from is nearer to a thing that is seen as feature points: what
the hand leaves to be seen of it lies on its far side, and a hand that stands clear learns nothing.
"""
TAPER = 0.9
"""Share of the weight of standing there that is gone at the end, where a thing is seen so: the hand
would push on past the goal."""
TURNING = 0.05
"""Weight of a quaternion's numbers beside that of metres."""
OVER = 0.08
"""Metres above that place: over what is pushed."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms."""

    way: float = 1.0
    """Of being where one can push from, or where it was shown."""
    led: float = 0.1
    """Share of `way` that remains once the arm was led to where it can push, if there is an image
    of the goal but the thing itself is neither told nor found."""
    goal: float = 1.0
    """Of what is to be brought to its place, at the end; before it rises with the time squared."""
    action: float = 1e-2
    """Of ½ u²."""
    velocity: float = 0.3
    """Of ½ v² of the joints, in rad/s, at the end; it rises with the time squared."""


class Seen(NamedTuple):
    """What is seen of the goal, and of where things are."""

    goal: Mapping[str, np.ndarray]
    """Where feature points shall be, in the unit of the controller's state (`goal_of`)."""
    found: Mapping[str, Found]
    """The things to be brought somewhere that such points tell (`locating.find`)."""
    apart: Displacement | None
    """Where a landmark stands (`locating.standing`)."""


def objective(situation: Situation, sight: Sight, seen: Seen, weights: Weights, steps: int) -> Cost:
    """Return the cost of a trajectory of so many steps."""
    led = _shown_terms if situation.led else _aimed_terms
    terms = led(situation, sight, seen, weights, steps)
    terms += [*_seen_terms(sight, seen, weights, steps), *_velocity_terms(sight, weights, steps)]
    return Cost(terms, weights.action)


def _velocity_terms(sight: Sight, weights: Weights, steps: int) -> list[Term]:
    """Return the squares of the joints' velocities, where they are seen."""
    if not weights.velocity or JOINT_VELOCITY not in sight.places:
        return []
    rows = sight.rows(JOINT_VELOCITY)
    late = weights.velocity * ramp(steps)
    return [Term(Offset(rows, np.zeros(len(rows))), late, square=1.0, log=0.0)]


def _seen_terms(sight: Sight, seen: Seen, weights: Weights, steps: int) -> list[Term]:
    """Return the distances of feature points from where the image of the goal has them.

    Of those on things that were found, if any were. Where a landmark stands apart, they are to lie
    beside its points as they do in that image.
    """
    goal, found, apart = seen
    on_things = [name for thing in found.values() for name in thing.features if name in goal]
    told = [name for name in apart.names if name in goal] if apart else []
    if apart and not told:
        return []  # the landmark is told otherwise than by points, and with it where to go
    beside: np.ndarray | float = 0.0
    place: np.ndarray | float = 0.0
    if told:
        beside = np.mean([sight.rows(name) for name in told], axis=0)
        place = np.mean([goal[name] for name in told], axis=0)
    return [
        Term(
            Offset(sight.rows(name) - beside, goal[name] - place),
            weights.goal * (1.0 if on_things else sight.features[name]) * ramp(steps),
        )
        for name in on_things or goal
        if name not in told
    ]


def _aimed_terms(
    situation: Situation, sight: Sight, seen: Seen, weights: Weights, steps: int
) -> list[Term]:
    """Return the distances of what is to be brought somewhere, and of what brings it there."""
    hand, late = sight.rows(EFFECTOR), ramp(steps)
    early = np.arange(steps + 1) < DOWN * steps
    terms: list[Term] = []
    for aim in situation.aims:
        if aim.point == EFFECTOR:
            terms.append(Term(Offset(hand, aim.place), weights.goal * np.ones(steps + 1)))
            continue
        told, thing = aim.point in sight.places, seen.found.get(aim.point)
        if told:
            rows = sight.rows(aim.point)
            terms.append(Term(Offset(rows, aim.place), weights.goal * late))
            thing = Found((), rows, np.zeros(3), aim.place)
        if not aim.push_from:
            continue
        begun = situation.points[aim.point]
        way = blind_way(begun, aim.place, aim.push_from, steps)
        if thing:
            beside = Offset(hand - thing.matrix, way - begun + thing.shift)
            radius = aim.push_from if told else aim.push_from - NEARER
            pushing = ~early * (1.0 if told else 1.0 - TAPER * late)
            stand = Behind(hand, thing.matrix, thing.goal, radius, SOFT, thing.shift)
            terms += [Term(beside, weights.way * early), Term(stand, weights.way * pushing)]
        else:
            firm = np.where(early | (not seen.goal), 1.0, weights.led)
            terms.append(Term(Offset(hand, way), weights.way * firm))
    return terms


def _shown_terms(
    situation: Situation, sight: Sight, seen: Seen, weights: Weights, steps: int
) -> list[Term]:
    """Return the distances of the hand from the way that was shown, and of things from theirs.

    Where a landmark stands `apart`, the way is moved with it.
    """
    assert situation.showing is not None
    way, apart = weights.way * np.ones(steps + 1), seen.apart
    shown = lasting(sight.see(situation.showing.states), steps + 1)
    parts = {EFFECTOR: way, TURN: TURNING * way, GRIPPER: way}
    parts |= {name: weights.goal * ramp(steps) for name in situation.moved}
    terms = []
    for name, weight in parts.items():
        if name not in sight.places or (apart and name in apart.names):
            continue
        matrix, target = sight.rows(name), shown[:, sight.places[name]]
        if apart and name not in (TURN, GRIPPER):
            matrix, target = matrix - apart.matrix, target + apart.shift
        terms.append(Term(Offset(matrix, target), weight))
    return terms


def lasting(values: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` rows; where there are fewer, the last one again and again."""
    return values[np.minimum(np.arange(count), len(values) - 1)]


def goals_of(state: State, situation: Situation) -> dict[str, Goal]:
    """Return where the image of the goal has the points to bring there, by camera.

    As the filters see it: of what was shown, a point that the hand hides at last is where it was
    before. Points on the robot are no part of it.
    """
    if state.estimator is None or situation.goal is None:
        return {}
    goals, own = {}, on_hand(state, situation)
    for camera, perception in state.estimator.perceptions.items():
        points = np.array(perception.usual)  # (K, d)
        points[perception.kept] = seen_in(state, situation.goal, camera)
        goals[camera] = Goal(points, perception.kept & ~own[camera])
    return goals


def goal_of(state: State, situation: Situation, sight: Sight) -> dict[str, np.ndarray]:
    """Return where the goal has the points that the controller sees, in its state's unit."""
    goals = goals_of(state, situation)
    places: dict[str, np.ndarray] = {}
    for name in sight.features if goals else ():
        camera, _, number = name.rpartition("/")
        places[name] = sight.scale[sight.places[name]] * goals[camera].points[int(number)]
    return places


def blind_way(begin: np.ndarray, end: np.ndarray, radius: float, steps: int) -> np.ndarray:
    """Return a way (T + 1, 3) for pushing a thing that is not seen: from behind it to its goal.

    It takes that the thing stands where it was put, (3,): over it to the side away from the goal,
    down, and straight to where the thing shall be.
    """
    ahead = (end - begin) / (np.linalg.norm(end - begin) + 1e-9)
    time = np.arange(steps + 1) / steps
    share = np.clip((time - DOWN) / (ARRIVED - DOWN), 0.0, 1.0)[:, None]
    way = begin + share * (end - begin) - radius * ahead
    way[:, 2] += OVER * np.clip((DOWN - time) / (DOWN - BEHIND), 0.0, 1.0)
    return way
