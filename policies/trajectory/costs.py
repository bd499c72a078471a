"""Costs of a trajectory: distances and velocities that the state tells, and actions.

A distance d costs ½ w₂ d² + ½ w_log log(α + d²): the square pulls from afar, the logarithm makes
the last millimetres worth it (Levine, Wagener & Abbeel 2015).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from policies.trajectory.dynamics import Rollouts
from policies.trajectory.lqr import Quadratic

SQUARE = 10.0
LOG = 0.1
ALPHA = 1e-5  # (metres²)


class Residual(Protocol):
    """Something that is to become zero: a vector d(x)."""

    def away(self, states: np.ndarray) -> np.ndarray:
        """Return d, (..., T + 1, D), of states (..., T + 1, X)."""

    def jacobian(self, states: np.ndarray) -> np.ndarray:
        """Return ∂d/∂x, (T + 1, D, X), at states (T + 1, X)."""


class Offset(NamedTuple):
    """d = M x − y_t: the way from a target to what the state is linear in."""

    matrix: np.ndarray
    """M, (D, X)."""
    target: np.ndarray
    """y, (D,), or (T + 1, D) where it moves."""

    def away(self, states: np.ndarray) -> np.ndarray:
        """Return d, (..., T + 1, D), of states (..., T + 1, X)."""
        return states @ self.matrix.T - self.target

    def jacobian(self, states: np.ndarray) -> np.ndarray:
        """Return M at each step."""
        return np.broadcast_to(self.matrix, (len(states), *self.matrix.shape))


class Behind(NamedTuple):
    """d = e − (o − r n): how far the end effector is from the place to push an object from.

    n = (g − o) / √(|g − o|² + s²) points from the object to its goal, and fades out where it has
    arrived; behind the object, r from its middle, is where a finger stands that can push it there.
    """

    effector: np.ndarray
    """(D, X): e = E x."""
    thing: np.ndarray
    """(D, X): o = O x + c."""
    goal: np.ndarray
    """g, (D,)."""
    radius: float
    """r."""
    soft: float
    """s, in the unit of the places."""
    shift: np.ndarray | float = 0.0
    """c, (D,)."""

    def _way(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        way = self.goal - self.shift - states @ self.thing.T
        return way, np.sqrt(np.sum(way**2, axis=-1, keepdims=True) + self.soft**2)

    def away(self, states: np.ndarray) -> np.ndarray:
        """Return d, (..., T + 1, D), of states (..., T + 1, X)."""
        way, length = self._way(states)
        apart = states @ (self.effector - self.thing).T - self.shift
        return apart + self.radius * way / length

    def jacobian(self, states: np.ndarray) -> np.ndarray:
        """Return ∂d/∂x = E − O − r (I/ℓ − w wᵀ/ℓ³) O with w = g − o and ℓ its softened length."""
        way, length = self._way(states)
        length = length[..., None]
        turning = np.eye(len(self.goal)) / length
        turning = turning - way[:, :, None] * way[:, None, :] / length**3
        return self.effector - self.thing - self.radius * turning @ self.thing


class Term(NamedTuple):
    """w_t · (½ w₂ ‖d‖² + ½ w_log log(α + ‖d‖²)) of a residual d."""

    residual: Residual
    weights: np.ndarray
    """w, (T + 1,): the last is the last state's."""
    square: float = SQUARE
    log: float = LOG
    alpha: float = ALPHA

    def values(self, states: np.ndarray) -> np.ndarray:
        """Return the cost (..., T + 1) of states (..., T + 1, X)."""
        squared = np.sum(self.residual.away(states) ** 2, axis=-1)
        cost = 0.5 * self.square * squared
        if self.log:
            cost = cost + 0.5 * self.log * np.log(self.alpha + squared)
        return self.weights * cost

    def expansion(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradients (T + 1, X) and Hessians (T + 1, X, X) at states (T + 1, X).

        The residual is taken as linear (Gauss & Newton), and of the logarithm's Hessian the part
        that is never negative: w_log (I/s − d dᵀ/s²) with s = α + ‖d‖².
        """
        d, slope = self.residual.away(states), self.residual.jacobian(states)
        s = self.alpha + np.sum(d**2, axis=-1)
        gradient = (self.square + self.log / s)[:, None] * d
        hessian = (self.square + self.log / s)[:, None, None] * np.eye(d.shape[1])
        hessian = hessian - (self.log / s**2)[:, None, None] * d[:, :, None] * d[:, None, :]
        back = slope.transpose(0, 2, 1)
        return (
            self.weights[:, None] * (back @ gradient[..., None])[..., 0],
            self.weights[:, None, None] * (back @ hessian @ slope),
        )


class Cost(NamedTuple):
    """Terms of the state, and ½ Σ w_u u² of the action."""

    terms: Sequence[Term]
    action_weight: float

    def values(self, rollouts: Rollouts) -> np.ndarray:
        """Return the cost of each step, and of the last state, (N, T + 1)."""
        total = self._of_states(rollouts.states)
        total[:, :-1] += 0.5 * self.action_weight * np.sum(rollouts.actions**2, axis=2)
        return total

    def _of_states(self, states: np.ndarray) -> np.ndarray:
        """Return what all terms say of states (N, T + 1, X), (N, T + 1)."""
        return np.sum([term.values(states) for term in self.terms], axis=0)

    def expand(self, rollouts: Rollouts) -> Quadratic:
        """Return the quadratic expansion, the mean of those round each rollout."""
        count, steps, actions = rollouts.actions.shape
        size = rollouts.states.shape[2]
        matrices = np.zeros((steps + 1, size + actions, size + actions))
        vectors = np.zeros((steps + 1, size + actions))
        constants = self._of_states(rollouts.states).mean(axis=0)
        for states in rollouts.states:
            gradient, hessian = np.zeros((steps + 1, size)), np.zeros((steps + 1, size, size))
            for term in self.terms:
                first, second = term.expansion(states)
                gradient += first
                hessian += second
            # Round x̂: g (x − x̂) + ½ (x − x̂)ᵀ H (x − x̂), written in x.
            bent = np.einsum("tij,tj->ti", hessian, states)
            matrices[:, :size, :size] += hessian / count
            vectors[:, :size] += (gradient - bent) / count
            constants += np.einsum("ti,ti->t", 0.5 * bent - gradient, states) / count
        matrices[:-1, size:, size:] += self.action_weight * np.eye(actions)
        return Quadratic(
            matrices[:-1],
            vectors[:-1],
            constants[:-1],
            matrices[-1, :size, :size],
            vectors[-1, :size],
            float(constants[-1]),
        )


def ramp(steps: int, power: float = 2.0, last: float = 1.0) -> np.ndarray:
    """Return weights (T + 1,) that rise from 0 to 1 as (t/T)^power, the last state's `last`."""
    weights = (np.arange(steps + 1) / steps) ** power
    weights[-1] = last
    return weights
