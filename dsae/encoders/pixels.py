"""A control: the image itself, averaged down to a few cells, as the code. Nothing is learned."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from dsae.encoder import Encoding, ImageShape
from dsae.nn.background import shrink
from dsae.ranges import check_ranges
from dsae.ready import ReadyEncoder


@dataclass(frozen=True, kw_only=True)
class Config:
    """How coarse."""

    side: int = 8
    """Cells along the image's shorter side; the longer one has as many more as it is longer."""

    def __post_init__(self) -> None:
        check_ranges(self, side=(1, math.inf))


class Encoder(ReadyEncoder):
    """The colours of the cells in [0, 1], channel after channel, each row by row."""

    config: Config
    control = "floor"

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        scale = min(1.0, config.side / min(height, width))
        self.target = (channels, round(height * scale), round(width * scale))

    @property
    def feature_size(self) -> int:
        """Channels times cells."""
        return math.prod(self.target)

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        return Encoding(shrink(images, self.target).flatten(1))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images of full size, (B, C, H, W), by interpolating between the cells."""
        cells = features.unflatten(1, self.target)
        size = self.image_shape[:2]
        return functional.interpolate(cells, size, mode="bilinear", align_corners=False)
