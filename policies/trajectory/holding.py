"""A first controller that holds the arm where it stands, where actions are joint torques.

Nothing else holds it: with exploration noise it would swing away before anything is learned. A few
episodes of small torques show how the joints answer, at all times alike, x' = A x + B u + c with
x = (q, q̇); the infinite-horizon LQR of that holds them. Levine, Wagener & Abbeel (2015) begin with
an LQR controller, too, of a model that they know.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from scipy.linalg import solve_discrete_are

from policies.errors import PolicyError

PROBES = 5
"""Episodes of small torques."""
SMALL = 0.1
"""Their deviation, as a share of half the range."""
POSITION, VELOCITY, TORQUE = 100.0, 1.0, 1.0
"""Costs of a radian, of a radian per second, and of the largest torque, squared."""
WEAKEST = 1e-3
"""Of the strongest answer to torques, the share below which there is none."""
RIDGE = 1e-6
PROBE = 5
"""Stream of random numbers."""


class Holding(NamedTuple):
    """u = K x + k, of the joints' positions and velocities x, (2 J,)."""

    gains: np.ndarray
    """K, (U, 2 J)."""
    offset: np.ndarray
    """k, (U,)."""
    samples: int
    """Steps that it took to find out."""


def hold(
    env: gymnasium.Env[np.ndarray, Any],
    options: Mapping[str, Any],
    columns: np.ndarray,
    steps: int,
    seed: int,
) -> Holding:
    """Find out how to hold the arm where an episode begins.

    Args:
        env: whose observation is the state vector (D,), and whose actions lie in [-1, 1].
        options: reset options of the initial condition.
        columns: where the vector has the joints' positions, then their velocities, (2 J,).
        steps: of an episode.
        seed: of the torques and of where the arm stands.

    Raises PolicyError if the torques do not move every joint, or cannot bring them to rest.
    """
    rng = np.random.default_rng([PROBE, seed])
    outputs = int(np.prod(env.action_space.shape or ()))
    before, torques, after, starts = [], [], [], []
    for probe in range(PROBES):
        state = env.reset(seed=seed + probe, options=dict(options))[0][columns]
        starts.append(state)
        for torque in SMALL * rng.normal(size=(steps, outputs)):
            new, _, terminated, truncated, _ = env.step(torque.astype(np.float32))
            before.append(state)
            torques.append(torque)
            after.append(new[columns])
            state = new[columns]
            if terminated or truncated:
                break
    x, u = np.array(before, np.float64), np.array(torques)
    start = np.mean(starts, axis=0, dtype=np.float64)
    inputs = np.hstack([x - start, u, np.ones((len(x), 1))])
    gram = inputs.T @ inputs + RIDGE * len(x) * np.eye(inputs.shape[1])
    model = np.linalg.solve(gram, inputs.T @ (np.array(after, np.float64) - start)).T
    moves, pushes, drift = np.split(model, [x.shape[1], x.shape[1] + outputs], axis=1)
    gains = _lqr(moves, pushes)
    still = -np.linalg.lstsq(pushes, drift[:, 0], rcond=None)[0]
    return Holding(-gains, still + gains @ start, len(x))


def _lqr(moves: np.ndarray, pushes: np.ndarray) -> np.ndarray:
    """Return L of the best u = -L x for x' = A x + B u, (U, 2 J)."""
    joints = len(moves) // 2
    strength = np.linalg.svd(pushes, compute_uv=False)
    if len(strength) < joints or strength[joints - 1] < WEAKEST * strength[0]:
        raise PolicyError("the arm cannot be held: torques do not move every joint")
    cost = np.diag([POSITION] * joints + [VELOCITY] * joints)
    effort = TORQUE * np.eye(pushes.shape[1])
    try:
        value = solve_discrete_are(moves, pushes, cost, effort)
    except np.linalg.LinAlgError as error:
        raise PolicyError("the arm cannot be held: no torques bring it to rest") from error
    return np.linalg.solve(effort + pushes.T @ value @ pushes, pushes.T @ value @ moves)
