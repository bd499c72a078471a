"""The ceiling: a network regressed on the ground truth, with the images the others see.

    loss = mean over the numbers d of √ mean over a batch of (f_d(I) − (y_d − ȳ_d) / σ_d)²

The code is the truth y as the network predicts it, every number standardised by its mean and
deviation over the training data. The root gives numbers that an image hardly tells (a height) no
more weight than those it tells to a fraction of a pixel: under a plain mean of squares the former
drown the latter in noise.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from dsae.encoder import Batch, Data, Encoding, ImageShape, as_float
from dsae.encoder import Encoder as BaseEncoder
from dsae.errors import EncoderError
from dsae.nn.background import shrink
from dsae.nn.networks import ImageToCode, perceptron
from dsae.nn.spatial_softmax import Grid, SpatialSoftmax
from dsae.nn.trunks import Trunk, light_layers
from dsae.ranges import check_ranges

# A number that varies by less than this share of the liveliest one is not blown up to variance 1:
# the height of a block on a table is noise.
STILL = 0.02
SMALLEST_SQUARE = 1e-6  # keeps the root differentiable at zero


@dataclass(frozen=True, kw_only=True)
class Config:
    """What predicts the ground truth."""

    network: Literal["spatial", "conv", "dense"] = "spatial"
    """The trunk and spatial softmax of `dsae`, or the networks of the autoencoders."""
    points: int = 16
    """Number K of feature points of `spatial`, between trunk and prediction."""
    hidden: tuple[int, ...] = (256,)
    """Widths of the layers before the prediction."""
    scale: int = 2
    """`dense` sees the image at 1/scale of its size, less the median image."""

    def __post_init__(self) -> None:
        positive = (1, math.inf)
        check_ranges(self, points=positive, scale=positive, hidden=positive)


# `conv` takes a third of the time and finds the pale goal of Push in fewer steps. After 2000 its
# linear probe errs by 0.55, 0.57 and 0.87 px of 64 (end effector, block, goal; one seed), that of
# `spatial` by 0.48, 0.22 and 0.62 (mean of three).
PRESETS = {"conv": Config(network="conv")}


class Encoder(BaseEncoder):
    """The ground truth as a network sees it."""

    needs = frozenset({"truth"})
    control = "ceiling"
    config: Config
    mean: torch.Tensor
    deviation: torch.Tensor
    median: torch.Tensor

    def __init__(self, config: Config, image_shape: ImageShape, *, truth_size: int) -> None:
        super().__init__(config, image_shape, truth_size=truth_size)
        height, width, channels = image_shape
        if config.network == "spatial":
            layers = light_layers(config.points, image_shape)
            self.trunk = Trunk(layers, image_shape, norm_last=False, bias=True)
            self.softmax = SpatialSoftmax(self.trunk.grid)
            self.head = perceptron(2 * config.points, config.hidden, truth_size)
        else:
            image = (channels, height, width)
            self.seen = (channels, max(1, height // config.scale), max(1, width // config.scale))
            if config.network == "dense":
                self.register_buffer("median", torch.zeros(self.seen))
            self.to_code = ImageToCode(config.network, image, self.seen, config.hidden, truth_size)
        self.register_buffer("mean", torch.zeros(truth_size))
        self.register_buffer("deviation", torch.ones(truth_size))

    @property
    def feature_size(self) -> int:
        """T, the length of the ground truth."""
        return self.sizes["truth"]

    @property
    def point_grid(self) -> Grid:
        """The centres of the receptive fields of the maps' cells."""
        return self.trunk.grid if self.config.network == "spatial" else super().point_grid

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W); the points are those that the prediction is made of."""
        if self.config.network == "dense":
            # The same functions with another bias; but uncentred images kill the rectified units.
            images = shrink(images, self.seen) - self.median
        if self.config.network != "spatial":
            return Encoding(self.to_code(images))
        points, maps = self.softmax(self.trunk(images))
        return Encoding(self.head(points.flatten(1)), points, maps)

    def truth_of(self, features: torch.Tensor) -> torch.Tensor:
        """Return the predicted ground truth (B, T), in its own units, from codes (B, T)."""
        return features * self.deviation + self.mean

    @torch.no_grad()
    def prepare(self, data: Data) -> None:
        """Take mean and deviation of every number of the ground truth; NaN is left out.

        `dense` also takes the median image, from which it sees the difference.
        """
        if data.truth is None:
            raise EncoderError("'supervised' needs the ground truth, which the data does not have")
        truth = torch.from_numpy(np.asarray(data.truth, dtype=np.float64))
        known = truth.isfinite()
        count = known.sum(dim=0).clamp(min=1)
        mean = truth.where(known, 0.0).sum(dim=0) / count
        deviation = ((truth - mean).where(known, 0.0).square().sum(dim=0) / count).sqrt()
        floor = STILL * deviation.max()
        self.mean.copy_(mean)
        if self.config.network == "dense":
            self.median.copy_(data.small_images(self.seen).median(dim=0).values)
        self.deviation.copy_(torch.where(floor > 0, deviation.clamp(min=floor), 1.0))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the mean of the numbers' root mean squared errors, the unknown (NaN) left out."""
        if batch.truth is None:
            raise EncoderError("'supervised' needs the ground truth, which the batch does not have")
        features = self.features_of(as_float(batch.images.flatten(0, 1))).features
        wanted = (batch.truth.flatten(0, 1) - self.mean) / self.deviation  # (B·L, T)
        known = wanted.isfinite()
        squares = (features - wanted.where(known, 0.0)).square().where(known, 0.0).sum(dim=0)
        some = known.any(dim=0)
        errors = (squares[some] / known.sum(dim=0)[some] + SMALLEST_SQUARE).sqrt()
        return {"loss": errors.sum() / some.sum().clamp(min=1), "known": known.float().mean()}
