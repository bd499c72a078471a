"""The adversarial autoencoder: a discriminator holds the codes to any prior that can be sampled.

    reconstruction:   min over encoder and decoder of   −E[log p(I | z)]
    discriminator:    max over D of                     E_p(z)[log D(z)] + E_q(z)[log(1 − D(z))]
    generator:        max over the encoder of           E_q(z)[log D(z)]

(Makhzani, Shlens, Jaitly & Goodfellow 2015, Section 2: the three are stepped in turn, each with an
optimiser of its own.) The codes of all images together, q(z), come to look like the prior p(z).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from dsae import latent, losses
from dsae.encoder import Batch, ImageShape, as_float
from dsae.errors import DsaeError
from dsae.latent import Posterior
from dsae.nn.networks import perceptron
from dsae.ranges import check_ranges

Sampler = Callable[[int, int, torch.Generator], torch.Tensor]
"""Draws `count` codes of length `size` from a prior, (count, size), on the CPU."""

Optimizers = dict[str, torch.optim.Optimizer]

ADVERSARY_BETAS = (0.5, 0.999)  # Adam's, for two networks that chase one another
PETALS = 10  # Gaussians in the mixture
TURNS = 1.5  # of the swiss roll


def gaussian(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw from N(0, 1)."""
    return torch.randn(count, size, generator=generator)


def mixture(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw from a flower of ten Gaussians in each two successive dimensions.

    Their means lie on a circle of radius 1.4, their deviations are 0.2 along the radius and 0.1
    across; so each dimension has a variance of about 1.
    """
    shape = (count, (size + 1) // 2)
    petal = torch.randint(PETALS, shape, generator=generator)
    along, across = (
        torch.randn(2, *shape, generator=generator) * torch.tensor([0.2, 0.1])[:, None, None]
    )
    angle = 2 * math.pi * petal / PETALS
    x = (1.4 + along) * angle.cos() - across * angle.sin()
    y = (1.4 + along) * angle.sin() + across * angle.cos()
    return torch.stack([x, y], dim=2).flatten(1)[:, :size]


def swiss_roll(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw from a spiral of one and a half turns in each two successive dimensions.

    The radius grows evenly with the angle up to 2, the points lie evenly along the spiral's
    length, with noise of 0.05 around it.
    """
    shape = (count, (size + 1) // 2)
    share = torch.rand(shape, generator=generator).sqrt()
    angle = 2 * math.pi * TURNS * share
    roll = 2.0 * share.unsqueeze(2) * torch.stack([angle.cos(), angle.sin()], dim=2)
    roll = roll + 0.05 * torch.randn(roll.shape, generator=generator)
    return roll.flatten(1)[:, :size]


PRIORS: dict[str, Sampler] = {"gaussian": gaussian, "mixture": mixture, "swiss_roll": swiss_roll}
"""Priors by name; to hold codes to another one, put its sampler here before making a `Config`."""


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What an adversarial autoencoder is made of."""

    prior: str = "gaussian"
    """What the codes are held to: a name in `PRIORS`."""
    posterior: Literal["gaussian", "deterministic"] = "deterministic"
    """Whether z is drawn around the network's output or is that output; the latter has no KL."""
    discriminator: tuple[int, ...] = (256, 256)
    """Widths of the discriminator's hidden layers."""
    # On Push (300 to 900 steps) codes of 0.25 to 1 ended 1.7 to 5 times as far from the prior.
    adversary_rate: float = 0.1
    """Learning rate of discriminator and generator as a multiple of the training's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, adversary_rate=(1e-6, math.inf), discriminator=(1, math.inf))
        if self.prior not in PRIORS:
            raise DsaeError(f"prior = {self.prior}: choose from {', '.join(PRIORS)}")


class Encoder(latent.VariationalEncoder):
    """A code that a discriminator cannot tell from draws of the prior."""

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        self.discriminator = perceptron(config.code, config.discriminator, 1)

    @property
    def deterministic(self) -> bool:
        """Whether z is a function of the image."""
        return self.config.posterior == "deterministic"

    def prior(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw codes (count, D) from the prior."""
        return PRIORS[self.config.prior](count, self.config.code, generator).to(self.device)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw images (count, C, h, w) of codes from the prior."""
        return self.decode(self.prior(count, generator))

    def optimizers(self, learning_rate: float) -> Optimizers:
        """Return Adam for each of the three phases."""
        rate = self.config.adversary_rate * learning_rate
        drawing = [
            p for name, p in self.named_parameters() if not name.startswith("discriminator.")
        ]
        return {
            "main": torch.optim.Adam(drawing, learning_rate),
            "discriminator": torch.optim.Adam(
                self.discriminator.parameters(), rate, ADVERSARY_BETAS
            ),
            "generator": torch.optim.Adam(self.to_code.parameters(), rate, ADVERSARY_BETAS),
        }

    def update(
        self, batch: Batch, optimizers: Optimizers, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Step the reconstruction, the discriminator and the generator in turn."""
        terms = self.loss(batch, generator)
        _step(optimizers["main"], terms["negative_log_likelihood"])
        images = as_float(batch.images.flatten(0, 1))
        codes = self.posterior(self.corrupted(images, generator)).sample(generator)
        drawn = self.prior(len(codes), generator)
        real, made = self.discriminator(drawn), self.discriminator(codes.detach())
        told = functional.softplus(-real).mean() + functional.softplus(made).mean()
        _step(optimizers["discriminator"], told)
        _step(optimizers["generator"], self._fooling(codes))
        accuracy = 0.5 * ((real > 0).float().mean() + (made < 0).float().mean())
        terms |= {"discriminator": told, "discriminator_accuracy": accuracy}
        return {name: value.detach() for name, value in terms.items()}

    def regulariser(
        self,
        posterior: Posterior,
        codes: torch.Tensor,
        batch: Batch,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the generator's loss, −E log D(z), and for the log the codes' MMD² to the prior.

        `update` steps it apart from the likelihood, so that no weight between the two is needed.
        """
        fooling = self._fooling(codes)
        prior = self.prior(len(codes), generator)
        discrepancy = losses.mmd(codes.detach(), prior, losses.imq, 2.0 * codes.shape[1])
        return fooling, {"generator": fooling, "mmd": discrepancy}

    def _fooling(self, codes: torch.Tensor) -> torch.Tensor:
        return functional.softplus(-self.discriminator(codes)).mean()


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
