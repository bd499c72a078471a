"""What a policy sees: the robot's own state, the commanded goal, and how the objects are perceived.

States of one task differ only in their last part: where the simulator says that the objects are
(`oracle`) and how they are turned (`oracle_pose`), nothing (`blind`), or an encoder's features of
the camera's image.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from dsae.encoder import Encoder
from policies.errors import PolicyError

SHARED = ("ee_pose", "gripper", "goal")
"""What every state contains, where the task has it: the robot itself and the commanded goal."""
FEATURES = "features"
NAMED = {
    "oracle": (*SHARED, "object_position"),
    "oracle_pose": (*SHARED, "object_position", "object_rotation"),
    "blind": SHARED,
}
OPTIONAL = ("gripper", "goal")
"""What a task may lack."""


class Part(NamedTuple):
    """A run of numbers in a state vector."""

    name: str
    size: int


class State:
    """Concatenates observations and, with an encoder, the features of the frame.

    `layout` names the parts of the vector in order. Arrays go through batched: observations are
    (N, D) each, frames uint8 (N, H, W, C), the result is float32 (N, `size`).
    """

    def __init__(self, layout: tuple[Part, ...], encoder: Encoder | None) -> None:
        self.layout = layout
        self.encoder = encoder

    @classmethod
    def build(
        cls, observations: Mapping[str, Any], *, name: str, encoder: Encoder | None
    ) -> "State":
        """Lay a state out for observations of which these are an example, each (..., D).

        `name` is one of `NAMED`; with an encoder it is the encoder's own name. Raises
        PolicyError, listing what there is, if an observation is missing.
        """
        wanted = SHARED if encoder else named(name)
        keys = [key for key in wanted if key in observations or key not in OPTIONAL]
        for key in keys:
            if key not in observations:
                raise PolicyError(
                    f"the state '{name}' needs the observation '{key}', "
                    f"there is {', '.join(observations) or 'none'}"
                )
        parts = [Part(key, np.shape(observations[key])[-1]) for key in keys]
        if encoder:
            parts.append(Part(FEATURES, encoder.feature_size))
        return cls(tuple(parts), encoder)

    @property
    def size(self) -> int:
        """Length of the state vector."""
        return sum(part.size for part in self.layout)

    def vectors(
        self, observations: Mapping[str, np.ndarray], frames: np.ndarray | None = None
    ) -> np.ndarray:
        """Return state vectors (N, size) float32; `frames` are needed with an encoder alone."""
        columns = []
        for part in self.layout:
            if part.name == FEATURES:
                assert self.encoder is not None
                code = self.encoder.encode(torch.from_numpy(frames))
                columns.append(code.features.cpu().numpy())
            else:
                columns.append(np.asarray(observations[part.name]))
        return np.concatenate(columns, axis=1).astype(np.float32)


def named(name: str) -> tuple[str, ...]:
    """Return the observations that a named state is made of."""
    if name not in NAMED:
        raise PolicyError(
            f"unknown state '{name}': choose from {', '.join(NAMED)}, or give a trained encoder"
        )
    return NAMED[name]
