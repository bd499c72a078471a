"""What of a state vector a trajectory's controller sees, and where in it things are."""

from collections.abc import Callable, Collection
from typing import NamedTuple, Self

import numpy as np

from dsae.state.layout import slices
from dsae.state.robot import EE_POSE, EE_VELOCITY
from policies.motion import OBJECT_VELOCITY, OBJECTS
from policies.state import State
from policies.trajectory.situation import EFFECTOR, Situation

ON_HAND = 0.6
"""Share of a point's place that the end effector's tells, above which it is the robot's own."""
STAYED = 1 / 16
"""Halves of the image's shorter side, two pixels of 64, by which a point of the robot may seem to
move where the robot stays."""
TURNS = 0.02
"""Spread of a quaternion's number above which the hand is taken to turn."""
JOINT_VELOCITY = "joint_velocity"
JOINTS = ("joint_position", JOINT_VELOCITY)
GRIPPER, TURN = "gripper", "turn"

Take = Callable[..., None]


class Sight(NamedTuple):
    """The controller's state x = scale · s[columns] of a state vector s, (X,)."""

    columns: np.ndarray
    """(X,)."""
    scale: np.ndarray
    """(X,): 1 for what is in metres and radians, metres per half side for feature points."""
    places: dict[str, np.ndarray]
    """By the name of a thing, the numbers of x that are its coordinates: (3,) or (2,); and by that
    of a part of the state those of the robot's joints."""
    features: dict[str, float]
    """The names among them that are feature points, with the share of each that the end effector's
    place does not tell."""
    held: np.ndarray
    """Numbers of x that are seen in the beginning and remembered, bool (X,)."""

    @classmethod
    def of(
        cls,
        state: State,
        situation: Situation,
        vectors: np.ndarray,
        things: tuple[str, ...],
        metres: float,
        *,
        joints: bool,
    ) -> Self:
        """Choose what to see.

        Args:
            state: with velocities.
            situation: one of those to learn in; they have the same objects.
            vectors: state vectors of some rollouts (N, D), which tell whether the hand turns.
            things: objects to see, of those that the state tells.
            metres: what a half side of the image is about, in metres.
            joints: whether joint positions and velocities are seen, too.
        """
        at = slices(state.layout)
        columns: list[int] = []
        scale: list[float] = []
        places: dict[str, np.ndarray] = {}

        def take(numbers: list[int], factor: float = 1.0, name: str | None = None) -> None:
            if name:
                places[name] = len(columns) + np.arange(len(numbers))
            columns.extend(numbers)
            scale.extend([factor] * len(numbers))

        for part in JOINTS if joints else ():
            take(list(range(at[part].start, at[part].stop)), name=part)
        pose, speed = at[EE_POSE].start, at[EE_VELOCITY].start
        turning = [i for i in range(pose + 3, pose + 7) if vectors[:, i].std() > TURNS]
        take(list(range(pose, pose + 3)), name=EFFECTOR)
        take(turning, name=TURN if turning else None)
        take(list(range(speed, speed + 3 + 3 * bool(turning))))
        if GRIPPER in at:
            take([at[GRIPPER].start], name=GRIPPER)
        for number, thing in enumerate(situation.objects):
            if thing in things and OBJECTS in at:
                place, velocity = at[OBJECTS].start + 3 * number, at[OBJECT_VELOCITY].start
                take(list(range(place, place + 3)), name=thing)
                take([velocity + 3 * number + i for i in range(3)])
        features = _take_features(state, situation, take, metres) if state.estimator else {}
        return cls(
            np.array(columns), np.array(scale), places, features, np.zeros(len(columns), bool)
        )

    def rows(self, name: str) -> np.ndarray:
        """Return the matrix that takes what `places` names out of x, (its numbers, X)."""
        matrix = np.zeros((len(self.places[name]), len(self.columns)))
        matrix[np.arange(len(matrix)), self.places[name]] = 1.0
        return matrix

    def without(self, names: Collection[str]) -> Self:
        """Return the same without some feature points and their velocities."""
        kept = ~self._numbers(names)
        after = np.cumsum(kept) - 1
        return self._replace(
            columns=self.columns[kept],
            scale=self.scale[kept],
            places={name: after[at] for name, at in self.places.items() if name not in names},
            features={name: x for name, x in self.features.items() if name not in names},
            held=self.held[kept],
        )

    def holding(self, names: Collection[str]) -> Self:
        """Return the same with the places of some things remembered, and their velocities."""
        return self._replace(held=self.held | self._numbers(names))

    def _numbers(self, names: Collection[str]) -> np.ndarray:
        """Return which numbers of x are some things' places and velocities, bool (X,)."""
        theirs = np.zeros(len(self.columns), bool)
        for name in names:
            place = self.places[name]
            theirs[place] = theirs[place + len(place)] = True
        return theirs

    def see(self, vectors: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
        """Return x, (..., X), of state vectors (..., D); what is held is as in `first`."""
        seen = vectors[..., self.columns] * self.scale
        if first is None:
            return seen
        return np.where(self.held, first[..., self.columns] * self.scale, seen)


def seen_in(state: State, vector: np.ndarray, camera: str) -> np.ndarray:
    """Return where a state vector (D,) has the kept points of a camera, (P, d)."""
    assert state.estimator is not None
    size = len(state.estimator.perceptions[camera].axes)
    return vector[_parts(state, camera)[0]].reshape(-1, size)


def on_hand(state: State, situation: Situation) -> dict[str, np.ndarray]:
    """Return which points of each camera are the robot's own, bool (K,): those that its hand tells.

    A thing that the hand pushes all the time is told by it, too. But where things were put where
    they shall be, the arm stood as in the beginning: what moved between the images is a thing.
    """
    assert state.estimator is not None
    found = {}
    for camera, perception in state.estimator.perceptions.items():
        own = perception.told > ON_HAND
        if situation.goal is not None and not situation.led:
            first, last = (seen_in(state, v, camera) for v in (situation.start, situation.goal))
            own[perception.kept] &= np.linalg.norm(last - first, axis=1) <= STAYED
        found[camera] = own
    return found


def _take_features(
    state: State, situation: Situation, take: Take, metres: float
) -> dict[str, float]:
    """See each camera's kept points, and their velocities, but for those on the hand."""
    assert state.estimator is not None
    own, shares = on_hand(state, situation), {}
    for camera, perception in state.estimator.perceptions.items():
        size = len(perception.axes)
        places, velocities = (part.start for part in _parts(state, camera))
        for order, point in enumerate(np.flatnonzero(perception.kept)):
            if own[camera][point]:
                continue
            name = f"{camera}/{point}"
            take([places + size * order + i for i in range(size)], metres, name)
            take([velocities + size * order + i for i in range(size)], metres)
            shares[name] = 1.0 - float(perception.told[point])
    return shares


def _parts(state: State, camera: str) -> tuple[slice, slice]:
    """Return where in a state vector a camera's places are, and their velocities."""
    assert state.estimator is not None
    at = slices(state.layout)
    places, velocities = (
        at[part.name] for part in state.estimator.layout if part.name.startswith(f"{camera}/")
    )
    return places, velocities
