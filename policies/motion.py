"""How fast what is observed moves: velocities made of positions, as few simulators give them."""

from collections.abc import Mapping

import numpy as np

from dsae.state.layout import Part
from dsae.state.robot import EE_POSE, EE_VELOCITY, robot_parts, velocity

OBJECTS, OBJECT_VELOCITY = "object_position", "object_velocity"


def moving_parts(observations: Mapping[str, np.ndarray]) -> tuple[Part, ...]:
    """Return the parts of a state with velocities, for observations (..., D) like these.

    The robot's own, and where objects are told, their positions and velocities.
    """
    parts = robot_parts(observations)
    if OBJECTS not in observations:
        return parts
    size = np.shape(observations[OBJECTS])[-1]
    return (*parts, Part(OBJECTS, size), Part(OBJECT_VELOCITY, size))


class Motion:
    """Velocities of the end effector and of the objects in N environments, by finite differences.

    Everything begins at rest. `rate` is in frames per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._before: dict[str, np.ndarray] = {}

    def reset(self, which: np.ndarray | None = None) -> None:
        """Forget the past: of all environments, or of those that `which`, bool (N,), names."""
        if which is None:
            self._before = {}
        for values in self._before.values():
            values[which] = np.nan

    def step(
        self, observations: Mapping[str, np.ndarray], which: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return `ee_velocity` (N, 6) and `object_velocity` (N, D) of the next observations.

        They are of all environments, or of those alone that `which`, bool, names.
        """
        found = {}
        if EE_POSE in observations:
            before, now = self._follow(EE_POSE, observations[EE_POSE], which)
            found[EE_VELOCITY] = velocity(before, now, 1 / self.rate)
        if OBJECTS in observations:
            before, now = self._follow(OBJECTS, observations[OBJECTS], which)
            found[OBJECT_VELOCITY] = (now - before) * self.rate
        return found

    def _follow(
        self, name: str, values: np.ndarray, which: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        now = np.asarray(values, np.float64)
        among = np.ones(len(now), bool) if which is None else which
        if name not in self._before:
            self._before[name] = np.full((len(among), *now.shape[1:]), np.nan)
        before = self._before[name][among]
        self._before[name][among] = now
        return np.where(np.isnan(before), now, before), now
