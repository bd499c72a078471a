"""Lift block: grasp a free block and raise it to a height that varies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.motion import at_most, ramp
from envs.robot import GRIPPER_JOINTS, Move
from envs.task import Task

CLOSE = 0.02  # (metres) from the block's height to the goal's: success
BLOCK_LOW, BLOCK_HIGH = (0.40, -0.18), (0.60, 0.18)  # (metres) where the block lies
BLOCK_YAW = 0.4  # (rad) half-width of the block's first turn; the fingers straighten it
MARK = (0.45, 0.27)  # (metres) where the goal's mark hangs
FAR = 0.1  # (metres) over which the dense reward falls to 1/e

# The expert's constants.
HOVER = 0.07  # (metres) above the block on the way to it
ABOVE = (0.012, 0.03)  # (metres) aside: goes down, does not
READY = 0.016  # (metres) from tip to block: closes
GRIPPED = 1.35  # widths of the block: an opening below this holds it
WITHIN = 0.03  # (metres) from tip to block: it is the block that is held
GAIN = 10.0  # (1/s) on position errors
SPEED = 0.25  # (m/s)


class LiftBlock(Task):
    """The fingers must close round a block whose place only the image tells."""

    XML = Path(__file__).with_suffix(".xml")
    OBJECTS = ("block",)
    TURNING = ("block",)
    OPTIONS = ("block", "goal")
    GOAL_LOW = (0.12,)
    GOAL_HIGH = (0.26,)
    LOOKS = {"block": ("block",)}
    SIZES = {"block": ("block",)}

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw block and height, or take `block` (x, y, yaw) and `goal` (z,), in metres, rad."""
        yaw = self.np_random.uniform(-BLOCK_YAW, BLOCK_YAW)
        block = np.append(self.np_random.uniform(BLOCK_LOW, BLOCK_HIGH), yaw)
        height = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
        self.stand("block", self.chosen(options, "block", block), self.model.geom("block").size[2])
        for finger in GRIPPER_JOINTS:
            self.data.joint(finger).qpos[0] = self.model.joint(finger).range[1]
        self.mark("goal", (*MARK, *self.chosen(options, "goal", height)))

    def goal_vector(self) -> np.ndarray:
        """Return the height to reach, shape (1,) in metres."""
        return self.goal[2:]

    def distance(self) -> float:
        """Return how far the block's height is from the goal's, in metres."""
        return float(abs(self.goal[2] - self.data.body("block").xpos[2]))

    def reached(self) -> bool:
        """Return whether the block is within `CLOSE` of the height."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return 0.2 for a tip at the block plus 0.8 for a block at the height, both decaying."""
        gap = np.linalg.norm(self.data.body("block").xpos - self.tip)
        return float(0.2 * np.exp(-gap / FAR) + 0.8 * np.exp(-self.distance() / FAR))

    def expert(self) -> Move:
        """Go above the block, down round it, close, and rise once the fingers hold it."""
        tip, block = self.tip, self.data.body("block").xpos
        away = block - tip
        width = 2 * self.model.geom("block").size[1]
        closed = self.robot.opening < GRIPPED * width
        if closed and np.linalg.norm(away) < WITHIN:
            return Move(at_most(GAIN * np.array([0, 0, self.goal[2] - block[2]]), SPEED), grip=1.0)
        off = float(np.linalg.norm(away[:2]))
        above = HOVER * ramp(off, *ABOVE)
        ready = np.linalg.norm(away) < READY
        return Move(
            at_most(GAIN * (away + np.array([0, 0, above])), SPEED), grip=1.0 if ready else -1.0
        )
