"""The KL-constrained linear-quadratic update of a controller.

min_p Σ_t E_p[l(x_t, u_t)]   so that   KL(p(τ) ‖ p̂(τ)) ≤ ε

For a multiplier η of the constraint the minimum is the LQR solution of the cost l/η − log p̂(u|x),
its maximum-entropy form with Σ_t = Q_uu⁻¹; the dual is searched for the η at which the divergence
is ε (Levine & Abbeel 2014).
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from policies.errors import PolicyError
from policies.trajectory.gaussian import (
    Controller,
    Dynamics,
    Trajectory,
    divergence,
    propagate,
    symmetric,
)

ETA_LOW, ETA_HIGH = 1e-8, 1e16
CLOSE = 0.1
"""Share of ε by which the divergence may miss it."""
SEARCHES = 60
"""Steps of the search for η at most."""


class Quadratic(NamedTuple):
    """½ zᵀ C_t z + cᵀ_t z + b_t of z = [x; u] at each step, and of the last state alone."""

    matrices: np.ndarray
    """C, (T, X + U, X + U)."""
    vectors: np.ndarray
    """c, (T, X + U)."""
    constants: np.ndarray
    """b, (T,)."""
    last_matrix: np.ndarray
    """(X, X)."""
    last_vector: np.ndarray
    """(X,)."""
    last_constant: float

    def expected(self, trajectory: Trajectory) -> float:
        """Return the cost that is expected of a trajectory, summed over its steps."""
        return float(
            _expected(self.matrices, self.vectors, trajectory.means, trajectory.covariances).sum()
            + self.constants.sum()
            + _expected(
                self.last_matrix,
                self.last_vector,
                trajectory.last_mean,
                trajectory.last_covariance,
            )
            + self.last_constant
        )


class Update(NamedTuple):
    """A new controller and what it promises."""

    controller: Controller
    trajectory: Trajectory
    eta: float
    divergence: float
    """From the old controller, summed over the steps, in nats."""


class NotPositive(Exception):
    """Q_uu is not positive definite: the step is too long for the quadratic cost."""


def update(old: Controller, dynamics: Dynamics, cost: Quadratic, bound: float) -> Update:
    """Return the controller with the lowest expected cost within `bound` nats of the old one.

    A divergence within a tenth of the bound, above or below, ends the search, as having met it.
    The multiplier is searched by bisection of its logarithm; where Q_uu is not positive definite
    it grows. If even the unconstrained optimum lies within the bound, that is returned. Raises
    PolicyError if no multiplier up to `ETA_HIGH` gives a controller.
    """
    low, high = np.log(ETA_LOW), np.log(ETA_HIGH)
    penalty = _penalty(old)
    best: Update | None = None
    for _ in range(SEARCHES):
        eta = float(np.exp((low + high) / 2))
        try:
            controller = backward(dynamics, cost, penalty, eta)
        except NotPositive:
            low = np.log(eta)
            continue
        trajectory = propagate(controller, dynamics)
        total = float(divergence(controller, old, trajectory).sum())
        if not total <= bound * (1 + CLOSE):  # nor if it is no number
            low = np.log(eta)
            continue
        if best is None or total >= best.divergence:
            best = Update(controller, trajectory, eta, total)
        high = np.log(eta)
        if total >= bound * (1 - CLOSE):
            break
    if best is None:
        raise PolicyError(
            "no step within the bound was found: the cost or the dynamics are no good"
        )
    return best


def backward(
    dynamics: Dynamics,
    cost: Quadratic,
    penalty: tuple[np.ndarray, np.ndarray] | None = None,
    eta: float = 1.0,
) -> Controller:
    """Solve the linear-quadratic problem l/η − log p̂(u|x) backwards in time.

    The penalty −log p̂(u|x) is matrices (T, X+U, X+U) and vectors (T, X+U). Without it that is
    plain LQR, Σ_t = Q_uu⁻¹ being the maximum-entropy policy's. Raises NotPositive if some Q_uu is
    not positive definite, or overflows.
    """
    states = dynamics.matrices.shape[1]
    value, slope = symmetric(cost.last_matrix) / eta, cost.last_vector / eta
    quadratic, linear = symmetric(cost.matrices) / eta, cost.vectors / eta
    if penalty:
        quadratic, linear = quadratic + penalty[0], linear + penalty[1]
    gains, offsets, covariances = [], [], []
    for step in reversed(range(len(quadratic))):
        matrix = dynamics.matrices[step]
        q = symmetric(quadratic[step] + matrix.T @ value @ matrix)
        g = linear[step] + matrix.T @ (value @ dynamics.offsets[step] + slope)
        if not (np.isfinite(q).all() and np.isfinite(g).all()):
            raise NotPositive  # it grew beyond all numbers on the way
        try:
            factor = cho_factor(q[states:, states:], lower=True)
        except np.linalg.LinAlgError as error:
            raise NotPositive from error
        gain = -cho_solve(factor, q[states:, :states])
        offset = -cho_solve(factor, g[states:])
        gains.append(gain)
        offsets.append(offset)
        covariances.append(symmetric(cho_solve(factor, np.eye(len(offset)))))
        value = symmetric(q[:states, :states] + q[:states, states:] @ gain)
        slope = g[:states] + q[:states, states:] @ offset
    return Controller(*(np.stack(part[::-1]) for part in (gains, offsets, covariances)))


def _penalty(old: Controller) -> tuple[np.ndarray, np.ndarray]:
    """Return −log p̂(u|x), but for its constant, as matrices (T, X+U, X+U), vectors (T, X+U)."""
    across = np.concatenate([-old.gains, np.tile(np.eye(old.gains.shape[1]), (old.steps, 1, 1))], 2)
    weighted = np.linalg.solve(old.covariances, across)  # Σ⁻¹ [−K, I]
    return (
        symmetric(across.transpose(0, 2, 1) @ weighted),
        -np.einsum("tuz,tu->tz", weighted, old.offsets),
    )


def _expected(
    matrix: np.ndarray, vector: np.ndarray, mean: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Return E[½ zᵀCz + cᵀz] for z ~ N(mean, covariance)."""
    return (
        0.5 * np.einsum("...i,...ij,...j->...", mean, matrix, mean)
        + 0.5 * np.einsum("...ij,...ji->...", matrix, covariance)
        + np.einsum("...i,...i->...", vector, mean)
    )
