"""The one interface behind which every learned controller stands."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from torch import nn


class Actor(nn.Module, ABC):
    """Maps state vectors to actions; its weights and `description` are what a policy file keeps."""

    outputs: int
    """Length A of an action."""

    @abstractmethod
    def act(self, states: np.ndarray) -> np.ndarray:
        """Return actions, float32 (N, A), for state vectors (N, D)."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Return the arguments, as JSON, that build this actor again."""
