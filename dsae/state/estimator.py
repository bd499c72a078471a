"""From frames and the robot's own state to a state that one can control with.

    [joint positions and velocities, end-effector pose and velocity, filtered feature points and
     their velocities]                                       (Finn et al. 2016, Section V)

Causal: what a step returns depends on the frames up to it alone. The paper's state is the same
but for the end effector, which it gives as three points; ours is a pose.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dsae.errors import DsaeError
from dsae.state.kalman import Estimate, Filter
from dsae.state.layout import Part
from dsae.state.perception import Percept, Perception
from dsae.state.robot import EE_POSE, EE_VELOCITY, velocity

POINTS, VELOCITIES = "points", "point_velocities"
CODE, CODE_VELOCITIES = "code", "code_velocities"
"""Names of a camera's parts, behind the camera's name and a slash."""


class Seen(NamedTuple):
    """How one camera's feature points stand, all K of them, kept or not, in B environments."""

    percept: Percept
    """As encoded, (B, K, d)."""
    estimate: Estimate
    """As filtered; velocities are per second."""


class State(NamedTuple):
    """The state of B environments at one time."""

    vector: np.ndarray
    """float32 (B, S), laid out as `StateEstimator.layout` says."""
    seen: dict[str, Seen]
    """By camera, for whoever draws it or needs the covariances."""


