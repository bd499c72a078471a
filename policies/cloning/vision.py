"""A small convolutional network from images to feature points, learned from the actions alone."""

import numpy as np
import torch
from torch import nn

from dsae.encoder import ImageShape
from dsae.nn.spatial_softmax import SpatialSoftmax
from dsae.nn.trunks import Layer, Trunk


class Eye(nn.Module):
    """Convolutions and a spatial softmax, as visuomotor policies have them (Levine et al. 2016).

    The layers are those of the light spatial autoencoder, with maps of a quarter of the image's
    side whatever its size: gradients through the whole network have to be cheap.
    """

    def __init__(self, image_shape: ImageShape, points: int) -> None:
        super().__init__()
        layers = (
            Layer(5, 2, 2, 16),
            Layer(3, 2, 1, 32),
            Layer(3, 1, 1, 32),
            Layer(3, 1, 1, points),
        )
        self.trunk = Trunk(layers, image_shape, norm_last=False, bias=True)
        self.softmax = SpatialSoftmax(self.trunk.grid)
        self.size = 2 * points

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the points (B, `size`) of float images (B, C, H, W) in [0, 1]."""
        points, _ = self.softmax(self.trunk(images))
        return points.flatten(1)


def shifted(images: torch.Tensor, pixels: int, rng: np.random.Generator) -> torch.Tensor:
    """Return images (B, ..., C, H, W), each shifted by up to `pixels` along x and y, drawn evenly.

    All images of one row of the batch are shifted alike; what comes in at an edge repeats it
    (Kostrikov, Yarats & Fergus 2021).
    """
    height, width = images.shape[-2:]
    count = len(images)
    offsets = torch.from_numpy(rng.integers(-pixels, pixels + 1, size=(2, count, 1)))
    rows = (torch.arange(height) + offsets[0]).clamp(0, height - 1)  # (B, H)
    columns = (torch.arange(width) + offsets[1]).clamp(0, width - 1)  # (B, W)
    which = torch.arange(count)[:, None, None]
    flat = images.reshape(count, -1, height, width)
    moved = flat[which, :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, ·)
    return moved.movedim(-1, 1).reshape(images.shape)
