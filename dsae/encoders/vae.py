"""The variational autoencoder and, with β ≠ 1, the β-VAE.

    loss = −E_q[log p(I | z)] + β KL(q(z | I) ‖ N(0, 1))

(Kingma & Welling 2014; Higgins et al. 2017)

p(I | z) is Gaussian with a fixed standard deviation. Two departures put it on the same footing as
the spatial autoencoder: it also adds a learned background image, and its squared error is balanced
between foreground and background (with `foreground_weight` 0 the loss is the published one).
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from dsae import losses
from dsae.encoder import Batch, Data, Encoding, ImageShape, as_float
from dsae.encoder import Encoder as BaseEncoder
from dsae.nn.background import BACKGROUND_IMAGES, Background, shrink
from dsae.ranges import check_ranges

SIDE = 4  # the convolutions halve an image until its shorter side has at most 2·SIDE − 1 cells
WIDTHS = (16, 32, 32, 64)  # channels of the halvings, the last one repeated


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a convolutional VAE is made of."""

    code: int = 32
    """Length of the code z."""
    beta: float = 1.0
    """Weight β of the KL term; 1 is the VAE."""
    noise: float = 0.1
    """Standard deviation of a pixel's channel under p(I | z), in [0, 1]."""
    background: bool = True
    """Add a learned background image, begun at the median of the training images."""
    foreground_weight: float = 0.7
    """w of the foreground-balanced error; 0 is the plain squared error."""
    hidden: int = 256
    """Width of the layer between convolutions and code, on both sides."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            code=(1, math.inf),
            beta=(0, math.inf),
            noise=(1e-6, math.inf),
            foreground_weight=(0, 1),
            hidden=(1, math.inf),
        )


PRESETS = {"beta4": Config(beta=4.0)}


class Encoder(BaseEncoder):
    """Convolutions to the code's mean and variance, and back to half the image's size."""

    config: Config

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        self.target = (channels, height // 2, width // 2)
        halvings = max(1, int(math.log2(max(2, min(height, width) // SIDE))))
        widths = [WIDTHS[min(i, len(WIDTHS) - 1)] for i in range(halvings)]
        self.trunk, cells = _trunk(widths, image_shape)
        self.to_code = nn.Sequential(
            nn.Linear(widths[-1] * math.prod(cells), config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 2 * config.code),
        )
        self.decoder = _decoder(config, widths, cells, self.target)
        self.background = Background(*self.target, learned=config.background)

    @property
    def feature_size(self) -> int:
        """The length of the code."""
        return self.config.code

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W) as the means of their posteriors."""
        return Encoding(self._posterior(images)[0])

    def decode(self, features: torch.Tensor) -> torch.Tensor:
        """Draw images, shape (B, C, H/2, W/2), from codes (B, D)."""
        return self.background(self.decoder(features))

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw images (count, C, H/2, W/2) of codes from the prior N(0, 1)."""
        codes = torch.randn(count, self.config.code, generator=generator)
        return self.decode(codes.to(self.device))

    def prepare(self, data: Data) -> None:
        """Take the median background of some training images."""
        images = data.some_images(BACKGROUND_IMAGES).to(self.device)
        self.background.fit(shrink(as_float(images), self.target))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the negative evidence bound per image, in nats, and its terms."""
        images = as_float(batch.images.flatten(0, 1))
        target = shrink(images, self.target)
        mean, log_variance = self._posterior(images)
        noise = torch.randn(mean.shape, generator=generator).to(mean)
        drawn = self.decode(mean + noise * (0.5 * log_variance).exp())
        error = self.background.error(drawn, target, self.config.foreground_weight)
        # −log p(I | z) of a Gaussian, less its constant: Σ error² / 2σ² over pixels and channels.
        reconstruction = error * math.prod(self.target) / (2 * self.config.noise**2)
        kl = losses.gaussian_kl(mean, log_variance).mean(dim=0)  # (D,)
        return {
            "loss": reconstruction + self.config.beta * kl.sum(),
            "reconstruction": error,
            "kl": kl.sum(),
            "active_units": (kl > 0.01).sum(),
        }

    def _posterior(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.to_code(self.trunk(images).flatten(1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)


def _trunk(widths: list[int], image_shape: ImageShape) -> tuple[nn.Sequential, tuple[int, int]]:
    height, width, channels = image_shape
    layers: list[nn.Module] = []
    for index, out in enumerate(widths):
        kernel = 5 if index == 0 else 3
        layers += [
            nn.Conv2d(channels, out, kernel, 2, kernel // 2, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        ]
        channels, height, width = out, (height + 1) // 2, (width + 1) // 2
    return nn.Sequential(*layers), (height, width)


def _decoder(
    config: Config, widths: list[int], cells: tuple[int, int], target: tuple[int, int, int]
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Linear(config.code, config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, widths[-1] * math.prod(cells)),
        nn.ReLU(),
        nn.Unflatten(1, (widths[-1], *cells)),
    ]
    for index in range(len(widths) - 1, 0, -1):
        # One cell more or less than twice as many: the trunk's rounding, undone level by level.
        scale = 2 ** (index - 1)
        size = (-(-target[1] // scale), -(-target[2] // scale))
        layers += [
            nn.Upsample(size, mode="nearest"),
            nn.Conv2d(widths[index], widths[index - 1], 3, padding=1),
            nn.ReLU(),
        ]
    if len(widths) == 1:
        layers.append(nn.Upsample(target[1:], mode="nearest"))
    return nn.Sequential(*layers, nn.Conv2d(widths[0], target[0], 3, padding=1))
