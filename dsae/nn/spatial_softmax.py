"""The spatial softmax: where in each map is its mass?"""

from typing import NamedTuple

import torch
from torch import nn


class Grid(NamedTuple):
    """Where the cells of a map lie in the image: the places of its first and last columns and rows.

    The default spans [−1, 1] from first to last cell, as in the paper and its implementations.
    """

    left: float = -1.0
    right: float = 1.0
    top: float = -1.0
    bottom: float = 1.0

    def axes(self, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the columns' x, shape (width,), and the rows' y, shape (height,)."""
        x = torch.linspace(self.left, self.right, width)
        return x, torch.linspace(self.top, self.bottom, height)


def cell_centres(height: int, width: int) -> Grid:
    """Return the grid of an image's own pixels, or of a map whose cells tile the image."""
    return Grid(1 / width - 1, 1 - 1 / width, 1 / height - 1, 1 - 1 / height)


class SpatialSoftmax(nn.Module):
    """Expected image position under each map's softmax (Finn et al. 2016, Section IV-A).

    s_kij = exp(a_kij / α) / Σ_i'j' exp(a_ki'j' / α),   f_k = (Σ s_kij x_j, Σ s_kij y_i)

    The temperature α is learned and kept positive as exp(log α). The softmax subtracts each map's
    maximum first, so that activations of any size are safe.
    """

    def __init__(self, grid: Grid = Grid(), temperature: float = 1.0) -> None:  # noqa: B008
        super().__init__()
        self.grid = grid
        self.log_temperature = nn.Parameter(torch.tensor(float(temperature)).log())

    def forward(self, activations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return points (B, K, 2), (x, y) with y down, and maps of activations (B, K, h, w)."""
        height, width = activations.shape[-2:]
        logits = activations.flatten(2) / self.log_temperature.exp()  # (B, K, h·w)
        maps = logits.softmax(-1).unflatten(-1, (height, width))
        x, y = (axis.to(maps) for axis in self.grid.axes(height, width))
        points = torch.stack([maps.sum(-2) @ x, maps.sum(-1) @ y], dim=-1)
        return points, maps
