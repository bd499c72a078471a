"""The one interface behind which every learned controller stands."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from torch import nn

from dsae.state.goals import Goal


class Actor(nn.Module, ABC):
    """Maps state vectors to actions; its weights and `description` are what a policy file keeps.

    It may remember what it saw since the last `reset`, of the same N environments all the while.
    """

    outputs: int
    """Length A of an action."""

    @property
    def conditions(self) -> tuple[dict[str, Any], ...]:
        """The initial conditions that it was learned for, as reset options; none if for any."""
        return ()

    @property
    def moves(self) -> dict[str, list[float]]:
        """How far what stands where is perturbed to test it, as half-widths by reset option."""
        return {}

    @property
    def ends(self) -> tuple[dict[str, Any], ...]:
        """For each condition the reset options of things that stand where they are to be brought.

        None where it does not know.
        """
        return ()

    @property
    def goals(self) -> tuple[dict[str, Goal], ...]:
        """For each condition the feature points to reach, by camera; none where it knows none."""
        return ()

    def reset(self, condition: int = 0) -> None:
        """Forget the past: all environments begin an episode, from the condition of that number."""

    @abstractmethod
    def act(self, states: np.ndarray) -> np.ndarray:
        """Return the next actions, float32 (N, A), for state vectors (N, D)."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Return the arguments, as JSON, that build this actor again."""
