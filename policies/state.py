"""What a policy sees: the robot's own state, the commanded goal, and how the objects are perceived.

States of one task differ only in their last part: where the simulator says that the objects are
(`oracle`) and how they are turned (`oracle_pose`), nothing (`blind`), the camera's image itself
(`pixels`), an encoder's features of it, or what a state estimator makes of the frames and of the
robot's own state.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from dsae.encoder import Encoder, ImageShape
from dsae.errors import DsaeError
from dsae.state.estimator import StateEstimator
from dsae.state.layout import Part, slices
from dsae.state.robot import EE_VELOCITY, robot_parts
from policies.errors import PolicyError
from policies.motion import OBJECT_VELOCITY, OBJECTS, Motion, moving_parts

SHARED = ("ee_pose", "gripper", "goal")
"""What every state contains, where the task has it: the robot itself and the commanded goal."""
GOAL = "goal"
FEATURES = "features"
PIXELS = "pixels"
Frames = np.ndarray | Mapping[Any, np.ndarray]
"""uint8 (N, H, W, C), or such an array by camera, named as in `State.image_shapes`."""
Eye = Encoder | StateEstimator
"""What makes numbers of frames."""
NAMED = {
    "oracle": (*SHARED, OBJECTS),
    "oracle_pose": (*SHARED, OBJECTS, "object_rotation"),
    "blind": SHARED,
    PIXELS: SHARED,
}
OPTIONAL = ("gripper", "goal")
"""What a task may lack; objects, too, where a goal is told: then nothing else is to be seen."""
MADE = (FEATURES, PIXELS, EE_VELOCITY, OBJECT_VELOCITY)
"""Parts that no environment gives."""
RATE = 20.0
"""Frames per second where nobody tells."""


class State:
    """Concatenates observations and what is seen: an encoder's features or an estimator's state.

    `layout` names the parts of the vector in order. Arrays go through batched: observations are
    (N, D) each, the result is float32 (N, `size`). Velocities and an estimator remember what they
    saw: `reset` the state where an episode begins.

    Args:
        layout: from `build`.
        eye: what looks at the frames.
        image_shape: (H, W, C) of the frames that are themselves the last part, in [0, 1].
        rate: frames per second, for velocities.
    """

    def __init__(
        self,
        layout: tuple[Part, ...],
        eye: Eye | None = None,
        *,
        image_shape: ImageShape | None = None,
        rate: float = RATE,
    ) -> None:
        self.layout = layout
        self.encoder = eye if isinstance(eye, Encoder) else None
        self.estimator = eye if isinstance(eye, StateEstimator) else None
        self.image_shape = image_shape
        self.rate = rate
        self._motion = Motion(rate)

    @classmethod
    def build(
        cls,
        observations: Mapping[str, Any],
        *,
        name: str,
        eye: Eye | None = None,
        velocities: bool = False,
        image_shape: ImageShape | None = None,
        rate: float = RATE,
    ) -> "State":
        """Lay a state out for observations of which these are an example, each (..., D).

        `name` is one of `NAMED`; with an eye it is the eye's own name. An estimator's state is as
        much of the robot as every state has, and its filtered places; with `velocities` all that
        it knows. A named one gets, with `velocities`, all of the robot and how the objects move.
        `pixels` are of `image_shape`. Raises PolicyError, listing what there is, if an observation
        is missing, or where there are no velocities.
        """
        seen: tuple[Part, ...] = ()
        wanted = SHARED if eye else named(name)
        if isinstance(eye, StateEstimator):
            _check_robot(eye, observations)
            wanted = (GOAL,) if velocities else wanted
            seen = tuple(part for part in eye.layout if velocities or eye.is_place(part.name))
        elif eye:
            seen = (Part(FEATURES, eye.feature_size),)
        elif name == PIXELS:
            seen = (Part(PIXELS, math.prod(image_shape or ())),)
        optional = (*OPTIONAL, OBJECTS) if GOAL in observations else OPTIONAL
        keys = [key for key in wanted if key in observations or key not in optional]
        for key in keys:
            if key not in observations:
                raise PolicyError(
                    f"the state '{name}' needs the observation '{key}', "
                    f"there is {', '.join(observations) or 'none'}"
                )
        if velocities and not isinstance(eye, StateEstimator):
            if seen:
                raise PolicyError(
                    f"the state '{name}' has no velocities: give oracle, blind, or a folder of "
                    "'dsae state'"
                )
            told = {k: v for k, v in observations.items() if k != OBJECTS or k in wanted}
            return cls((*_goal(observations), *moving_parts(told)), rate=rate)
        parts = [Part(key, np.shape(observations[key])[-1]) for key in keys]
        shape = image_shape if name == PIXELS and not eye else None
        return cls((*parts, *seen), eye, image_shape=shape, rate=rate)

    @property
    def size(self) -> int:
        """Length of the state vector."""
        return sum(part.size for part in self.layout)

    @property
    def image_shapes(self) -> dict[str | None, ImageShape]:
        """What it looks at: (H, W, C) by camera, None being the one that it is shown."""
        if self.estimator:
            seen = self.estimator.perceptions
            return {camera: perception.encoder.image_shape for camera, perception in seen.items()}
        shape = self.encoder.image_shape if self.encoder else self.image_shape
        return {None: shape} if shape else {}

    @property
    def _has_motion(self) -> bool:
        """Whether velocities are made here; an estimator makes its own."""
        made = (EE_VELOCITY, OBJECT_VELOCITY)
        return not self.estimator and any(name in made for name, _ in self.layout)

    @property
    def observed(self) -> dict[str, int]:
        """The observations that the environment must give, with their lengths."""
        made = {*MADE, *(slices(self.estimator.layout) if self.estimator else ())}
        parts = {part.name: part.size for part in self.layout if part.name not in made}
        if self.estimator:
            parts |= {name: size for name, size in self.estimator.robot if name != EE_VELOCITY}
        return parts

    def to(self, device: str | torch.device) -> None:
        """Let the encoders compute there."""
        if self.encoder:
            self.encoder.to(device)
        for perception in self.estimator.perceptions.values() if self.estimator else ():
            perception.encoder.to(device)

    def reset(self, which: np.ndarray | None = None) -> None:
        """Forget the past: of all environments, or of those that `which`, bool (N,), names."""
        self._motion.reset(which)
        if self.estimator:
            self.estimator.reset(which)

    def vectors(
        self,
        observations: Mapping[str, np.ndarray],
        frames: Frames | None = None,
        which: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the next state vectors of N environments; frames are for what looks at them.

        `which`, bool, names the N that they are of, where they are not of all of them.
        """
        return self._vectors(observations, frames, whole=False, which=which)

    def episode(
        self, observations: Mapping[str, np.ndarray], frames: Frames | None = None
    ) -> np.ndarray:
        """Return the state vectors of one whole episode, its N steps one after the other."""
        if not self._has_motion:
            return self._vectors(observations, frames, whole=True)
        self.reset()
        steps = range(len(next(iter(observations.values()))))
        parts = [
            self.vectors({name: values[t : t + 1] for name, values in observations.items()})
            for t in steps
        ]
        self.reset()
        return np.concatenate(parts)

    def _vectors(
        self,
        observations: Mapping[str, np.ndarray],
        frames: Frames | None,
        *,
        whole: bool,
        which: np.ndarray | None = None,
    ) -> np.ndarray:
        seen: dict[str, np.ndarray] = {}
        if isinstance(frames, Mapping) and not self.estimator:
            frames = next(iter(frames.values()), None)  # what looks here looks through one camera
        if self.image_shape:
            shown = np.asarray(frames, np.float32) / 255
            seen = {PIXELS: shown.reshape(len(shown), -1)}
        elif self.encoder:
            code = self.encoder.encode(torch.from_numpy(frames))
            seen = {FEATURES: code.features.cpu().numpy()}
        elif self.estimator:
            assert frames is not None
            made = (
                self.estimator.run(frames, observations)
                if whole
                else self.estimator.step(frames, observations, which)
            )
            seen = {name: made.vector[:, at] for name, at in slices(self.estimator.layout).items()}
        elif self._has_motion:
            seen = self._motion.step(observations, which)
        columns = [
            seen[name] if name in seen else np.asarray(observations[name])
            for name, _ in self.layout
        ]
        return np.concatenate(columns, axis=1).astype(np.float32)


def _goal(observations: Mapping[str, Any]) -> tuple[Part, ...]:
    return (Part(GOAL, np.shape(observations[GOAL])[-1]),) if GOAL in observations else ()


def _check_robot(estimator: StateEstimator, observations: Mapping[str, Any]) -> None:
    """Raise PolicyError unless the observations are those that the estimator was made for."""
    try:
        parts = robot_parts(observations)
    except DsaeError as error:
        raise PolicyError(str(error)) from error
    missing = [part for part in estimator.robot if part not in parts]
    if missing:
        wanted = ", ".join(f"{name} ({size})" for name, size in missing)
        found = ", ".join(f"{name} ({np.shape(v)[-1]})" for name, v in observations.items())
        raise PolicyError(
            f"the state estimator needs the observations {wanted}: there is {found or 'none'}"
        )


def named(name: str) -> tuple[str, ...]:
    """Return the observations that a named state is made of."""
    if name not in NAMED:
        raise PolicyError(
            f"unknown state '{name}': choose from {', '.join(NAMED)}, or give a trained encoder"
        )
    return NAMED[name]
