"""Feature points of scenes whose things are known: a hand that pushes a block past a goal mark."""

from typing import NamedTuple

import numpy as np

REACH = 0.12  # half sides: nearer than that the hand pushes the block before it
SPEED = 0.03  # half sides per frame
NOISE = 0.005  # half sides: a sixth of a pixel of 64


class Scene(NamedTuple):
    """True places of things, (N, 2) each, and what the robot felt and did."""

    episodes: np.ndarray
    hand: np.ndarray
    block: np.ndarray
    goal: np.ndarray
    robot: np.ndarray
    actions: np.ndarray

    def noise(self, seed: int, size: float = NOISE) -> np.ndarray:
        return size * np.random.default_rng(seed).normal(size=(len(self.episodes), 2))


def scene(episodes: int = 12, frames: int = 60, seed: int = 0, *, apart: float = 0.25) -> Scene:
    """A hand approaches a block, pushes it some way, and turns back.

    `apart` is how far the blocks' first places are spread; 0 is one scene, filmed again and again.
    The robot feels the hand's place in a frame of its own; its action is the hand's next step.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[], [], [], []]
    for _ in range(episodes):
        block = np.array([0.0, 0.1]) + rng.uniform(-apart, apart, 2)
        goal = rng.uniform(-0.6, 0.6, 2)
        hand = np.array([0.0, -0.7]) + rng.uniform(-0.15, 0.15, 2)
        phase = rng.uniform(0, 6, 2)
        for t in range(frames):
            aim = block if t < 0.6 * frames else np.array([0.3, -0.6])
            step = SPEED * (aim - hand) / max(float(np.linalg.norm(aim - hand)), SPEED)
            step = step + 0.012 * np.sin(phase + np.array([0.4, 0.3]) * t)
            for part, value in zip(parts, (hand, block, goal, step), strict=True):
                part.append(value)
            hand = hand + step
            gap = block - hand
            if np.linalg.norm(gap) < REACH:
                block = hand + REACH * gap / np.linalg.norm(gap)
    hands, blocks, goals, steps = map(np.array, parts)
    robot = hands @ np.array([[0.8, 0.1], [-0.2, 0.9]]) + [0.4, 0.1]
    return Scene(np.repeat(np.arange(episodes), frames), hands, blocks, goals, robot, steps)
