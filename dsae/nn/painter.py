"""Painting: convolutions that turn small maps into an image of twice their size."""

import torch
from torch import nn

from dsae.nn.gaussian_maps import GaussianMaps

Target = tuple[int, int, int]  # (channels, height, width) of what is drawn


def map_size(target: Target) -> tuple[int, int]:
    """Return (height, width) of the maps that an image is painted from: half of its own."""
    return (target[1] + 1) // 2, (target[2] + 1) // 2


def painter(maps: int, target: Target) -> nn.Sequential:
    """Return convolutions from maps (B, maps, *map_size(target)) to images (B, *target)."""
    channels, height, width = target
    return nn.Sequential(
        nn.Conv2d(maps, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.Upsample((height, width), mode="bilinear", align_corners=False),
        nn.Conv2d(32, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, channels, 3, padding=1),
    )


class GaussianDecoder(nn.Module):
    """Blobs at half the target's size, painted by convolutions."""

    def __init__(self, points: int, target: Target, sigma: float) -> None:
        super().__init__()
        self.blobs = GaussianMaps(*map_size(target), sigma)
        self.paint = painter(points, target)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return images (B, *target) for points (B, K, 2)."""
        return self.paint(self.blobs(points))
