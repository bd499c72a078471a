"""The InfoVAE: a VAE that matches the codes of all images together to the prior.

    loss = −E_q[log p(I | z)] + (1 − α) KL(q(z | I) ‖ p(z)) + (α + λ − 1) MMD²(q(z), p(z))

(Zhao, Song & Ermon 2017, with the maximum mean discrepancy as the divergence of q(z)
from p(z) = N(0, 1).) Its corners: α = 0, λ = 1 is the VAE; α = 1 the MMD-VAE; the same with a
deterministic code and an inverse multiquadric kernel the WAE-MMD (Tolstikhin et al. 2018).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from dsae import latent, losses
from dsae.encoder import Batch
from dsae.errors import DsaeError
from dsae.latent import Posterior
from dsae.ranges import check_ranges

PRIOR_SAMPLES = 256  # they cost next to nothing, and calm the estimate


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What an InfoVAE is made of."""

    alpha: float = 0.5
    """α, how much the information between image and code is preferred: 1 leaves out the KL."""
    # On Push (400 steps, two seeds) 10,000 doubled the probe error of a deterministic code.
    weight: float = 1000.0
    """λ, in nats per image as the likelihood; α + λ − 1 is the weight of the MMD."""
    kernel: Literal["rbf", "imq"] = "rbf"
    """exp(−d²/C) or C/(C + d²) of the squared distance d² of two codes."""
    bandwidth: float = 1.0
    """C in units of 2D, the mean squared distance of two draws from the prior."""
    posterior: Literal["gaussian", "deterministic"] = "gaussian"
    """Whether z is drawn around the network's output or is that output; the latter has no KL."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, alpha=(-math.inf, 1), weight=(0, math.inf), bandwidth=(1e-6, math.inf))
        if self.posterior == "deterministic" and self.alpha != 1:
            raise DsaeError(f"alpha = {self.alpha:g}: a deterministic code has no KL, so take 1")


PRESETS = {
    "mmd": Config(alpha=1.0),
    "wae": Config(alpha=1.0, kernel="imq", posterior="deterministic"),
}


class Encoder(latent.VariationalEncoder):
    """A code whose distribution over all images is held to the prior."""

    @property
    def deterministic(self) -> bool:
        """Whether z is a function of the image."""
        return self.config.posterior == "deterministic"

    def regulariser(
        self,
        posterior: Posterior,
        codes: torch.Tensor,
        batch: Batch,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return (1 − α) KL + (α + λ − 1) MMD², the latter by its unbiased estimate.

        Frames of one window are almost the same image, and no independent draws from q(z): the
        estimate is taken over the first frames of all windows, over the second ones, and so on,
        and averaged.
        """
        alpha, weight = self.config.alpha, self.config.weight
        frames = codes.unflatten(0, batch.images.shape[:2]).transpose(0, 1)  # (L, B, D)
        prior = torch.randn(PRIOR_SAMPLES, codes.shape[1], generator=generator).to(codes)
        kernel = losses.KERNELS[self.config.kernel]
        scale = self.config.bandwidth * 2 * codes.shape[1]
        discrepancy = losses.mmd(frames, prior, kernel, scale).mean()
        total = (alpha + weight - 1) * discrepancy
        if not self.deterministic:
            total = total + (1 - alpha) * posterior.kl().sum(dim=1).mean()
        return total, {"mmd": discrepancy}
