"""The 7-DoF arm with its tool: what an action does, and what the robot feels of itself."""

from typing import Any, Literal, NamedTuple

import numpy as np
from gymnasium import spaces

from envs.control import CartesianController, tilt_of
from envs.engine import mujoco
from envs.errors import TaskError
from envs.observation import MAX_EXTENT, nearest

ActionMode = Literal["cartesian", "torque"]

CONTROL_HZ = 20
MAX_SPEED = 0.3  # (m/s) of the end effector along each axis, for a Cartesian action of 1
MAX_TURN = 1.5  # (rad/s) of a tilting tool, for an action of 1
CONTROLLER_PERIOD = 4  # physics steps between two evaluations of the Cartesian controller
JOINTS = 7
# Joint positions with a finger's tip at (0.40, 0, 0.05) m, pointing straight down.
HOME = np.array([-0.01430, -0.02156, 0.01444, -2.72913, 0.00074, 2.70758, -0.00053])  # (rad)
DOWN = np.diag([1.0, -1.0, -1.0])  # the hand's orientation when it points at the table
POINTING_DOWN = np.array([0.0, 1.0, 0.0, 0.0])  # the same as a quaternion (w, x, y, z)
MAX_JOINT_SPEED = 20.0  # (rad/s) bound of the observation space
MAX_OPENING = 0.1  # (metres) bound of a gripper's opening
GRIPPER_JOINTS = ("tool_left", "tool_right")


class Move(NamedTuple):
    """What a scripted expert wants the hand to do."""

    velocity: np.ndarray
    """(3,) m/s of the end effector."""
    turn: float = 0.0
    """rad/s about the world's y axis; heard by a tool that tilts."""
    grip: float = 0.0
    """Force of the gripper in [−1, 1], 1 closes; heard by a gripper."""


class Robot:
    """Moves the arm at 20 Hz.

    An action is float32 in [−1, 1]. `cartesian`: end-effector velocity (3,) in units of
    `MAX_SPEED` with the hand pointing down, then, where the tool tilts, the turning rate about the
    world's y axis in units of `MAX_TURN`, then, where there is a gripper, its force (1 closes).
    `torque`: one torque per joint (7,) in units of the motor's gear, then the gripper's force.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, action_mode: ActionMode, *, tilts: bool
    ) -> None:
        self._model, self._data = model, data
        self.action_mode, self.tilts = action_mode, tilts
        self.has_gripper = model.nu > JOINTS
        self._site = model.site("tool_end_effector").id
        self._gear = model.actuator_gear[:JOINTS, 0].copy()
        self._controller = CartesianController(model, self._site, HOME, DOWN, tilts=tilts)
        self._substeps = round(1 / CONTROL_HZ / model.opt.timestep)

    @property
    def action_size(self) -> int:
        """How many numbers an action has."""
        arm = JOINTS if self.action_mode == "torque" else 3 + self.tilts
        return arm + self.has_gripper

    @property
    def tip(self) -> np.ndarray:
        """The end effector's position, shape (3,) in metres."""
        return self._data.site_xpos[self._site].copy()

    @property
    def tilt(self) -> float:
        """The hand's angle about the world's y axis in rad, 0 when it points down."""
        return tilt_of(self._data.site_xmat[self._site].reshape(3, 3) @ DOWN.T)

    @property
    def opening(self) -> float:
        """The gripper's opening in metres."""
        return float(sum(self._data.joint(name).qpos[0] for name in GRIPPER_JOINTS))

    def apply(self, action: np.ndarray) -> None:
        """Do an action, shape (`action_size`,), for 1/20 s; what lies beyond [−1, 1] is clipped.

        Raises TaskError for another shape, or numbers that are not finite.
        """
        model, data = self._model, self._data
        action = np.asarray(action, np.float64)
        if action.shape != (self.action_size,) or not np.isfinite(action).all():
            raise TaskError(f"the action is {action}: it takes {self.action_size} finite numbers")
        action = np.clip(action, -1.0, 1.0)
        if self.has_gripper:
            data.ctrl[JOINTS:] = action[-1]
        if self.action_mode == "torque":
            data.ctrl[:JOINTS] = action[:JOINTS]
            mujoco.mj_step(model, data, self._substeps)
            return
        velocity, turn = MAX_SPEED * action[:3], MAX_TURN * action[3] if self.tilts else 0.0
        for _ in range(self._substeps // CONTROLLER_PERIOD):
            torques = self._controller.torques(model, data, velocity, turn)
            data.ctrl[:JOINTS] = torques / self._gear  # clipped to [−1, 1] by MuJoCo
            mujoco.mj_step(model, data, CONTROLLER_PERIOD)

    def action(self, move: Move) -> np.ndarray:
        """Return the Cartesian action of a move, shape (`action_size`,) float32."""
        action = [*move.velocity / MAX_SPEED]
        if self.tilts:
            action.append(move.turn / MAX_TURN)
        if self.has_gripper:
            action.append(move.grip)
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def observation(self) -> dict[str, np.ndarray]:
        """Return what the robot feels of itself, by name."""
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, self._data.site_xmat[self._site])
        felt = {
            "joint_position": self._data.qpos[:JOINTS],
            "joint_velocity": self._data.qvel[:JOINTS],
            "ee_pose": np.concatenate([self.tip, nearest(quaternion, POINTING_DOWN)]),
        }
        if self.has_gripper:
            felt["gripper"] = np.array([self.opening])
        return felt

    def spaces(self) -> dict[str, spaces.Box]:
        """Return the bounds of `observation`."""
        pose = np.array([MAX_EXTENT] * 3 + [1.0] * 4, np.float32)
        joint_range = self._model.jnt_range[:JOINTS].astype(np.float32)
        bounds: dict[str, Any] = {
            # Joint limits are soft: leave a little room beyond them.
            "joint_position": spaces.Box(joint_range[:, 0] - 0.2, joint_range[:, 1] + 0.2),
            "joint_velocity": spaces.Box(-MAX_JOINT_SPEED, MAX_JOINT_SPEED, (JOINTS,)),
            "ee_pose": spaces.Box(-pose, pose),
        }
        if self.has_gripper:
            bounds["gripper"] = spaces.Box(-MAX_OPENING, MAX_OPENING, (1,))
        return bounds
