"""What encoders whose code is made of feature points share."""

from typing import Any

import torch

from dsae.encoder import Data, Encoder, Encoding
from dsae.nn.background import Background
from dsae.nn.spatial_softmax import Grid, SpatialSoftmax
from dsae.nn.trunks import Trunk


class SpatialEncoder(Encoder):
    """Points from a trunk and a spatial softmax, and the background of what is drawn.

    A subclass builds `trunk`, `softmax` and `background`, in the order that its weights are drawn
    in, and sets `target`, (channels, height, width) of its drawings.
    """

    config: Any
    trunk: Trunk
    softmax: SpatialSoftmax
    background: Background
    target: tuple[int, int, int]

    @property
    def feature_size(self) -> int:
        """2K numbers: x₁ y₁ x₂ y₂ …"""
        return 2 * self.config.points

    @property
    def point_grid(self) -> Grid:
        """The centres of the receptive fields of the maps' cells."""
        return self.trunk.grid

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        points, maps = self.softmax(self.trunk(images))
        return Encoding(points.flatten(1), points, maps)

    def prepare(self, data: Data) -> None:
        """Take the median background of some training images."""
        self.background.fit(data.small_images(self.target).to(self.device))
