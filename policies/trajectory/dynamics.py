"""Linear-Gaussian dynamics fitted to a handful of rollouts, with a Gaussian-mixture prior.

At each time step the few samples [x; u; x′] are a Gaussian whose covariance is the posterior under
a normal-inverse-Wishart prior; the prior's parameters come from a mixture fitted to the transitions
of all times and of earlier iterations (Levine & Abbeel 2014). Conditioning that Gaussian on [x; u]
gives the dynamics. A deviation: its mean is the samples' own, not (m μ₀ + N μ̂) / (m + N), so that
the dynamics pass through what was seen at that time.
"""

from typing import NamedTuple

import numpy as np

from policies.trajectory import mixture
from policies.trajectory.gaussian import Dynamics, symmetric
from policies.trajectory.mixture import Mixture

REGULARISATION = 1e-6
INITIAL_FLOOR = 1e-6
"""Least variance of the first state."""
DYNAMICS_FLOOR = 1e-10
"""Least variance of the transition noise."""
PER_CLUSTER = 40
"""Transitions that there must be for each cluster."""


class Rollouts(NamedTuple):
    """N rollouts of T steps."""

    states: np.ndarray
    """(N, T + 1, X)."""
    actions: np.ndarray
    """(N, T, U)."""

    @property
    def transitions(self) -> np.ndarray:
        """[x; u; x′], (N, T, 2 X + U)."""
        return np.concatenate([self.states[:, :-1], self.actions, self.states[:, 1:]], axis=2)


class Prior:
    """A mixture of Gaussians over the transitions of the last rollouts."""

    def __init__(self, clusters: int = 20, rollouts: int = 20) -> None:
        self._clusters, self._rollouts = clusters, rollouts
        self._kept: list[np.ndarray] = []
        self._mixture: Mixture | None = None
        self._scale = np.ones(1)
        self._mean = np.zeros(1)

    def learn(self, rollouts: Rollouts) -> None:
        """Fit the mixture to these and the last rollouts before them."""
        self._kept = [*self._kept, *rollouts.transitions][-self._rollouts :]
        points = np.concatenate(self._kept)
        times = np.concatenate([np.arange(len(one)) / len(one) for one in self._kept])
        self._mean = points.mean(axis=0)
        self._scale = np.maximum(points.std(axis=0), 1e-6)
        count = int(np.clip(len(points) // PER_CLUSTER, 1, self._clusters))
        self._mixture = mixture.fit(
            (points - self._mean) / self._scale, np.floor(times * count).astype(np.int64)
        )

    def moments(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and covariance of the mixture, weighted by how it explains points (N, D)."""
        assert self._mixture is not None
        shares, _ = self._mixture.responsibilities((points - self._mean) / self._scale)
        weights, means = shares.mean(axis=0), self._mixture.means
        mean = weights @ means
        apart = means - mean
        covariance = np.einsum("k,kij->ij", weights, self._mixture.covariances)
        covariance += (weights[:, None] * apart).T @ apart
        return (
            mean * self._scale + self._mean,
            covariance * self._scale[:, None] * self._scale[None, :],
        )


def fit(rollouts: Rollouts, prior: Prior | None) -> Dynamics:
    """Return the dynamics that N rollouts show, one linear map for each time step.

    Without a prior the least-squares fit, which needs N > X + U rollouts.
    """
    size = rollouts.states.shape[2]
    inputs = size + rollouts.actions.shape[2]
    matrices, offsets, covariances = [], [], []
    for points in rollouts.transitions.swapaxes(0, 1):
        mean, joint = posterior(points, prior)
        regularised = joint[:inputs, :inputs] + REGULARISATION * np.eye(inputs)
        matrix = np.linalg.solve(regularised, joint[:inputs, inputs:]).T
        noise = joint[inputs:, inputs:] - matrix @ joint[:inputs, inputs:]
        matrices.append(matrix)
        offsets.append(mean[inputs:] - matrix @ mean[:inputs])
        covariances.append(symmetric(noise) + DYNAMICS_FLOOR * np.eye(size))
    first = rollouts.states[:, 0]
    spread = first - first.mean(axis=0)
    return Dynamics(
        np.stack(matrices),
        np.stack(offsets),
        np.stack(covariances),
        first.mean(axis=0),
        spread.T @ spread / len(first) + INITIAL_FLOOR * np.eye(size),
    )


def posterior(points: np.ndarray, prior: Prior | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of points (N, D) under the prior.

    Σ = (Φ + N Σ̂ + N m / (N + m) (μ̂ − μ₀)(μ̂ − μ₀)ᵀ) / (N + n₀), with m = n₀ = 1: the
    prior counts as one rollout.
    """
    count = len(points)
    mean = points.mean(axis=0)
    spread = points - mean
    scatter = spread.T @ spread
    if prior is None:
        return mean, symmetric(scatter / count)
    centre, phi = prior.moments(points)
    apart = mean - centre
    joint = phi + scatter + count / (count + 1) * np.outer(apart, apart)
    return mean, symmetric(joint / (count + 1))
