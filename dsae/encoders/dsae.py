"""The deep spatial autoencoder: feature points from a spatial softmax (Finn et al. 2016).

    f = softargmax(trunk(I)),   loss = ‖decoder(f) − I↓‖² + λ g_slow(f)

The recommended configuration departs from the paper in four places, each because it tracks small
objects better (docs/results): a lighter trunk without ReLU before the softmax; Gaussian maps and
convolutions instead of one linear layer as the decoder (Jakab et al. 2018); a learned background
image; and an error in which the few foreground pixels count as much as the rest.
`dsae:finn2016` is the published network.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from dsae import losses
from dsae.encoder import Batch, Data, ImageShape, as_float
from dsae.nn.background import Background, shrink
from dsae.nn.discriminants import look_at
from dsae.nn.painter import GaussianDecoder
from dsae.nn.spatial_softmax import SpatialSoftmax
from dsae.nn.trunks import Layer, Trunk, light_layers
from dsae.ranges import check_ranges
from dsae.spatial import SpatialEncoder

START_IMAGES = 128  # from which the maps' first detectors are taken


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a spatial autoencoder is made of; the defaults are the recommended one."""

    points: int = 16
    """Number K of feature points; the code has 2K numbers."""
    trunk: Literal["light", "paper"] = "light"
    """`light`: 16-32-32-K channels, maps of about 32 cells; `paper`: 64-32-K, no padding."""
    decoder: Literal["gaussian", "linear"] = "gaussian"
    """`gaussian`: blobs and convolutions, colour; `linear`: one layer, grey at a quarter size."""
    background: bool = True
    """Add a learned background image, begun at the median of the training images."""
    foreground_weight: float = 0.7
    """w of the foreground-balanced error; 0 is the plain squared error."""
    slowness: float = 0.1
    """Weight λ of the slowness penalty, on the sum over points and coordinates."""
    jump: float = 0.05
    """Acceleration, in units of the points, beyond which slowness takes a point to have jumped and
    asks no more for it; 0 for the published penalty, which has no such limit."""
    temperature: float = 1.0
    """First value of the softmax temperature α."""
    sigma: float = 0.1
    """First value of the Gaussian maps' σ, in the units of the points."""
    start: Literal["seen", "random"] = "seen"
    """How the maps begin: `seen`, as detectors of the kinds of things that the foreground shows
    (`dsae.nn.discriminants`), or `random`."""
    waiting: float = 0.2
    """Share of the training in which the decoder alone learns, to draw what the maps begin with."""
    easing: float = 0.3
    """Share of the training, after that, over which the trunk's rate rises to the decoder's."""
    convolution_bias: bool = False
    """Give the paper's convolutions a bias, which batch normalisation makes superfluous."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            points=(1, math.inf),
            foreground_weight=(0, 1),
            slowness=(0, math.inf),
            jump=(0, math.inf),
            waiting=(0, 1),
            easing=(0, 1),
            temperature=(1e-6, math.inf),
            sigma=(1e-6, math.inf),
        )


PRESETS = {
    # The paper *sums* the squared error over its 60×60 pixels and adds the slowness with weight 1;
    # our error is a mean, so the same balance is λ = 1/3600. One deviation is left: our points are
    # places in the image, so that those of the paper's unpadded map span ±0.90 instead of ±1.
    "finn2016": Config(
        trunk="paper",
        decoder="linear",
        background=False,
        foreground_weight=0.0,
        slowness=1 / 3600,
        jump=0.0,
        start="random",
        waiting=0.0,
        easing=0.0,
    ),
}


class Encoder(SpatialEncoder):
    """A trunk, a spatial softmax, and a decoder that draws the image from the points."""

    config: Config

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        paper = config.trunk == "paper"
        layers = _paper_layers(config.points) if paper else light_layers(config.points, image_shape)
        self.trunk = Trunk(
            layers, image_shape, norm_last=paper, bias=config.convolution_bias or not paper
        )
        self.softmax = SpatialSoftmax(self.trunk.grid, config.temperature)
        if config.decoder == "linear":
            self.target = (1, height // 4, width // 4)
            self.decoder: nn.Module = _LinearDecoder(config.points, self.target)
        else:
            stride = math.prod(layer.stride for layer in layers)
            self.target = (channels, height // stride, width // stride)
            self.decoder = GaussianDecoder(config.points, self.target, config.sigma)
        self.background = Background(*self.target, learned=config.background)
        self._draw = int(torch.randint(2**31, ()))  # as random as the weights

    def prepare(self, data: Data) -> None:
        """Take the background's median, and begin the maps at what differs from it."""
        super().prepare(data)
        if self.config.start == "seen":
            images = as_float(data.some_images(START_IMAGES)).to(self.device)
            foreground = self.background.foreground(shrink(images, self.target))
            look_at(self.trunk, images, foreground, torch.Generator().manual_seed(self._draw))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images, shape (B, *target), from features (B, 2K)."""
        return self.background(self.decoder(features.unflatten(1, (-1, 2))))

    def optimizers(self, learning_rate: float) -> dict[str, torch.optim.Optimizer]:
        """Return one with the trunk in a group of its own, which comes first."""
        seeing = [*self.trunk.parameters(), *self.softmax.parameters()]
        drawing = [*self.decoder.parameters(), *self.background.parameters()]
        groups = [{"params": seeing}, {"params": drawing}]
        return {"main": torch.optim.Adam(groups, learning_rate)}

    def update(
        self,
        batch: Batch,
        optimizers: dict[str, torch.optim.Optimizer],
        generator: torch.Generator,
    ) -> dict[str, torch.Tensor]:
        """Take one step, in which the trunk's rate has its share."""
        optimizers["main"].param_groups[0]["lr"] *= self._trunk_share(batch)
        return super().update(batch, optimizers, generator)

    def _trunk_share(self, batch: Batch) -> float:
        """Return how much of its rate the trunk learns with, in [0, 1], so far into training.

        A decoder with random weights sends the trunk anywhere, and points leave what they began
        on before it is drawn.
        """
        late = batch.progress - self.config.waiting
        if late < 0:
            return 0.0
        return min(1.0, late / self.config.easing) if self.config.easing else 1.0

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Reconstruction of every frame of the windows (B, 3, H, W, C), and their slowness."""
        images = as_float(batch.images.flatten(0, 1))
        target = shrink(images, self.target)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._trunk_share(batch) > 0):
            encoding = self.features_of(images)
        assert encoding.points is not None
        drawn = self.decode(encoding.features)
        error = self.background.error(drawn, target, self.config.foreground_weight)
        slow = losses.slowness(
            encoding.points.unflatten(0, batch.images.shape[:2]), self.config.jump
        )
        return {
            "loss": error + self.config.slowness * slow,
            "reconstruction": error,
            "slowness": slow,
            "temperature": self.softmax.log_temperature.exp(),
        }


class _LinearDecoder(nn.Module):
    """One linear layer from the points to a grey image, as published."""

    def __init__(self, points: int, target: tuple[int, int, int]) -> None:
        super().__init__()
        self.target = target
        self.linear = nn.Linear(2 * points, math.prod(target))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.linear(points.flatten(1)).unflatten(1, self.target)


def _paper_layers(points: int) -> tuple[Layer, ...]:
    return Layer(7, 2, 0, 64), Layer(5, 1, 0, 32), Layer(5, 1, 0, points)