class StateEstimator:
    """Turns each time's frames and robot state into a state vector, batched over environments.

    Args:
        perceptions: by camera.
        robot: parts of the robot's observations, from `robot_parts`; none for a bare camera.
        rate: frames per second.
    """

    def __init__(
        self, perceptions: Mapping[str, Perception], robot: tuple[Part, ...], rate: float
    ) -> None:
        if not perceptions:
            raise DsaeError("a state needs at least one camera")
        self.perceptions = dict(perceptions)
        self.robot = robot
        self.rate = rate
        self._filters = {
            name: Filter(perception.noise, 1 / rate) for name, perception in perceptions.items()
        }
        self._beliefs: dict[str, Estimate] = {}
        self._pose: np.ndarray | None = None
        self._new: np.ndarray | None = None  # environments that have not had a frame yet

    @property
    def layout(self) -> tuple[Part, ...]:
        """The parts of the vector, in order."""
        parts = list(self.robot)
        for camera, perception in self.perceptions.items():
            size = len(perception.axes) * int(perception.kept.sum())
            parts += [Part(f"{camera}/{name}", size) for name in _names(perception)]
        return tuple(parts)

    @property
    def size(self) -> int:
        """S, the length of the vector."""
        return sum(part.size for part in self.layout)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number: `front/points 3 x` is the x of the camera's feature point 3."""
        names = [f"{name} {i}" for name, size in self.robot for i in range(size)]
        for camera, perception in self.perceptions.items():
            numbers = np.flatnonzero(perception.kept)
            names += [
                f"{camera}/{part} {k} {axis}"
                for part in _names(perception)
                for k in numbers
                for axis in perception.axes
            ]
        return tuple(names)

    def is_place(self, part: str) -> bool:
        """Whether a part of the layout is where a camera's points, or its code, stand."""
        return part.rpartition("/")[2] in (POINTS, CODE) and "/" in part

    def reset(self, which: np.ndarray | None = None) -> None:
        """Forget the past: of all environments, or of those that `which`, bool (B,), names."""
        if which is None or self._new is None:
            self._beliefs, self._pose, self._new = {}, None, None
        else:
            self._new = self._new | np.asarray(which, bool)

    def step(
        self,
        frames: np.ndarray | Mapping[str, np.ndarray],
        robot: Mapping[str, np.ndarray] | None = None,
        which: np.ndarray | None = None,
    ) -> State:
        """Take in the next frames, uint8 (B, H, W, C) by camera, and observations (B, D) by name.

        With one camera the frames may come bare. They are of all environments, or of those alone
        that `which`, bool, names. Raises DsaeError if a camera or an observation is missing, or if
        the number of environments changed without a `reset`.
        """
        given = self._by_camera(frames)
        count = len(next(iter(given.values())))
        among = np.ones(count, bool) if which is None else which
        if self._new is None:
            self._beliefs, self._pose = {}, None  # of a first step that failed
        unseen = np.ones(len(among), bool) if self._new is None else self._new
        if len(unseen) != len(among):
            raise DsaeError(
                f"{len(among)} environments after {len(unseen)}: reset the estimator between them"
            )
        new = unseen[among]
        seen = {}
        for camera, perception in self.perceptions.items():
            percept = perception.see(given[camera])
            seen[camera] = Seen(percept, self._filtered(camera, percept, new, among))
        vector = self._vector(seen, self._robot_state(robot or {}, new, among))
        self._new = unseen & ~among
        return State(vector, seen)

    def run(
        self,
        frames: np.ndarray | Mapping[str, np.ndarray],
        robot: Mapping[str, np.ndarray] | None = None,
    ) -> State:
        """Return the states of one whole episode, T in place of B, as `step` gives them one by one.

        The encoder sees all frames at once, which is faster. The estimator is reset before and
        after.
        """
        self.reset()
        given = self._by_camera(frames)
        seen = {}
        for camera, perception in self.perceptions.items():
            percept = perception.see(given[camera])
            seen[camera] = Seen(percept, self._filters[camera].run(percept.places, percept.present))
        count = len(next(iter(given.values())))
        poses = [
            self._robot_state({name: values[t : t + 1] for name, values in (robot or {}).items()},
                              np.array([t == 0]), np.ones(1, bool))
            for t in range(count)
        ]  # fmt: skip
        self.reset()
        return State(self._vector(seen, np.concatenate(poses)), seen)

    def _by_camera(self, frames: np.ndarray | Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        if not isinstance(frames, Mapping):
            if len(self.perceptions) > 1:
                raise DsaeError(f"frames are needed by camera: {', '.join(self.perceptions)}")
            return {next(iter(self.perceptions)): frames}
        for camera in self.perceptions:
            if camera not in frames:
                raise DsaeError(f"no frames of camera '{camera}', only of {', '.join(frames)}")
        return frames

    def _filtered(
        self, camera: str, percept: Percept, new: np.ndarray, among: np.ndarray
    ) -> Estimate:
        filter_ = self._filters[camera]
        beliefs = self._beliefs.get(camera)
        if beliefs is None:
            beliefs = filter_.unknown((len(among),))
        belief = Estimate(*(values[among] for values in beliefs))
        if new.any():
            fresh = filter_.unknown((len(new),))
            belief = Estimate(*(
                np.where(new.reshape(-1, *[1] * (old.ndim - 1)), begun, old)
                for begun, old in zip(fresh, belief, strict=True)
            ))  # fmt: skip
        estimate = filter_.update(belief, percept.places, percept.present)
        self._beliefs[camera] = Estimate(*map(_placed, beliefs, [among] * 3, estimate))
        return estimate

    def _robot_state(
        self, robot: Mapping[str, np.ndarray], new: np.ndarray, among: np.ndarray
    ) -> np.ndarray:
        """Return the robot's parts side by side, (B, R); an end effector begins at rest."""
        columns = []
        for name, size in self.robot:
            if name == EE_VELOCITY:
                pose = np.asarray(robot[EE_POSE], np.float64)
                poses = (
                    self._pose if self._pose is not None else np.zeros((len(among), pose.shape[1]))
                )
                before = np.where(new[:, None], pose, poses[among])
                columns.append(velocity(before, pose, 1 / self.rate))
                self._pose = _placed(poses, among, pose)
                continue
            if name not in robot:
                have = ", ".join(robot) or "none"
                raise DsaeError(f"the state needs the observation '{name}', there is {have}")
            values = np.asarray(robot[name], np.float64)
            if values.shape != (len(new), size):
                raise DsaeError(f"'{name}' is of shape {values.shape}, not {(len(new), size)}")
            columns.append(values)
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(new), 0))

    def _vector(self, seen: Mapping[str, Seen], robot: np.ndarray) -> np.ndarray:
        columns = [robot]
        for camera, perception in self.perceptions.items():
            estimate = seen[camera].estimate
            position = np.where(estimate.known[..., None], estimate.position, perception.usual)
            for values in (position, estimate.velocity):
                columns.append(values[:, perception.kept].reshape(len(robot), -1))
        return np.concatenate(columns, axis=1).astype(np.float32)


def _placed(whole: np.ndarray, among: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return a copy of `whole` with those rows at the places that `among`, bool, names."""
    copy = whole.copy()
    copy[among] = rows
    return copy


def _names(perception: Perception) -> tuple[str, str]:
    return (POINTS, VELOCITIES) if len(perception.axes) == 2 else (CODE, CODE_VELOCITIES)
