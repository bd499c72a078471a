"""A control: a network with its first, random weights. What does the architecture give alone?

`spatial` is the trunk and spatial softmax of the recommended `dsae`, so that tracking is measured;
`conv` the convolutions of the encoders whose code is a vector.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from dsae.encoder import ENCODE_CHUNK, Data, Encoding, ImageShape, as_float
from dsae.nn.networks import ImageToCode
from dsae.nn.normalisation import CALIBRATION_IMAGES, calibrate
from dsae.nn.spatial_softmax import Grid, SpatialSoftmax
from dsae.nn.trunks import Trunk, light_layers
from dsae.ranges import check_ranges
from dsae.ready import ReadyEncoder


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which network is left untrained."""

    network: Literal["spatial", "conv"] = "spatial"
    """The trunk and spatial softmax of `dsae`, or the convolutions and layers of `vae`."""
    points: int = 16
    """Number K of feature points of `spatial`; the code has 2K numbers."""
    code: int = 32
    """Length of the code of `conv`."""
    hidden: tuple[int, ...] = (256,)
    """Widths of the layers between convolutions and code of `conv`."""

    def __post_init__(self) -> None:
        positive = (1, math.inf)
        check_ranges(self, points=positive, code=positive, hidden=positive)


class Encoder(ReadyEncoder):
    """A network whose weights follow from the seed alone."""

    config: Config
    control = "floor"

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        if config.network == "spatial":
            layers = light_layers(config.points, image_shape)
            self.trunk = Trunk(layers, image_shape, norm_last=False, bias=True)
            self.softmax = SpatialSoftmax(self.trunk.grid)
        else:
            image = (channels, height, width)
            self.to_code = ImageToCode("conv", image, image, config.hidden, config.code)
        self.requires_grad_(False)

    @property
    def feature_size(self) -> int:
        """2K numbers x₁ y₁ x₂ y₂ … of `spatial`, or the length of the code."""
        return 2 * self.config.points if self.config.network == "spatial" else self.config.code

    @property
    def point_grid(self) -> Grid:
        """The centres of the receptive fields of the maps' cells."""
        return self.trunk.grid if self.config.network == "spatial" else super().point_grid

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        if self.config.network == "conv":
            return Encoding(self.to_code(images))
        points, maps = self.softmax(self.trunk(images))
        return Encoding(points.flatten(1), points, maps)

    def prepare(self, data: Data) -> None:
        """Take the mean and variance that every batch normalisation divides by from the data."""
        chunks = data.some_images(CALIBRATION_IMAGES).split(ENCODE_CHUNK)
        calibrate(self, self.features_of, (as_float(chunk.to(self.device)) for chunk in chunks))
