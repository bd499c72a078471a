"""Push: slide a free block, dropped anywhere on the table, to a goal that varies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs import pushing
from envs.errors import TaskError
from envs.robot import Move
from envs.task import Aim, Task

CLOSE = 0.03  # (metres) from block to goal, on the table: success
BLOCK_LOW, BLOCK_HIGH = (0.45, -0.16), (0.60, 0.16)  # (metres) where the block is dropped
PUSH_FROM = 0.045  # (metres) from the block's middle to a fingertip's that pushes it
TRIES = 1000  # draws of a goal, before a block is taken to lie too far off for any
PUSH_RANGE = (0.10, 0.25)  # (metres) from block to goal at the start
FAR = 0.2  # (metres) over which the dense reward falls to 1/e


class Push(Task):
    """Block and goal vary independently: without seeing the block nobody can push it."""

    XML = Path(__file__).with_suffix(".xml")
    OBJECTS = ("block",)
    TURNING = ("block",)
    LOOKS = {"block": ("block",)}
    SIZES = {"block": ("block",)}
    OPTIONS = ("block", "goal")
    GOAL_LOW = (0.42, -0.20)
    GOAL_HIGH = (0.66, 0.20)

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw block and goal, or take `block` (x, y, yaw) and `goal` (x, y), in metres, rad."""
        yaw = self.np_random.uniform(-np.pi, np.pi)
        block = np.append(self.np_random.uniform(BLOCK_LOW, BLOCK_HIGH), yaw)
        block = self.chosen(options, "block", block)
        goal = self.chosen(
            options, "goal", (0, 0) if "goal" in options else self._draw_goal(block[:2])
        )
        self.stand("block", block, self.model.geom("block").size[2])
        self.mark("goal", (*goal, 0.0))

    def _draw_goal(self, block: np.ndarray) -> np.ndarray:
        for _ in range(TRIES):
            goal = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
            if PUSH_RANGE[0] <= np.linalg.norm(goal - block) <= PUSH_RANGE[1]:
                return goal
        raise TaskError(f"no goal is near enough to a block at {block}: choose 'goal', too")

    def aims(self) -> tuple[Aim, ...]:
        """Return that the block is to be pushed to the goal."""
        height = self.model.geom("block").size[2]
        return (Aim("block", np.append(self.goal[:2], height), push_from=PUSH_FROM),)

    def distance(self) -> float:
        """Return the distance from block to goal on the table, in metres."""
        return float(np.linalg.norm((self.goal - self.data.body("block").xpos)[:2]))

    def reached(self) -> bool:
        """Return whether the block is within `CLOSE` of the goal."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return 0.2 for a tip at the block plus 0.8 for a block at the goal, both decaying."""
        gap = np.linalg.norm(self.data.body("block").xpos - self.tip)
        return float(0.2 * np.exp(-gap / FAR) + 0.8 * np.exp(-self.distance() / FAR))

    def expert(self) -> Move:
        """Go round the block to the side away from the goal, then push along the line to it."""
        tip, block = self.tip, self.data.body("block").xpos
        velocity = pushing.law(tip[:2], block[:2], self.goal[:2])
        return Move(np.append(velocity, pushing.GAIN * (pushing.TIP_HEIGHT - tip[2])))
