"""Presence: how much of a softmax map's mass lies around its feature point."""

import math

import numpy as np
import torch

from dsae.nn.spatial_softmax import Grid

WINDOW = 3  # cells, the side of the window in the paper
SEEN = 0.9  # quantile of a point's mass that stands for its object being seen


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


def uniform_mass(maps: torch.Tensor) -> float:
    """Return the mass around a point that maps (B, K, h, w) without a peak have."""
    return min(1.0, WINDOW**2 / math.prod(maps.shape[-2:]))


def thresholds(mass: np.ndarray, share: float) -> np.ndarray:
    """Return the mass below which each point is absent, (K,), from what it has in N frames, (N, K).

    A share of the mass that it exceeds in a tenth of the frames, which is what it has when it is
    seen well: points differ in how sharp their maps are, and some things (a goal that the arm
    reaches over) are hidden in most frames.
    """
    return share * np.quantile(mass, SEEN, axis=0)
