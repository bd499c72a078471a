"""Time-varying linear-Gaussian controllers and dynamics, and the trajectories that they make."""

from typing import NamedTuple, Self

import numpy as np


class Controller(NamedTuple):
    """u_t ~ N(K_t x_t + k_t, Σ_t) for t = 0 … T − 1."""

    gains: np.ndarray
    """K, (T, U, X)."""
    offsets: np.ndarray
    """k, (T, U)."""
    covariances: np.ndarray
    """Σ, (T, U, U)."""

    @classmethod
    def constant(
        cls, steps: int, gain: np.ndarray, offset: np.ndarray, covariance: np.ndarray
    ) -> Self:
        """Return the controller with the same K (U, X), k (U,) and Σ (U, U) at every step."""
        return cls(*(np.repeat(part[None], steps, axis=0) for part in (gain, offset, covariance)))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.offsets)

    def mean(self, step: int, state: np.ndarray) -> np.ndarray:
        """Return the mean action (..., U) in a state (..., X)."""
        return state @ self.gains[step].T + self.offsets[step]

    def factors(self) -> np.ndarray:
        """Return the lower Cholesky factors of Σ, (T, U, U)."""
        return np.linalg.cholesky(self.covariances)


class Dynamics(NamedTuple):
    """x_{t+1} ~ N(F_t [x_t; u_t] + f_t, S_t), and x_0 ~ N(m, P)."""

    matrices: np.ndarray
    """F, (T, X, X + U)."""
    offsets: np.ndarray
    """f, (T, X)."""
    covariances: np.ndarray
    """S, (T, X, X)."""
    initial_mean: np.ndarray
    """m, (X,)."""
    initial_covariance: np.ndarray
    """P, (X, X)."""


class Trajectory(NamedTuple):
    """The Gaussian marginals of z_t = [x_t; u_t], and of the last state x_T."""

    means: np.ndarray
    """(T, X + U)."""
    covariances: np.ndarray
    """(T, X + U, X + U)."""
    last_mean: np.ndarray
    """(X,)."""
    last_covariance: np.ndarray
    """(X, X)."""


def propagate(controller: Controller, dynamics: Dynamics) -> Trajectory:
    """Return the distribution of the trajectories that a controller makes under the dynamics."""
    mean, covariance = dynamics.initial_mean, dynamics.initial_covariance
    means, covariances = [], []
    for step in range(controller.steps):
        gain = controller.gains[step]
        across = covariance @ gain.T  # of state and action
        joint = np.block(
            [[covariance, across], [across.T, gain @ across + controller.covariances[step]]]
        )
        means.append(np.concatenate([mean, controller.mean(step, mean)]))
        covariances.append(joint)
        matrix = dynamics.matrices[step]
        mean = matrix @ means[-1] + dynamics.offsets[step]
        covariance = symmetric(matrix @ joint @ matrix.T + dynamics.covariances[step])
    return Trajectory(np.stack(means), np.stack(covariances), mean, covariance)


def divergence(new: Controller, old: Controller, trajectory: Trajectory) -> np.ndarray:
    """Return E KL(new(u|x) ‖ old(u|x)) at each step, (T,), in nats.

    The expectation is over the states of `trajectory`, which is the new controller's. Summed over
    the steps it is the divergence of the distributions over trajectories, the dynamics being the
    same (Levine & Abbeel 2014).
    """
    states = old.gains.shape[2]
    mean = trajectory.means[:, :states]
    covariance = trajectory.covariances[:, :states, :states]
    gains = new.gains - old.gains
    apart = np.einsum("tux,tx->tu", gains, mean) + new.offsets - old.offsets
    spread = new.covariances + apart[:, :, None] * apart[:, None, :]
    spread += gains @ covariance @ gains.transpose(0, 2, 1)
    within = np.trace(np.linalg.solve(old.covariances, spread), axis1=1, axis2=2)
    logs = np.linalg.slogdet(old.covariances)[1] - np.linalg.slogdet(new.covariances)[1]
    return 0.5 * (within + logs - new.offsets.shape[1])


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric part of square matrices (..., D, D)."""
    return 0.5 * (matrix + np.swapaxes(matrix, -1, -2))
