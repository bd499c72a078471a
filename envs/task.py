"""What every task shares: arm, action modes, observation, rendering and named points."""

import os
import sys
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    # MuJoCo chooses its OpenGL when it is imported; its own choice needs a screen.
    os.environ.setdefault("MUJOCO_GL", "egl")
import mujoco

from envs.camera import Camera
from envs.control import CartesianController
from envs.errors import TaskError

ActionMode = Literal["cartesian", "torque"]
RewardKind = Literal["dense", "sparse"]
Observation = dict[str, np.ndarray]

CONTROL_HZ = 20
MAX_SPEED = 0.3  # (m/s) of the end effector along each axis, for a Cartesian action of 1
CONTROLLER_PERIOD = 2  # physics steps between two evaluations of the Cartesian controller
JOINTS = 7
# Joint positions with the tip at (0.40, 0, 0.05) m, pointing straight down.
HOME = np.array([-0.01430, -0.02156, 0.01444, -2.72913, 0.00074, 2.70758, -0.00053])  # (rad)
START_SPREAD = 0.03  # (rad) half-width of the uniform spread of the first joint positions
DOWN = np.diag([1.0, -1.0, -1.0])  # the hand's orientation when it points at the table
POINTING_DOWN = np.array([0.0, 1.0, 0.0, 0.0])  # the same as a quaternion (w, x, y, z)
UNTURNED = np.array([1.0, 0.0, 0.0, 0.0])
MAX_JOINT_SPEED = 20.0  # (rad/s) bound of the observation space
SIDES = (8, 2048)  # (pixels) least and largest side of an image
MAX_EXTENT = 3.0  # (metres) bound of every position in the observation space


