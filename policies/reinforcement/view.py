"""What Stable-Baselines3 is shown of a state: its numbers, and beside them the image, if any.

An image stays uint8 all the way into the rollout or replay buffer; there it takes a quarter of the
space that the [0, 1] of the state vector would.
"""

import math
from typing import NamedTuple

import numpy as np
from gymnasium import spaces

from dsae.encoder import ImageShape
from policies.errors import PolicyError
from policies.state import State

NUMBERS, IMAGE = "numbers", "image"
"""Parts of an observation of a state with an image."""
Observation = np.ndarray | dict[str, np.ndarray]
"""State vectors, float32 (N, D), or `NUMBERS` and `IMAGE`, uint8 (N, C, H, W)."""
SMALLEST = 36  # pixels that the three convolutions of SB3's `NatureCNN` need


def check_image(image_shape: ImageShape) -> None:
    """PolicyError for images (H, W, C) too small for the network."""
    height, width, _ = image_shape
    if min(height, width) < SMALLEST:
        raise PolicyError(
            f"the network for pixels takes images of {SMALLEST}×{SMALLEST} at least, "
            f"not {height}×{width}"
        )


class View(NamedTuple):
    """How a state vector is divided."""

    numbers: int
    """Length of what is no image; it comes first."""
    image: ImageShape | None = None
    """(H, W, C)."""

    @classmethod
    def of(cls, state: State) -> "View":
        """Return the view of a state; PolicyError if its image is too small for the network."""
        shape = state.image_shape
        if shape:
            check_image(shape)
        return cls(state.size - math.prod(shape or (0,)), shape)

    @property
    def space(self) -> spaces.Box | spaces.Dict:
        """The space of one observation."""
        numbers = spaces.Box(-np.inf, np.inf, (self.numbers,), np.float32)
        if self.image is None:
            return numbers
        height, width, channels = self.image
        image = spaces.Box(0, 255, (channels, height, width), np.uint8)
        return spaces.Dict({NUMBERS: numbers, IMAGE: image})

    def split(self, states: np.ndarray) -> Observation:
        """Return the observation of state vectors (N, D), or of one, (D,)."""
        if self.image is None:
            return states
        seen = states[..., self.numbers :].reshape(*states.shape[:-1], *self.image)
        levels = np.rint(255 * seen).astype(np.uint8)
        return {NUMBERS: states[..., : self.numbers], IMAGE: np.moveaxis(levels, -1, -3)}
