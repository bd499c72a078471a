"""The settings that all learners by reinforcement have."""

import math
from dataclasses import dataclass

from dsae.ranges import check_ranges


@dataclass(frozen=True, kw_only=True)
class Config:
    """How long is learned, on how many copies of the task, with what network."""

    steps: int
    """Steps of the task in all, over all copies; rounded up to whole updates."""
    every: int = 10_000
    """Steps between two checkpoints and rows of the log. The copies are reset at each, since a
    simulation cannot be saved midway, so that another value ends in other weights."""
    copies: int = 8
    """Copies of the task that are acted in side by side, whatever the number of processes."""
    hidden: int = 128
    """Width of the hidden layers."""
    layers: int = 2
    """Number of hidden layers."""
    learning_rate: float
    """Adam's rate, constant."""
    batch: int = 256
    """Steps per gradient step."""
    discount: float
    """γ, per step."""
    layer_norm: bool = False
    """Normalise the hidden layers, before their activation."""
    velocities: bool = False
    """Learn on joints and velocities as well, where the state has them."""

    def __post_init__(self) -> None:
        positive = (1, math.inf)
        check_ranges(
            self,
            steps=positive,
            every=positive,
            copies=positive,
            hidden=positive,
            layers=positive,
            learning_rate=(0, math.inf),
            batch=(2, math.inf),
            discount=(0, 1),
        )

    @property
    def widths(self) -> list[int]:
        """Widths of the hidden layers, as SB3 takes them."""
        return [self.hidden] * self.layers
