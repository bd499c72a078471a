"""Reach: bring the finger's tip to a place in the air that the goal names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.robot import Move
from envs.task import Aim, Task

CLOSE = 0.02  # (metres) from tip to goal: success
REWARD_LENGTH = 0.1  # (metres) over which the dense reward falls to 1/e
EXPERT_GAIN = 4.0  # (1/s)


class Reach(Task):
    """The goal varies over a box above the table."""

    XML = Path(__file__).with_suffix(".xml")
    GOAL_LOW = (0.36, -0.22, 0.05)
    GOAL_HIGH = (0.62, 0.22, 0.30)
    LOOKS = {"goal": ("goal",)}
    SIZES = {"goal": ("goal",)}

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw the goal uniformly, or take `goal`, shape (3,) in metres."""
        goal = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
        self.mark("goal", self.chosen(options, "goal", goal))

    def aims(self) -> tuple[Aim, ...]:
        """Return that the tip is to be at the goal."""
        return (Aim("end_effector", self.goal),)

    def distance(self) -> float:
        """Return the distance from tip to goal in metres."""
        return float(np.linalg.norm(self.goal - self.tip))

    def reached(self) -> bool:
        """Return whether the tip is within `CLOSE` of the goal."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return exp(−distance / `REWARD_LENGTH`)."""
        return float(np.exp(-self.distance() / REWARD_LENGTH))

    def expert(self) -> Move:
        """Head straight for the goal."""
        return Move(EXPERT_GAIN * (self.goal - self.tip))
