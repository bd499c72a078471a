"""Losses as pure functions: the equation, the reduction and the units in each docstring."""

from collections.abc import Callable

import torch
from torch.nn import functional

PixelError = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def slowness(points: torch.Tensor) -> torch.Tensor:
    """Penalise the acceleration of points (B, 3, K, 2) (Finn et al. 2016, Equation 2).

    g = ‖(f_{t+1} − f_t) − (f_t − f_{t−1})‖², summed over points and coordinates, averaged over
    the batch; in squared units of the points ([−1, 1] across the image).
    """
    before, now, after = points.unbind(dim=1)
    return ((after - 2 * now + before) ** 2).sum(dim=(1, 2)).mean()


def squared_error(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(prediction − target)² of each pixel and channel."""
    return (prediction - target) ** 2


def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """−x log p − (1 − x) log(1 − p), p = sigmoid(logits), of each pixel and channel, in nats."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


PIXEL_ERRORS = {"gaussian": squared_error, "bernoulli": cross_entropy}
"""What −log p of a pixel is made of, by the likelihood's name."""


def balanced_error(
    prediction: torch.Tensor,
    target: torch.Tensor,
    foreground: torch.Tensor,
    weight: float,
    pixel_error: PixelError = squared_error,
) -> torch.Tensor:
    """Error in which the foreground counts as much as `weight` says, however small it is.

    (1 − w) · mean over all pixels + w · mean over the foreground's pixels, both averaged over
    the batch and the channels as well. Images are (B, C, h, w), `foreground` is bool (B, 1, h, w).
    Without any foreground pixel the second term is zero.
    """
    error = pixel_error(prediction, target).mean(dim=1, keepdim=True)  # (B, 1, h, w)
    share = (error * foreground).sum() / foreground.sum().clamp(min=1)
    return (1 - weight) * error.mean() + weight * share


def gaussian_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1 − log σ²) per dimension, shape as given, in nats."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
