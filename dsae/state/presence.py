"""Presence: how much of a softmax map's mass lies around its feature point.

A softmax cannot say that there is nothing: a map whose object is hidden has its mass somewhere
else, and if that is one thing, is as sharp as before. Here it is given one more cell that stands
for nothing, whose activation lies a fixed height above the map's mean: what is far weaker than the
object used to be leaves most of the mass to it. This is a departure from Finn et al. (2016), who
look at the mass around the point alone.
"""

import math

import numpy as np
import torch

from dsae.nn.spatial_softmax import Grid

WINDOW = 3  # cells, the side of the window in the paper
SEEN = 0.9  # quantile of a point's mass, or rise, that stands for its object being seen
LEAST = 1e-38  # share of the mass, about the smallest number of single precision
MOST = 50.0  # nats, e^50 leaves nothing of any mass


def softmax_mass(
    points: torch.Tensor, maps: torch.Tensor, grid: Grid, window: int = WINDOW
) -> torch.Tensor:
    """Return the mass, (B, K) in [0, 1], of maps (B, K, h, w) within a window around their points.

    `grid` says where the maps' cells lie (`encoder.point_grid`), points are (B, K, 2). The window
    is `window` cells wide, centred on the cell nearest to the point. A sharp map scores 1, one that
    spreads over the image about window² / (h · w).
    """
    height, width = maps.shape[-2:]
    x, y = (axis.to(points) for axis in grid.axes(height, width))
    column = (points[..., :1] - x).abs().argmin(dim=-1, keepdim=True)  # (B, K, 1)
    row = (points[..., 1:] - y).abs().argmin(dim=-1, keepdim=True)
    near_x = (torch.arange(width).to(column) - column).abs() <= window // 2  # (B, K, w)
    near_y = (torch.arange(height).to(row) - row).abs() <= window // 2  # (B, K, h)
    inside = near_y.unsqueeze(-1) & near_x.unsqueeze(-2)
    return (maps * inside).sum(dim=(-1, -2))


def rise(maps: torch.Tensor) -> torch.Tensor:
    """Return how far maps (B, K, h, w) rise above their mean activation, (B, K) in nats.

        log Σ_i e^{a_i} − mean a_i = −mean log p_i

    log (h · w) for a map without a peak, and about the height of the peak for one with.
    """
    return -maps.clamp(min=LEAST).log().mean(dim=(-1, -2))


def beside_nothing(mass: np.ndarray, rises: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """Return the mass, (N, K), that is left if one more cell stands for nothing.

    It lies `nothing` (K,) nats above the mean of the map's other cells; mass and `rise` are (N, K).
    """
    return mass / (1 + np.exp(np.minimum(nothing - rises, MOST)))


def uniform_mass(maps: torch.Tensor) -> float:
    """Return the mass around a point that maps (B, K, h, w) without a peak have."""
    return min(1.0, WINDOW**2 / math.prod(maps.shape[-2:]))


def share_of_seen(values: np.ndarray, share: float) -> np.ndarray:
    """Return a share of the mass, or rise, that each point has when it is seen well, (K,).

    That is what it exceeds in a tenth of N frames, (N, K): points differ in how sharp their maps
    are, and some things (a goal that the arm reaches over) are hidden in most frames.
    """
    return share * np.quantile(values, SEEN, axis=0)