class Task(gymnasium.Env[Observation, np.ndarray]):
    """A manipulation task: 7-DoF arm, table and fixed camera, controlled at 20 Hz.

    Observation, a dict of float32: `joint_position` (7,) rad, `joint_velocity` (7,) rad/s,
    `ee_pose` (7,) tip position in metres and unit quaternion (w, x, y, z; x ≥ 0), `goal`, and for
    tasks with objects the oracle state `objects`, (7,) position and quaternion (w ≥ 0) for each.

    Action, float32 in [−1, 1]: `cartesian` (3,) end-effector velocity in units of `MAX_SPEED`, the
    hand kept pointing down; `torque` (7,) in units of each motor's gear.

    `reset(options={name: value})` starts from a chosen initial condition; `start` is the joint
    position (7,), the other names are the task's own (`OPTIONS`).
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # noqa: RUF012
    XML: ClassVar[Path]
    OBJECTS: ClassVar[tuple[str, ...]] = ()
    OPTIONS: ClassVar[tuple[str, ...]] = ("goal",)
    GOAL_LOW: ClassVar[tuple[float, ...]]
    GOAL_HIGH: ClassVar[tuple[float, ...]]

    def __init__(
        self,
        *,
        action_mode: ActionMode = "cartesian",
        reward: RewardKind = "dense",
        width: int = 64,
        height: int = 64,
        camera: str = "front",
        render_mode: str | None = None,
    ) -> None:
        _one_of("action_mode", action_mode, get_args(ActionMode))
        _one_of("reward", reward, get_args(RewardKind))
        _one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        _check_side("width", width)
        _check_side("height", height)
        self.action_mode, self.reward, self.render_mode = action_mode, reward, render_mode
        self.model = mujoco.MjModel.from_xml_path(str(self.XML))
        self.data = mujoco.MjData(self.model)
        _one_of("camera", camera, [self.model.cam(i).name for i in range(self.model.ncam)])
        self.camera = Camera(self.model.cam(camera).id, height, width)
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
        self._renderer: mujoco.Renderer | None = None
        self._tip = self.model.site("end_effector").id
        self._gear = self.model.actuator_gear[:JOINTS, 0].copy()
        self._controller = CartesianController(self._tip, HOME, DOWN)
        self._substeps = round(1 / CONTROL_HZ / self.model.opt.timestep)
        size = {"cartesian": 3, "torque": JOINTS}[action_mode]
        self.action_space = spaces.Box(-1.0, 1.0, (size,), np.float32)
        self.observation_space: spaces.Dict = self._observation_space()  # type: ignore[assignment]

    # What a task defines ---------------------------------------------------------------------

    @abstractmethod
    def place(self, options: Mapping[str, Any]) -> None:
        """Put objects and goal where `options` say, and elsewhere draw from `self.np_random`."""

    @abstractmethod
    def distance(self) -> float:
        """Return what is left to the goal, in metres."""

    @abstractmethod
    def success(self) -> bool:
        """Return whether the goal is reached now."""

    @abstractmethod
    def dense_reward(self) -> float:
        """Return how well things stand, in [0, 1]."""

    @abstractmethod
    def expert_velocity(self) -> np.ndarray:
        """Return the scripted expert's end-effector velocity, shape (3,) in m/s, memoryless."""

    def failed(self) -> bool:
        """Return whether the episode is lost for good (an object fell off the table)."""
        return any(self.data.body(name).xpos[2] < -0.05 for name in self.OBJECTS)

    # Ground truth ----------------------------------------------------------------------------

    @property
    def tip(self) -> np.ndarray:
        """The end effector's position, shape (3,) in metres."""
        return self.data.site_xpos[self._tip].copy()

    @property
    def goal(self) -> np.ndarray:
        """The goal's position, shape (3,) in metres."""
        return self.data.mocap_pos[self.model.body("goal").mocapid[0]].copy()

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the points, in the order of `points` and `keypoints`."""
        return ("end_effector", *self.OBJECTS, "goal")

    def points(self) -> dict[str, np.ndarray]:
        """Return the named points, each (3,) in metres: end effector, objects, goal."""
        objects = {name: self.data.body(name).xpos.copy() for name in self.OBJECTS}
        return {"end_effector": self.tip, **objects, "goal": self.goal}

    def keypoints(self) -> np.ndarray:
        """Return the named points in the image, shape (N, 3) float32: x, y in pixels, visible.

        x points right and y down, (0, 0) is the centre of the top-left pixel. A point is visible
        if it lies within the image and nothing but its own body stands in front of it.
        """
        points = np.stack(list(self.points().values()))
        pixels, depth = self.camera.project(self.model, self.data, points)
        bodies = [self.model.body(name).id for name in ("hand", *self.OBJECTS, "goal")]
        seen = self.camera.inside(pixels, depth)
        for i, (point, body) in enumerate(zip(points, bodies, strict=True)):
            seen[i] &= self.camera.unoccluded(self.model, self.data, point, body)
        return np.column_stack([pixels, seen]).astype(np.float32)

    # Gymnasium -------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options` fixes parts of the initial condition by name."""
        super().reset(seed=seed)
        options = dict(options or {})
        for name in options:
            _one_of("reset option", name, ("start", *self.OPTIONS))
        mujoco.mj_resetData(self.model, self.data)
        start = HOME + self.np_random.uniform(-START_SPREAD, START_SPREAD, JOINTS)
        self.data.qpos[:JOINTS] = options.get("start", start)
        self.place(options)
        mujoco.mj_forward(self.model, self.data)
        return self._observe(), self._info()

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action for 1/20 s."""
        action = np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        if self.action_mode == "torque":
            self.data.ctrl[:] = action
            mujoco.mj_step(self.model, self.data, self._substeps)
        else:
            for _ in range(self._substeps // CONTROLLER_PERIOD):
                torques = self._controller.torques(self.model, self.data, MAX_SPEED * action)
                self.data.ctrl[:] = np.clip(torques / self._gear, -1.0, 1.0)
                mujoco.mj_step(self.model, self.data, CONTROLLER_PERIOD)
        mujoco.mj_forward(self.model, self.data)  # positions of the state that is returned
        failed = self.failed()
        reward = float(self.success()) if self.reward == "sparse" else float(self.dense_reward())
        return self._observe(), 0.0 if failed else reward, failed, False, self._info()

    def render(self) -> np.ndarray | None:
        """Return the camera's image, uint8 of shape (height, width, 3)."""
        if self.render_mode != "rgb_array":
            gymnasium.logger.warn("render() needs make(..., render_mode='rgb_array')")
            return None
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self.model, self.camera.height, self.camera.width)
        self._renderer.update_scene(self.data, self.camera.id)
        return self._renderer.render().copy()

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def expert_action(self) -> np.ndarray:
        """Return the scripted expert's action, shape (3,) float32; it acts in Cartesian mode."""
        if self.action_mode != "cartesian":
            raise TaskError("the scripted expert acts with action_mode='cartesian' alone")
        return np.clip(self.expert_velocity() / MAX_SPEED, -1.0, 1.0).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"is_success": bool(self.success()), "distance": float(self.distance())}

    def _observe(self) -> Observation:
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, self.data.site_xmat[self._tip])
        observation = {
            "joint_position": self.data.qpos[:JOINTS],
            "joint_velocity": self.data.qvel[:JOINTS],
            "ee_pose": np.concatenate([self.tip, _nearest(quaternion, POINTING_DOWN)]),
            "goal": self.goal[: len(self.GOAL_LOW)],
        }
        if self.OBJECTS:
            bodies = [self.data.body(name) for name in self.OBJECTS]
            poses = [np.concatenate([b.xpos, _nearest(b.xquat, UNTURNED)]) for b in bodies]
            observation["objects"] = np.concatenate(poses)
        box: dict[str, Any] = dict(self.observation_space.spaces)
        return {
            name: np.clip(value, box[name].low, box[name].high).astype(np.float32)
            for name, value in observation.items()
        }

    def _observation_space(self) -> spaces.Dict:
        pose = np.array([MAX_EXTENT] * 3 + [1.0] * 4, np.float32)
        joint_range = self.model.jnt_range[:JOINTS].astype(np.float32)
        shapes: dict[str, spaces.Space[Any]] = {
            # Joint limits are soft: leave a little room beyond them.
            "joint_position": spaces.Box(joint_range[:, 0] - 0.2, joint_range[:, 1] + 0.2),
            "joint_velocity": spaces.Box(-MAX_JOINT_SPEED, MAX_JOINT_SPEED, (JOINTS,)),
            "ee_pose": spaces.Box(-pose, pose),
            "goal": spaces.Box(
                np.array(self.GOAL_LOW, np.float32), np.array(self.GOAL_HIGH, np.float32)
            ),
        }
        if self.OBJECTS:
            poses = np.tile(pose, len(self.OBJECTS))
            shapes["objects"] = spaces.Box(-poses, poses)
        return spaces.Dict(shapes)


def _nearest(quaternion: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the one of the two equal quaternions that lies nearer to a reference."""
    return quaternion if quaternion @ reference >= 0 else -quaternion


def _check_side(what: str, value: object) -> None:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not SIDES[0] <= value <= SIDES[1]:  # type: ignore[operator]
        raise TaskError(f"{what} is {value!r}: it takes a whole number of {SIDES[0]} to {SIDES[1]}")


def _one_of(what: str, value: object, allowed: Any) -> None:
    if value not in allowed:
        raise TaskError(f"unknown {what} {value!r}: choose from {', '.join(map(str, allowed))}")
