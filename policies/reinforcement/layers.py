"""The hidden layers of SB3's networks, normalised or not."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn import functional


class Normalised(torch.nn.Module):
    """Layer normalisation (Ba et al. 2016), then an activation.

    Without gain and bias of its own: SB3 has one slot after each linear layer, and the next layer
    scales what comes out.
    """

    def __init__(self, activation: Callable[[], torch.nn.Module]) -> None:
        super().__init__()
        self.activation = activation()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (N, D) for (N, D)."""
        normal: torch.Tensor = functional.layer_norm(values, values.shape[-1:])
        return self.activation(normal)


def options(
    widths: Sequence[int], activation: Callable[[], torch.nn.Module], *, layer_norm: bool
) -> dict[str, Any]:
    """Return how SB3 is told of hidden layers of these widths."""
    kind = partial(Normalised, activation) if layer_norm else activation
    return {"net_arch": list(widths), "activation_fn": kind}
