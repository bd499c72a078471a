"""Open drawer: pull a drawer open by its handle, as far as the goal says, wherever it stands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.motion import at_most, ramp
from envs.robot import Move
from envs.task import Task

CLOSE = 0.015  # (metres) between the drawer's opening and the goal's: success
CABINET_LOW = (0.44, 0.21, -0.3, 0.09)  # (metres, metres, rad, metres) x, y, yaw and height
CABINET_HIGH = (0.60, 0.28, 0.3, 0.11)
FAR = 0.1  # (metres) over which the dense reward falls to 1/e

# The loop between handle and drawer front, in the handle's frame (x along the bar, -y is out).
LOOP = np.array([0.0, 0.035, 0.0])  # (metres) its middle
HALF_LOOP = np.array([0.043, 0.028])  # (metres)
PLAY = np.array([0.028, 0.013])  # (metres) what a finger's thickness leaves of that

# The expert's constants.
BELOW = 0.02  # (metres) from the bar's middle down to the tip that pulls
HOOKED = (0.002, 0.012)  # (metres) below the bar's middle: does not pull yet, pulls
CLEARANCE = 0.035  # (metres) of the tip above the bar's middle on the way to it
CENTRED = (0.5, 1.0)  # shares of the play: goes down, stays up
LOW = (0.008, 0.028)  # (metres) above the bar's middle: stays, moves sideways
GAIN = 10.0  # (1/s) on position errors
NEAR = (0.002, 0.007)  # (metres) off the wanted opening: leaves the drawer alone, pulls or pushes
PULL_GAIN = 6.0  # (1/s) on what is left of the opening
SPEED, PULL_SPEED = 0.25, 0.15  # (m/s)


class OpenDrawer(Task):
    """The goal tells how far to pull; only the image tells where, and which way."""

    XML = Path(__file__).with_suffix(".xml")
    OBJECTS = ("handle", "cabinet")
    OPTIONS = ("cabinet", "goal")
    GOAL_LOW = (0.06,)
    GOAL_HIGH = (0.14,)
    LOOKS = {
        "cabinet": ("cabinet_top", "cabinet_left", "cabinet_right", "cabinet_back"),
        "drawer": ("drawer_front", "drawer_left", "drawer_right", "drawer_back", "drawer_floor"),
        "handle": ("handle_bar", "handle_left", "handle_right"),
    }
    SIZES = {"handle": ("handle",)}

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw all, or take `cabinet` (x, y, yaw, height) and `goal` (opening,), metres, rad."""
        cabinet = self.np_random.uniform(CABINET_LOW, CABINET_HIGH)
        goal = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
        x, y, yaw, height = self.chosen(options, "cabinet", cabinet)
        (self._wanted,) = self.chosen(options, "goal", goal)
        for body in ("cabinet", "goal"):
            number = self.model.body(body).mocapid[0]
            self.data.mocap_quat[number] = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
        self.mark("cabinet", (x, y, height))
        reach = self._wanted - self.model.body("handle").pos[1]
        self.mark("goal", (x + reach * np.sin(yaw), y - reach * np.cos(yaw), 0.0))

    @property
    def opening(self) -> float:
        """How far the drawer is open, in metres."""
        return float(self.data.joint("drawer").qpos[0])

    def goal_vector(self) -> np.ndarray:
        """Return the opening to reach, shape (1,) in metres."""
        return np.array([self._wanted])

    def distance(self) -> float:
        """Return how far the opening is from the wanted one, in metres."""
        return abs(self.opening - self._wanted)

    def reached(self) -> bool:
        """Return whether the drawer is open as far as wanted, within `CLOSE`."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return 0.2 for a tip within the loop plus 0.8 for the wanted opening, both decaying."""
        gap = np.linalg.norm(self._offset() - (0, 0, -BELOW))
        return float(0.2 * np.exp(-gap / FAR) + 0.8 * np.exp(-self.distance() / FAR))

    def _offset(self) -> np.ndarray:
        """The tip as seen from the loop's middle, shape (3,) in metres, in the handle's frame."""
        handle = self.data.body("handle")
        return handle.xmat.reshape(3, 3).T @ (self.tip - handle.xpos) - LOOP

    def expert(self) -> Move:
        """Go above the loop, down into it, and pull, or push back, until the opening fits."""
        offset = self._offset()
        if np.all(np.abs(offset[:2]) < HALF_LOOP) and offset[2] < -HOOKED[0]:
            left = self._wanted - self.opening
            pull = np.clip(PULL_GAIN * left, -PULL_SPEED, PULL_SPEED) * ramp(-offset[2], *HOOKED)
            away = ramp(abs(left), *NEAR)
            across = -away * pull - (1 - away) * GAIN * offset[1]
            velocity = np.array([-GAIN * offset[0], across, -GAIN * (offset[2] + BELOW)])
        else:
            aside = ramp(float(np.max(np.abs(offset[:2]) / PLAY)), *CENTRED)
            height = aside * CLEARANCE - (1 - aside) * BELOW
            velocity = GAIN * np.append(-offset[:2], height - offset[2])
            velocity[:2] = at_most(velocity[:2], SPEED)
            # Beside the loop it first rises.
            velocity[:2] *= max(1 - aside, ramp(offset[2], *LOW))
        velocity[2] = np.clip(velocity[2], -SPEED, SPEED)
        return Move(self.data.body("handle").xmat.reshape(3, 3) @ velocity)
