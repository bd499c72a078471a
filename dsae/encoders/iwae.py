"""The importance-weighted autoencoder: a VAE with a tighter bound, from K codes per image.

    loss = −E[log 1/K Σ_k w_k],   w_k = p(I | z_k) p(z_k) / q(z_k | I),   z_k ~ q(z | I)

(Burda, Grosse & Salakhutdinov 2016.) With K = 1 it is the VAE.
"""

import math
from dataclasses import dataclass

import torch

from dsae import latent, losses
from dsae.encoder import Batch, as_float
from dsae.latent import Posterior, kl_terms
from dsae.nn.background import shrink
from dsae.ranges import check_ranges


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What an importance-weighted autoencoder is made of."""

    samples: int = 5
    """K, codes drawn per image; each is drawn as an image, which is what a step costs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, samples=(1, math.inf))


class Encoder(latent.VariationalEncoder):
    """A Gaussian code that need only be good in the best of K draws."""

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the negative bound per image in nats, and its terms.

        `evidence_lower_bound` is the VAE's bound from the same codes, and `effective_samples`,
        1 / Σ w², says how many of the K draws count.
        """
        images = as_float(batch.images.flatten(0, 1))
        posterior = self.posterior(self.corrupted(images, generator))
        errors, log_weights = self.importance(
            posterior, shrink(images, self.target), self.config.samples, generator
        )
        shares = log_weights.softmax(dim=0)
        return {
            "loss": -importance_bound(log_weights).mean(),
            "reconstruction": errors.mean(),
            "negative_log_likelihood": self.negative_log_likelihood(errors.mean()),
            "evidence_lower_bound": log_weights.mean(),
            "effective_samples": (1 / (shares**2).sum(dim=0)).mean(),
            **kl_terms(posterior),
        }

    def importance(
        self, posterior: Posterior, target: torch.Tensor, samples: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the error and log w_k of `samples` codes per image, both (K, B).

        `target` is (B, C, h, w). log p(I | z) is the likelihood whose mean over images the VAE
        has: a sum over pixels in which those of the foreground count for more, by a factor that
        is the same for all codes (`losses.balanced_errors`). So the logarithm of the mean over K
        is taken image by image; with `foreground_weight` 0 it is Burda et al.'s.
        """
        count, size = posterior.mean.shape
        wide = Posterior(posterior.mean.expand(samples, count, size), posterior.log_variance)
        codes = wide.sample(generator)  # (K, B, D)
        repeated = target.repeat(samples, 1, 1, 1)
        errors = losses.balanced_errors(
            self.draw(codes.flatten(0, 1)),
            repeated,
            self.background.foreground(repeated),
            self.config.foreground_weight,
            losses.PIXEL_ERRORS[self.config.likelihood],
        ).unflatten(0, (samples, count))
        zero = torch.zeros_like(codes)
        prior = losses.gaussian_log_density(codes, zero, zero)
        density = (prior - wide.log_density(codes)).sum(dim=2)
        return errors, density - self.negative_log_likelihood(errors)


def importance_bound(log_weights: torch.Tensor) -> torch.Tensor:
    """Return log 1/K Σ_k w_k for log w (K, B), shape (B,)."""
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))
