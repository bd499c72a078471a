"""A linear system, small enough to know all about."""

import numpy as np

from policies.trajectory.dynamics import Rollouts
from policies.trajectory.gaussian import Controller, Dynamics

STEPS = 30
A = np.array([[1.0, 0.1], [0.0, 0.9]])
B = np.array([[0.005], [0.1]])
NOISE = 1e-4
START = np.array([1.0, 0.0])


def dynamics(steps: int = STEPS) -> Dynamics:
    matrix = np.hstack([A, B])
    return Dynamics(
        np.repeat(matrix[None], steps, axis=0),
        np.zeros((steps, 2)),
        np.repeat(NOISE * np.eye(2)[None], steps, axis=0),
        START,
        1e-6 * np.eye(2),
    )


def standing(steps: int = STEPS, variance: float = 1.0) -> Controller:
    return Controller.constant(steps, np.zeros((1, 2)), np.zeros(1), variance * np.eye(1))


def roll(controller: Controller, noise: np.ndarray, rng: np.random.Generator) -> Rollouts:
    """Roll out for noises (N, T, 1)."""
    count, steps, _ = noise.shape
    states, actions = [np.tile(START, (count, 1))], []
    factors = controller.factors()
    for step in range(steps):
        x = states[-1]
        actions.append(controller.mean(step, x) + noise[:, step] @ factors[step].T)
        states.append(x @ A.T + actions[-1] @ B.T + np.sqrt(NOISE) * rng.standard_normal(x.shape))
    return Rollouts(np.stack(states, axis=1), np.stack(actions, axis=1))
