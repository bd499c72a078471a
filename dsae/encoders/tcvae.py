"""The β-TCVAE: a VAE whose KL term is taken apart, so that its parts can be weighted (Chen 2018).

    E_n KL(q(z | n) ‖ p(z)) =   KL(q(z, n) ‖ q(z) p(n))         index-code mutual information
                              + KL(q(z) ‖ Π_d q(z_d))           total correlation
                              + Σ_d KL(q(z_d) ‖ p(z_d))         dimension-wise KL

    loss = −E_q[log p(I | z)] + α · information + β · correlation + γ · dimension-wise KL

(Chen, Li, Grosse & Duvenaud 2018.) q(z) = 1/N Σ_n q(z | n), over all N frames
of the data set, is estimated from the batch (their Appendix C).
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from dsae import latent
from dsae.encoder import Batch
from dsae.latent import Posterior
from dsae.ranges import check_ranges

Sampling = Literal["weighted", "stratified"]


@dataclass(frozen=True, kw_only=True)
class Config(latent.Config):
    """What a β-TCVAE is made of."""

    alpha: float = 1.0
    """Weight α of the mutual information between image and code."""
    beta: float = 6.0
    """Weight β of the total correlation; 1 is the VAE, 6 is the paper's for 2-D shapes."""
    gamma: float = 1.0
    """Weight γ of the dimension-wise KL."""
    sampling: Sampling = "stratified"
    """How a batch stands for the data set: `weighted` is the simpler one, but each of its log
    densities is too small by up to log(N · batch) nats; `stratified` has the right mean."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = (0, math.inf)
        check_ranges(self, alpha=positive, beta=positive, gamma=positive)


class Decomposition(NamedTuple):
    """The parts of the mean KL to the prior, in nats, estimated with one code per image."""

    mutual_information: torch.Tensor
    total_correlation: torch.Tensor
    dimension_wise_kl: torch.Tensor


class Encoder(latent.VariationalEncoder):
    """A Gaussian code whose dimensions are made independent."""

    def regulariser(
        self,
        posterior: Posterior,
        codes: torch.Tensor,
        batch: Batch,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return α · information + β · correlation + γ · dimension-wise KL.

        The parts' sum is a noisy estimate of a KL that is known in closed form; that one is used,
        and the estimates for what a weight differs from 1: the same on average, with less noise.
        """
        windows, length = batch.images.shape[:2]
        weights = log_weights(windows, length, batch.data_size, self.config.sampling)
        parts = decompose(posterior, codes, weights.to(codes))
        kl = posterior.kl().sum(dim=1).mean()
        factors = (self.config.alpha, self.config.beta, self.config.gamma)
        extra = sum((f - 1) * part for f, part in zip(factors, parts, strict=True))
        return kl + extra, parts._asdict()


def decompose(
    posterior: Posterior, codes: torch.Tensor, log_weights: torch.Tensor
) -> Decomposition:
    """Take the KL of codes (S, D), each drawn from its image's posterior (S, D), apart.

    `log_weights` (S, S) says how much the posterior of image j counts in q(z_i).
    """
    log_q = posterior.log_density(codes.unsqueeze(1))  # (S, S, D): of code i under image j
    given = log_q.diagonal().sum(dim=0)  # (S,): log q(z | n)
    joint = (log_q.sum(dim=2) + log_weights).logsumexp(dim=1)  # (S,): log q(z)
    product = (log_q + log_weights.unsqueeze(2)).logsumexp(dim=1).sum(dim=1)  # log Π q(z_d)
    prior = -0.5 * (codes**2 + math.log(2 * math.pi)).sum(dim=1)
    return Decomposition((given - joint).mean(), (joint - product).mean(), (product - prior).mean())


def log_weights(windows: int, length: int, data_size: int, sampling: Sampling) -> torch.Tensor:
    """Return how much image j of a batch counts in the estimate of q(z_i), (S, S), as logarithms.

    The batch is S = windows · length frames, window after window. Frames of one window are almost
    the same image: as draws from the data set they would make q(z_i) much too large, and pushing
    their codes apart would make the loss smaller. So the others that stand for the data set are
    those of other windows, M of them; a window that is alone has only its own.

    weighted: 1 / N(M + 1) for i itself and for each of the others. stratified: 1/N for itself and
    (N − 1)/NM for each of the others. The paper gives one of these, chosen at random, the weight
    (N − M)/NM and the rest 1/M; ours is the mean over that choice.
    """
    count = windows * length
    window = torch.arange(count) // length
    own = torch.eye(count, dtype=torch.bool)
    others = window.unsqueeze(0) != window.unsqueeze(1) if windows > 1 else ~own
    size = max(data_size, count)
    number = max(1, count - length if windows > 1 else count - 1)
    if sampling == "weighted":
        self_weight = other_weight = 1 / (size * (number + 1))
    else:
        self_weight, other_weight = 1 / size, (size - 1) / (size * number)
    return (self_weight * own.double() + other_weight * others.double()).log().float()
