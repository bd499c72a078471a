"""Gaussian maps: a blob drawn at each feature point, so that convolutions can paint there."""

import math

import torch
from torch import nn

from dsae.nn.spatial_softmax import cell_centres


class GaussianMaps(nn.Module):
    """Draw points as blobs (Jakab et al. 2018).

    g_kij = exp(−((x_j − f_kx)² + (y_i − f_ky)²) / 2σ²)

    σ, in the units of the points ([−1, 1] across the image), is one trained number for all maps;
    Jakab et al. fix it.
    """

    def __init__(self, height: int, width: int, sigma: float = 0.1) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma)))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return maps (B, K, height, width) for points (B, K, 2)."""
        x, y = (axis.to(points) for axis in cell_centres(*self.size).axes(*self.size))
        scale = -0.5 * torch.exp(-2 * self.log_sigma)
        across = torch.exp(scale * (x - points[..., :1]) ** 2)  # (B, K, w)
        down = torch.exp(scale * (y - points[..., 1:]) ** 2)  # (B, K, h)
        return down.unsqueeze(-1) * across.unsqueeze(-2)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the maps."""
        return self.height, self.width
