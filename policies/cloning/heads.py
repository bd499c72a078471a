"""What the numbers that a network gives mean as an action, and how wrong they are."""

import math
from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, get_args

import torch
from torch import nn

from policies.errors import PolicyError

HeadName = Literal["deterministic", "mixture"]


class Head(ABC):
    """Reads `size` numbers per state as actions of length A; it has no weights of its own."""

    size: int

    @abstractmethod
    def loss(self, numbers: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the mean error, a scalar, of numbers (B, `size`) for actions (B, A)."""

    @abstractmethod
    def act(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the actions (B, A) to take for numbers (B, `size`)."""


class Deterministic(Head):
    """The numbers are the action; the error is the squared one."""

    def __init__(self, outputs: int) -> None:
        self.size = outputs

    def loss(self, numbers: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error."""
        return nn.functional.mse_loss(numbers, actions)

    def act(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the numbers."""
        return numbers


class Gaussians(NamedTuple):
    """A mixture of M Gaussians with diagonal covariance for each of B states."""

    log_weights: torch.Tensor
    """(B, M), the weights of a state summing to one."""
    means: torch.Tensor
    """(B, M, A)."""
    deviations: torch.Tensor
    """(B, M, A), positive."""


class Mixture(Head):
    """A mixture of Gaussians over the action (BC-GMM of Mandlekar et al. 2021, robomimic).

    p(a | s) = Σ_m w_m(s) Π_i N(a_i; μ_mi(s), σ_mi(s)²),   σ = softplus(·) + min_std

    The error is the negative log-likelihood. Where robomimic draws one of the modes to act with,
    the likeliest is taken here: one state, one action. Nor are the means squashed, since some tasks
    want actions at the ends of their range.
    """

    def __init__(self, outputs: int, modes: int, min_std: float) -> None:
        self.outputs, self.modes, self.min_std = outputs, modes, min_std
        self.size = modes * (1 + 2 * outputs)

    def gaussians(self, numbers: torch.Tensor) -> Gaussians:
        """Return the mixtures that numbers (B, `size`) describe."""
        spread = self.modes * self.outputs
        logits, means, raw = numbers.split([self.modes, spread, spread], dim=-1)
        shape = (self.modes, self.outputs)
        deviations = nn.functional.softplus(raw).unflatten(-1, shape) + self.min_std
        return Gaussians(logits.log_softmax(-1), means.unflatten(-1, shape), deviations)

    def loss(self, numbers: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the mean negative log-likelihood, in nats."""
        log_weights, means, deviations = self.gaussians(numbers)
        distances = (actions.unsqueeze(-2) - means) / deviations  # (B, M, A)
        logs = -0.5 * distances.square() - deviations.log() - 0.5 * math.log(2 * math.pi)
        return -(log_weights + logs.sum(-1)).logsumexp(-1).mean()

    def act(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the mean of each state's likeliest mode."""
        log_weights, means, _ = self.gaussians(numbers)
        likeliest = log_weights.argmax(-1)
        return means[torch.arange(len(means)), likeliest]


def make(name: str, outputs: int, *, modes: int, min_std: float) -> Head:
    """Return the head of that name; PolicyError, listing those there are, for another."""
    if name == "deterministic":
        return Deterministic(outputs)
    if name == "mixture":
        return Mixture(outputs, modes, min_std)
    raise PolicyError(f"unknown head '{name}': choose from {', '.join(get_args(HeadName))}")
