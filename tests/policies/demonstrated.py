"""Demonstrations whose answer is known, and what a cloning makes of them."""

import numpy as np
import torch

from policies.cloning.actor import Actor
from policies.demonstrations import Demonstrations

MAP = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)
SCALES = np.array([1, 100, 0.01, 5, 1, 1], np.float32)
LENGTH = 50


def linear(episodes: int = 20, noise: float = 0.0, seed: int = 0) -> Demonstrations:
    """Actions that are linear in the states, whose numbers are of very different sizes."""
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(LENGTH * episodes, 6)).astype(np.float32)
    spread = rng.normal(size=(LENGTH * episodes, 3)).astype(np.float32)
    # Offset and scale as real observations have them.
    return Demonstrations(
        3 + plain * SCALES, 0.3 * plain @ MAP + noise * spread, _numbers(episodes, LENGTH)
    )


def beside_the_point(episodes: int = 10, seed: int = 0) -> Demonstrations:
    """Actions that 2 numbers of a state decide; 30 others differ by episode and mean nothing."""
    rng = np.random.default_rng(seed)
    numbers = _numbers(episodes, LENGTH)
    telling = rng.normal(size=(len(numbers), 2)).astype(np.float32)
    others = rng.normal(size=(episodes, 30)).astype(np.float32)[numbers]
    others += 0.1 * rng.normal(size=others.shape).astype(np.float32)
    actions = np.stack([telling[:, 0], np.abs(telling[:, 1])], axis=1)
    return Demonstrations(np.concatenate([telling, others], axis=1), actions, numbers)


def bimodal(episodes: int = 20, seed: int = 0) -> Demonstrations:
    """An obstacle ahead: by chance the demonstrator passes it on the left or on the right."""
    rng = np.random.default_rng(seed)
    states = rng.uniform(-1, 1, (LENGTH * episodes, 2)).astype(np.float32)
    sides = rng.choice([-1.0, 1.0], size=len(states))
    actions = np.stack([sides, 0.5 * states[:, 0]], axis=1).astype(np.float32)
    return Demonstrations(states, actions, _numbers(episodes, LENGTH))


def swinging(episodes: int = 40, seed: int = 0) -> Demonstrations:
    """Places (N, 1) of a pendulum; the action is its velocity, whose sign no single place tells."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, (episodes, 1)) + 0.3 * np.arange(LENGTH)
    return Demonstrations(
        np.sin(angles).reshape(-1, 1).astype(np.float32),
        np.cos(angles).reshape(-1, 1).astype(np.float32),
        _numbers(episodes, LENGTH),
    )


def _numbers(episodes: int, length: int) -> np.ndarray:
    return np.repeat(np.arange(episodes), length)


def weights(actor: Actor) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in actor.state_dict().items()}


def same(one: Actor, other: Actor) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def error(actor: Actor, shown: Demonstrations) -> float:
    """Squared error over the variance of the actions, each state being an episode's first."""
    actor.reset()
    return float(np.mean((actor.act(shown.states) - shown.actions) ** 2) / shown.actions.var())
