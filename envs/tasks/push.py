"""Push: slide a free block, dropped anywhere on the table, to a goal that varies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.task import Task

CLOSE = 0.03  # (metres) from block to goal, on the table: success
BLOCK_LOW, BLOCK_HIGH = (0.45, -0.16), (0.60, 0.16)  # (metres) where the block is dropped
BLOCK_HEIGHT = 0.03  # (metres) of its centre
PUSH_RANGE = (0.10, 0.25)  # (metres) from block to goal at the start
FAR = 0.2  # (metres) over which the dense reward falls to 1/e

# The expert's constants.
TIP_HEIGHT = 0.03  # (metres) at which the finger pushes
ORBIT = 0.085  # (metres) from the block's centre on the way round it
CONTACT = 0.02  # (metres) from the block's centre within which it does not move sideways
ALIGNED = (0.85, 0.97)  # cosines of the angle off the pushing line: only circling, only pushing
MISS = (-0.016, -0.008)  # (metres) by which a straight push may pass the goal, negated
ARRIVED = (0.01, 0.025)  # (metres) from the goal: at rest, at full speed
GAIN = 5.0  # (1/s) on position errors
ACROSS_GAIN = 20.0  # (1/s) on the distance from the pushing line
SPEED = 0.25  # (m/s)


class Push(Task):
    """Block and goal vary independently: without seeing the block nobody can push it."""

    XML = Path(__file__).with_suffix(".xml")
    OBJECTS = ("block",)
    OPTIONS = ("block", "goal")
    GOAL_LOW = (0.42, -0.20)
    GOAL_HIGH = (0.66, 0.20)

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw block and goal, or take `block` (x, y, yaw) and `goal` (x, y), in metres, rad."""
        yaw = self.np_random.uniform(-np.pi, np.pi)
        block = np.append(self.np_random.uniform(BLOCK_LOW, BLOCK_HIGH), yaw)
        block = np.asarray(options.get("block", block), float)
        goal = np.asarray(options.get("goal", self._draw_goal(block[:2])), float)
        joint = self.data.joint("block")
        joint.qpos[:3] = (*block[:2], BLOCK_HEIGHT)
        joint.qpos[3:] = (np.cos(block[2] / 2), 0, 0, np.sin(block[2] / 2))
        self.data.mocap_pos[0] = (*goal, 0.0)

    def _draw_goal(self, block: np.ndarray) -> np.ndarray:
        while True:
            goal = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
            if PUSH_RANGE[0] <= np.linalg.norm(goal - block) <= PUSH_RANGE[1]:
                return goal

    def distance(self) -> float:
        """Return the distance from block to goal on the table, in metres."""
        return float(np.linalg.norm((self.goal - self.data.body("block").xpos)[:2]))

    def success(self) -> bool:
        """Return whether the block is within `CLOSE` of the goal."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return 0.2 for a tip at the block plus 0.8 for a block at the goal, both decaying."""
        gap = np.linalg.norm(self.data.body("block").xpos - self.tip)
        return float(0.2 * np.exp(-gap / FAR) + 0.8 * np.exp(-self.distance() / FAR))

    def expert_velocity(self) -> np.ndarray:
        """Go round the block to the side away from the goal, then push along the line to it.

        The two motions are blended smoothly, so that a network can imitate the whole.
        """
        tip, block, goal = self.tip, self.data.body("block").xpos[:2], self.goal[:2]
        gap = float(np.linalg.norm(goal - block)) + 1e-9
        ahead = (goal - block) / gap
        offset = tip[:2] - block
        radius = float(np.linalg.norm(offset)) + 1e-9
        cosine = float(-offset @ ahead) / radius
        miss = gap * np.sqrt(max(0.0, 1 - cosine**2)) if cosine > 0 else gap
        pushing = max(_ramp(cosine, *ALIGNED), _ramp(-miss, *MISS))
        velocity = pushing * _push(offset, ahead) + (1 - pushing) * _around(offset, ahead)
        speed = float(np.linalg.norm(velocity))
        velocity *= min(1.0, SPEED / max(speed, 1e-9)) * _ramp(gap, *ARRIVED)
        return np.append(velocity, GAIN * (TIP_HEIGHT - tip[2]))


def _push(offset: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Move ahead and back onto the line through the block's centre."""
    aside = np.array([-ahead[1], ahead[0]])
    return SPEED * ahead - ACROSS_GAIN * (offset @ aside) * aside


def _around(offset: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Circle the block at `ORBIT`, the shorter way to the side that `ahead` points away from."""
    radius = float(np.linalg.norm(offset)) + 1e-9
    outward = offset / radius
    tangent = np.array([-outward[1], outward[0]])
    turn = 1.0 if tangent @ -ahead >= 0 else -1.0
    # Too close, it first backs off; too far, it comes in while circling.
    radial = np.clip(GAIN * (ORBIT - radius), -SPEED, SPEED)
    return turn * SPEED * _ramp(radius, CONTACT, ORBIT) * tangent + radial * outward


def _ramp(value: float, low: float, high: float) -> float:
    """Return 0 below `low`, 1 above `high`, and a straight line between."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))
