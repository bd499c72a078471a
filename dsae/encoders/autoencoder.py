"""The undercomplete autoencoder, and with options its sparse, denoising and linear forms.

    z = enc(I),   loss = error(dec(z), I↓) + λ · mean |z|

(Hinton & Salakhutdinov 2006.) The code is a plain vector without a prior, so it cannot be sampled.
The options combine: `sparsity` is λ (an L1 penalty, Ng 2011; a code wider than the image makes
sense only with it), `corruption` makes it denoising (Vincent et al. 2010), and `tied` draws with
the encoder's own weights, transposed: with one layer that is PCA's subspace (Baldi & Hornik 1989).

Only the activations of the code are penalised, not those of hidden layers, by their mean over code
and batch. Ng's sparsity target (a KL to a rate of firing) is for sigmoid units and not what this
does. L1 does not hold back a decoder that grows while the code shrinks; over usual lengths of
training λ empties units all the same.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from dsae import latent
from dsae.encoder import Batch, Encoding, ImageShape, as_float
from dsae.errors import DsaeError
from dsae.nn.background import shrink
from dsae.ranges import check_ranges

VARYING_SHARE = 0.01  # of the liveliest unit's deviation: what varies by less counts as still


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What an autoencoder is made of."""

    sparsity: float = 0.0
    """Weight λ of the mean absolute activation of the code."""
    activation: Literal["linear", "relu"] = "linear"
    """Of the code; `relu` lets units be exactly zero."""
    tied: bool = False
    """Decode with the encoder's weights, transposed, and biases of its own; for `dense`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, sparsity=(0, math.inf))
        if self.tied and self.network != "dense":
            raise DsaeError(f"tied = True needs network = 'dense', not '{self.network}'")


PRESETS = {
    "textbook": Config(
        network="dense",
        hidden=(128, 64, 12),
        code=3,
        scale=1,
        background=False,
        foreground_weight=0.0,
    ),
    "sparse": Config(code=128, activation="relu", sparsity=1e-3),
    "denoising": Config(corruption="salt_pepper"),
    "linear": Config(network="dense", hidden=(), tied=True, foreground_weight=0.0),
}


class Encoder(latent.LatentEncoder):
    """A deterministic code, drawn by the decoder."""

    config: Config

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        if config.tied:
            self.add_module("decoder", TiedDecoder(self._linear_layers()))

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        codes = self.numbers_of(images)
        return Encoding(codes.relu() if self.config.activation == "relu" else codes)

    def draw(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the likelihood's parameter, (B, C, h, w): its mean, or for Bernoulli its logit."""
        if not self.config.tied:
            return super().draw(codes)
        drawn = self.decoder(codes, self._linear_layers())
        return self.background(drawn.unflatten(1, self.target))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the (balanced) error per pixel and channel plus λ mean |z|, and its terms."""
        images = as_float(batch.images.flatten(0, 1))
        codes = self.features_of(self.corrupted(images, generator)).features
        error = self.pixel_error(self.draw(codes), shrink(images, self.target))
        size = codes.abs().mean()
        spread = codes.detach().std(dim=0, unbiased=False)  # (D,)
        return {
            "loss": error + self.config.sparsity * size,
            "reconstruction": error,
            "sparsity": size,
            "varying_units": (spread > VARYING_SHARE * spread.max()).sum(),
        }

    def _linear_layers(self) -> list[nn.Linear]:
        return [layer for layer in self.to_code.head if isinstance(layer, nn.Linear)]


class TiedDecoder(nn.Module):
    """The layers of an encoder backwards, with their weights transposed, ReLU between them.

    It owns the biases alone: the weights are handed in, so that they are saved once.
    """

    def __init__(self, layers: list[nn.Linear]) -> None:
        super().__init__()
        self.biases = nn.ParameterList(torch.zeros(layer.in_features) for layer in reversed(layers))

    def forward(self, codes: torch.Tensor, layers: list[nn.Linear]) -> torch.Tensor:
        """Return (B, inputs of the first layer) from codes (B, outputs of the last)."""
        for index, (layer, bias) in enumerate(zip(reversed(layers), self.biases, strict=True)):
            codes = functional.linear(codes.relu() if index else codes, layer.weight.T, bias)
        return codes
