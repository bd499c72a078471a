"""Demonstrations as a learner reads them: what was seen up to each step, and what was done."""

from typing import NamedTuple, Self

import numpy as np
import torch

from policies.cloning.history import windows
from policies.demonstrations import Demonstrations
from policies.errors import PolicyError


class Steps(NamedTuple):
    """All steps of all episodes, one after the other."""

    states: torch.Tensor
    """float32 (N, D)."""
    actions: torch.Tensor
    """float32 (N, A)."""
    windows: torch.Tensor
    """Numbers of the last states at each step, int64 (N, history)."""

    @classmethod
    def of(cls, shown: Demonstrations, history: int) -> Self:
        """Stack demonstrations within their episodes; nothing is copied."""
        return cls(
            torch.from_numpy(shown.states),
            torch.from_numpy(shown.actions),
            torch.from_numpy(windows(shown.episodes, history)),
        )

    def some(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last states (B, history, D) and the actions (B, A) of the chosen steps."""
        return self.states[self.windows[chosen]], self.actions[chosen]


def split(
    episodes: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps to train on and those of the episodes kept for validation.

    `episodes` (N,) is the number of each step's episode. With a share of 0 none is kept; else one
    at least is and one is not, and PolicyError if there is one only.
    """
    numbers = rng.permutation(np.unique(episodes))
    kept = 0
    if share > 0:
        if len(numbers) < 2:
            raise PolicyError("validation takes two episodes at least: give validation=0")
        kept = min(max(1, round(share * len(numbers))), len(numbers) - 1)
    held_out = np.isin(episodes, numbers[:kept])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
