"""The variational autoencoder and, with β ≠ 1, the β-VAE; with a capacity, its annealed form.

    loss = −E_q[log p(I | z)] + β |KL(q(z | I) ‖ N(0, 1)) − C|

(Kingma & Welling 2014; β: Higgins et al. 2017; C, rising from 0: Burgess et al. 2018). With
`corruption` it is the denoising VAE (Im et al. 2017): q sees the corrupted image.
"""

import math
from dataclasses import dataclass

import torch

from dsae import latent
from dsae.encoder import Batch
from dsae.latent import Posterior
from dsae.ranges import check_ranges

RISE = 0.5  # share of the training over which the capacity rises


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What a VAE is made of."""

    beta: float = 1.0
    """Weight β of the KL term; 1 is the VAE. Burgess et al. call it γ and take 1000."""
    capacity: float = 0.0
    """Last value of C, in nats, reached after half the training; 0 for no annealing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, beta=(0, math.inf), capacity=(0, math.inf))


PRESETS = {
    "beta4": Config(beta=4.0),
    # Theirs for 2-D shapes: 10 units, Bernoulli pixels, γ = 1000, C up to 25 nats. One deviation is
    # left: our convolutions, which are lighter and normalised.
    "burgess2018": Config(
        code=10,
        hidden=(256, 256),
        scale=1,
        likelihood="bernoulli",
        background=False,
        foreground_weight=0.0,
        beta=1000.0,
        capacity=25.0,
    ),
}


class Encoder(latent.VariationalEncoder):
    """A Gaussian code whose KL to the prior is held down by β, or held at C."""

    def regulariser(
        self,
        posterior: Posterior,
        codes: torch.Tensor,
        batch: Batch,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return β |KL − C|."""
        kl = posterior.kl().sum(dim=1).mean()
        capacity = self.config.capacity * min(1.0, batch.progress / RISE)
        return self.config.beta * (kl - capacity).abs(), {}
