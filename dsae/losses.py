"""Losses as pure functions: the equation, the reduction and the units in each docstring."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional

PixelError = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def slowness(points: torch.Tensor, jump: float = 0.0) -> torch.Tensor:
    """Penalise the acceleration of points (B, L, K, 2) (Finn et al. 2016, Equation 2).

    g = ‖(f_{t+1} − f_t) − (f_t − f_{t−1})‖², summed over points and coordinates, averaged over
    the batch and the inner frames of each window; in squared units of the points ([−1, 1] across
    the image). Windows of fewer than three frames have no acceleration: 0.

    With a `jump` c, in units of the points, a point's g is c² g / (c² + g) instead (Geman &
    McClure 1985): about g below it, never more than c². A point whose object is hidden or comes to
    light jumps, and would otherwise pay so much for it that it rather follows nothing.
    """
    if points.shape[1] < 3:
        return points.new_zeros(())
    before, now, after = points[:, :-2], points[:, 1:-1], points[:, 2:]
    squared = ((after - 2 * now + before) ** 2).sum(dim=3)  # (B, L − 2, K)
    if jump:
        squared = jump**2 * squared / (jump**2 + squared)
    return squared.sum(dim=2).mean()


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
    return balanced_errors(prediction, target, foreground, weight, pixel_error).mean()


def balanced_errors(
    prediction: torch.Tensor,
    target: torch.Tensor,
    foreground: torch.Tensor,
    weight: float,
    pixel_error: PixelError = squared_error,
) -> torch.Tensor:
    """Return the part of each image, (B,), in `balanced_error`, which is their mean.

    (1 − w) · mean over all pixels + w · sum over the foreground's pixels / F, where F is the mean
    number of foreground pixels of the batch's images: each pixel has a weight that does not depend
    on the prediction.
    """
    error = pixel_error(prediction, target).mean(dim=1, keepdim=True)  # (B, 1, h, w)
    usual = foreground.sum().clamp(min=1) / len(foreground)
    share = (error * foreground).sum(dim=(1, 2, 3)) / usual
    return (1 - weight) * error.mean(dim=(1, 2, 3)) + weight * share


def gaussian_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1 − log σ²) per dimension, shape as given, in nats."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)


def gaussian_log_density(
    values: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor
) -> torch.Tensor:
    """Return log N(x; μ, σ²) = −½ (log 2π + log σ² + (x − μ)² / σ²), elementwise, in nats."""
    distance = (values - mean) ** 2 * (-log_variance).exp()
    return -0.5 * (math.log(2 * math.pi) + log_variance + distance)


Kernel = Callable[[torch.Tensor, float], torch.Tensor]
"""Maps squared distances and a scale C, in the same units, to (0, 1]."""


def rbf(squared_distance: torch.Tensor, scale: float) -> torch.Tensor:
    """exp(−‖x − y‖² / C)."""
    return (-squared_distance / scale).exp()


def imq(squared_distance: torch.Tensor, scale: float) -> torch.Tensor:
    """C / (C + ‖x − y‖²), the inverse multiquadric, whose tail reaches far codes too."""
    return scale / (scale + squared_distance)


KERNELS: dict[str, Kernel] = {"rbf": rbf, "imq": imq}


def mmd(
    first: torch.Tensor, second: torch.Tensor, kernel: Kernel, scale: float, *, biased: bool = False
) -> torch.Tensor:
    """Return the squared maximum mean discrepancy of samples (..., N, D) and (..., M, D).

    MMD² = E k(x, x') + E k(y, y') − 2 E k(x, y)   (Gretton et al. 2012)

    The unbiased estimate leaves each x' = x out of the first two means (and a mean over no pair at
    all is 0), so that it is 0 on average for samples of one distribution; the biased one keeps
    them, is never negative, and is 0 for equal samples.
    """

    def mean_kernel(x: torch.Tensor, y: torch.Tensor, *, same: bool) -> torch.Tensor:
        distance = ((x.unsqueeze(-2) - y.unsqueeze(-3)) ** 2).sum(dim=-1)  # (..., N, M)
        total = kernel(distance, scale).sum(dim=(-2, -1))
        if biased or not same:
            return total / (x.shape[-2] * y.shape[-2])
        count = x.shape[-2]
        return (total - count) / max(1, count * (count - 1))  # k(x, x) = 1

    within = mean_kernel(first, first, same=True) + mean_kernel(second, second, same=True)
    return within - 2 * mean_kernel(first, second, same=False)


def separation(points: torch.Tensor, sigma: float) -> torch.Tensor:
    """Penalise trajectories that are alike up to a shift, points (B, T, K, 2) (Minderer 2019).

    Mean over the pairs k ≠ k' and the batch of exp(−d / 2σ²), where d is the mean over the T times
    of ‖(x_k − x̄_k) − (x_k' − x̄_k')‖²; x̄ is a trajectory's mean; in [0, 1], and 0 for one point.
    The paper sums over the pairs; its released code averages, as here.
    """
    centred = points - points.mean(dim=1, keepdim=True)
    distance = (centred.unsqueeze(3) - centred.unsqueeze(2)).square().sum(-1).mean(1)  # (B, K, K)
    alike = torch.exp(-distance / (2 * sigma**2)).mean(dim=0)
    count = len(alike)
    return (alike.sum() - count) / max(1, count * (count - 1))


def sparsity(intensities: torch.Tensor) -> torch.Tensor:
    """Mean |μ| of intensities (B, K) (Minderer et al. 2019, whose paper sums over the points)."""
    return intensities.abs().mean()
