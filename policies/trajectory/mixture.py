"""A mixture of Gaussians over the transitions of trajectories, fitted by expectation-maximisation.

The clusters begin as stretches of time, which fits trajectories and needs no luck.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

REGULARISATION = 1e-4
"""Variance that is added to each cluster's, the points being standardised."""
NEGLIGIBLE = 1e-10
"""Responsibility below which a point is not a cluster's at all."""
LEAST_WEIGHT = 1e-8


class Mixture(NamedTuple):
    """K Gaussians of D numbers."""

    weights: np.ndarray
    """(K,)."""
    means: np.ndarray
    """(K, D)."""
    covariances: np.ndarray
    """(K, D, D)."""

    def responsibilities(self, points: np.ndarray) -> tuple[np.ndarray, float]:
        """Return p(k | z) for points z (N, D), as (N, K), and their mean log likelihood."""
        count, size = points.shape
        whitening = np.linalg.inv(np.linalg.cholesky(self.covariances))  # (K, D, D)
        apart, white = np.empty_like(points), np.empty_like(points)
        logs = np.empty((len(self.weights), count))
        for row, mean, whiten in zip(logs, self.means, whitening, strict=True):
            np.subtract(points, mean, out=apart)
            np.matmul(apart, whiten.T, out=white)
            np.einsum("nd,nd->n", white, white, out=row)
        logs *= -0.5
        logs += np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(axis=1)[:, None]
        logs += np.log(self.weights)[:, None] - 0.5 * size * np.log(2 * np.pi)
        total = logsumexp(logs, axis=0)
        shares = np.exp(logs - total).T
        shares[shares < NEGLIGIBLE] = 0.0
        return shares, float(total.mean())


def fit(
    points: np.ndarray, groups: np.ndarray, *, iterations: int = 20, tolerance: float = 1e-2
) -> Mixture:
    """Fit a mixture to points (N, D), the clusters beginning as `groups`, int (N,) in [0, K).

    It ends when an iteration raises the mean log likelihood by less than `tolerance`.
    """
    shares = np.eye(groups.max() + 1)[groups]  # (N, K)
    mixture, before = _maximise(points, shares), -np.inf
    for _ in range(iterations):
        shares, now = mixture.responsibilities(points)
        mixture = _maximise(points, shares)
        if now - before < tolerance:
            break
        before = now
    return mixture


def _maximise(points: np.ndarray, shares: np.ndarray) -> Mixture:
    counts = np.maximum(shares.sum(axis=0), LEAST_WEIGHT)  # (K,)
    means = shares.T @ points / counts[:, None]
    size = points.shape[1]
    covariances = np.empty((len(counts), size, size))
    weighted, roots = np.empty_like(points), np.sqrt(shares)
    for found, root, mean, count in zip(covariances, roots.T, means, counts, strict=True):
        np.subtract(points, mean, out=weighted)
        weighted *= root[:, None]
        np.matmul(weighted.T, weighted, out=found)
        found /= count
        found += REGULARISATION * np.eye(size)
    return Mixture(np.maximum(counts / counts.sum(), LEAST_WEIGHT), means, covariances)
