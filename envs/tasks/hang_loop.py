"""Hang loop: hang a ring of rope, held between two fingers, on a hook whose place varies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.engine import mujoco
from envs.motion import ramp
from envs.robot import DOWN, GRIPPER_JOINTS, Move
from envs.task import Task

HOOK_LOW, HOOK_HIGH = (0.385, -0.22, 0.17), (0.535, 0.22, 0.25)  # (metres) where the peg is
HANG = 0.06  # (metres) from the peg down to the middle of a loop that hangs on it
DEPTH, ASIDE = 0.03, 0.08  # (metres) from the peg: at least down to that middle, at most aside
FAR = 0.15  # (metres) over which the dense reward falls to 1/e

# The expert's constants.
SLIPPED = 0.010  # (metres) below the tip where a link is between the fingers no more
CARRY = 0.065  # (metres) from the peg up to the held link on the way
DROP = 0.015  # (metres) that the loop falls when the fingers open
ENTRY = 0.04  # (metres) before the hook's end, where the loop is brought first
PAST_ENTRY = 0.02  # (metres) nearer to the hook, where the loop must go round the peg
INSIDE = 0.015  # (metres) from the peg to the loop's links, at least, if it goes round the peg
ALIGNED = (0.015, 0.045)  # (metres) off the line above the peg: goes along it, does not
ARRIVED = (0.012, 0.03)  # (metres) along the peg from its middle: goes down, does not
OPEN = (0.015, 0.03, 0.014)  # (metres) from the place above the peg within which it opens
AWAY = 0.09  # (metres) above the peg after the release
GAIN = 7.0  # (1/s) on position errors
SPEED = 0.15  # (m/s)
LIMITS = np.array([SPEED, 0.2, 0.2])  # (m/s) along the peg, aside and up: first it gets in line

LINKS = (
    *("loop_top", "right1", "right2", "right3", "loop_right", "right5", "right6", "right7"),
    *("loop_bottom", "left1", "left2", "left3", "loop_left", "left5", "left6", "left7"),
)
HOOK = ("hook_post", "hook_peg", "hook_tip")


class HangLoop(Task):
    """The loop is a closed chain of 16 links; only friction between the fingers holds it.

    The peg points away from the robot, at the front camera: the loop starts beyond it and comes
    back over it. `goal` is the peg's middle; where it is, only the image tells.
    """

    XML = Path(__file__).with_suffix(".xml")
    # With the tip at (0.66, 0, 0.32) m, pointing straight down; below HOME is no room for the loop.
    START = np.array([-0.0098, 0.3311, 0.0119, -1.4731, -0.0039, 1.796, 0.0023])  # (rad)
    HORIZON = 120
    HOLD = 1.0
    OBJECTS = ("loop", "loop_top", "loop_right", "loop_bottom", "loop_left", "hook")
    LOOKS = {"loop": LINKS, "hook": HOOK}
    SIZES = {"loop": LINKS, "hook": ("goal",)}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        geoms = [self.model.geom(i).name for i in range(self.model.ngeom)]
        self._is_rope, self._is_hook = np.isin(geoms, LINKS), np.isin(geoms, HOOK)

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw the hook's place, or take `goal`, the middle of its peg, shape (3,) in metres.

        The fingers hold the loop from the start; it is round at first and sags at once.
        """
        model, data = self.model, self.data
        hook = self.np_random.uniform(HOOK_LOW, HOOK_HIGH)
        self.mark("goal", self.chosen(options, "goal", hook))
        mujoco.mj_kinematics(model, data)
        hand, loop = data.site("tool_end_effector"), data.joint("loop_top").qpos
        loop[:3] = hand.xpos
        mujoco.mju_mat2Quat(loop[3:], (hand.xmat.reshape(3, 3) @ DOWN.T).ravel())
        for finger in GRIPPER_JOINTS:
            data.joint(finger).qpos[0] = model.geom("loop_top").size[0]

    def points(self) -> dict[str, np.ndarray]:
        """Return the named points; `loop` is its centre of mass, `hook` the turned-up end."""
        data = self.data
        links = {name: data.body(name).xpos.copy() for name in self.OBJECTS[1:-1]}
        loop, hook = data.body("loop_top").subtree_com.copy(), data.geom("hook_tip").xpos.copy()
        return {"end_effector": self.tip, "loop": loop, **links, "hook": hook, "goal": self.goal}

    def owner(self, name: str) -> str:
        """Return the body that a named point lies on; the loop does not hide itself."""
        if name == "hook":
            return "goal"
        return "loop_top" if name.startswith("loop") else super().owner(name)

    def distance(self) -> float:
        """Return the distance from the loop's middle to where it would hang, in metres."""
        return float(np.linalg.norm(self._offset()))

    def reached(self) -> bool:
        """Return whether the loop hangs on the hook and touches nothing else."""
        x, y, z = self._offset()
        touched = self.touched_by(self._is_rope)
        hangs = z < HANG - DEPTH and np.hypot(x, y) < ASIDE
        return bool(hangs and touched.any() and self._is_hook[touched].all())

    def dense_reward(self) -> float:
        """Return 0.75 for a loop where it would hang, decaying, plus 0.25 while it hangs."""
        return float(0.75 * np.exp(-self.distance() / FAR) + 0.25 * self.reached())

    def expert(self) -> Move:
        """Bring the loop before the hook, back over the peg and down; open; rise.

        The motions are blended smoothly, so that a network can imitate the whole.
        """
        points = self.points()
        tip, peg = points["end_effector"], points["goal"]
        ahead, aside, above = tip - peg
        if points["loop_top"][2] < tip[2] - SLIPPED:  # released
            rise = float(np.clip(GAIN * (AWAY - above), -SPEED, SPEED))
            return Move(np.array([0.0, 0.0, rise]), grip=-1.0)
        entry = points["hook"][0] + ENTRY - peg[0]
        over = ahead < entry - PAST_ENTRY
        if over and not _goes_round(points):
            return Move(np.array([SPEED, 0.0, 0.0]), grip=1.0)  # back, for another try
        off = float(np.hypot(aside, above - CARRY))
        along = 1.0 if over else 1.0 - ramp(off, *ALIGNED)
        rest = sum(self.model.geom(name).size[0] for name in ("hook_peg", "loop_top"))
        height = rest + DROP + (CARRY - rest - DROP) * ramp(abs(ahead), *ARRIVED)
        missing = np.array([(1.0 - along) * entry, 0.0, height]) - (ahead, aside, above)
        opens = height < CARRY and bool((np.abs(missing) < OPEN).all())
        return Move(np.clip(GAIN * missing, -LIMITS, LIMITS), grip=-1.0 if opens else 1.0)

    def _offset(self) -> np.ndarray:
        """From where the loop's middle would hang to where it is, (3,) in metres."""
        return self.data.body("loop_top").subtree_com - self.goal + (0.0, 0.0, HANG)


def _goes_round(points: Mapping[str, np.ndarray]) -> bool:
    """Whether the line along the peg passes through the loop."""
    _, y, z = points["goal"]
    sides = points["loop_left"][1] + INSIDE < y < points["loop_right"][1] - INSIDE
    return bool(sides and points["loop_bottom"][2] + INSIDE < z < points["loop_top"][2])
