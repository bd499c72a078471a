"""What the adapters of other people's suites share: they make a suite's task look like ours."""

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces

from envs.cameras import Cameras, one_of
from envs.engine import mujoco
from envs.errors import TaskError
from envs.fast_rendering import fast_copy
from envs.observation import MAX_EXTENT, bounded, nearest, object_spaces, rotations
from envs.robot import MAX_JOINT_SPEED

Rendering = Literal["fast", "default"]
Observation = dict[str, np.ndarray]

MAX_OPENING = 0.2  # (metres) bound of the observation `gripper`
JOINT_MARGIN = 0.2  # (rad) beyond the joints' limits, which are soft
FRONT = "front"  # what our tasks, too, call the camera that is used unless another is named
DRAWN_GROUPS = 3  # MuJoCo draws the geoms of the groups 0, 1 and 2
TURNING_JOINTS = (
    mujoco.mjtJoint.mjJNT_FREE,
    mujoco.mjtJoint.mjJNT_BALL,
    mujoco.mjtJoint.mjJNT_HINGE,
)
HAND_REFERENCE = np.array([1.0, 0.0, 1.0, 0.0])  # both suites hold the hand near this rotation


class Adapter(gymnasium.Env[Observation, np.ndarray]):
    """A suite's task with the observation, images and named points of ours.

    Observation, a dict of float32: `joint_position` (7,) rad, `joint_velocity` (7,) rad/s,
    `ee_pose` (7,) tip position in metres and unit quaternion (w, x, y, z; w + y ≥ 0), `gripper`
    (1,) its opening in metres where it can open, `goal` (3,) metres, and the oracle state:
    `object_position` (3,) metres for each object and `object_rotation` (4,) quaternion (w ≥ 0) for
    each that can turn.

    Actions, float32 (4,) in [−1, 1], rewards, success and horizon are the suite's own.

    `rendering` is "fast", without what software rendering cannot afford, or "default", the suite's
    own settings. The cameras are the suite's, those that hang upside down turned, and `front`,
    which is one of them.
    """

    ARM: ClassVar[tuple[str, ...]]
    """Names of the arm's joints."""
    HAND: ClassVar[str]
    """Body that carries the fingers."""
    FRONT_CAMERA: ClassVar[str]
    """What the suite calls the camera `front`."""

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        objects: Mapping[str, int],
        *,
        width: int = 64,
        height: int = 64,
        cameras: Sequence[str] = (FRONT,),
        rendering: Rendering = "fast",
        render_mode: str | None = None,
    ) -> None:
        one_of("rendering", rendering, get_args(Rendering))
        one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.model, self.data, self.render_mode = model, data, render_mode
        self._objects = dict(objects)
        self._turning = [body for body in self._objects.values() if _turns(model, body)]
        _turn_upright(model, data)
        if rendering == "fast":
            _leave_what_is_drawn(model)
            drawn = fast_copy(model, height)
        else:
            drawn = copy.copy(model)
            _leave_what_is_drawn(model)
        settings: dict[str, Any] = {"height": height, "width": width}
        settings["aliases"] = {FRONT: self.FRONT_CAMERA}
        self.cameras = Cameras(model, cameras, **settings)
        self._drawn = Cameras(drawn, cameras, **settings)
        joints = [model.joint(name) for name in self.ARM]
        self._arm = [joint.id for joint in joints]
        self._qpos = [int(joint.qposadr[0]) for joint in joints]
        self._qvel = [int(joint.dofadr[0]) for joint in joints]
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space: spaces.Dict = self._observation_space()  # type: ignore[assignment]

    # What an adapter defines -----------------------------------------------------------------

    @property
    @abstractmethod
    def tip(self) -> np.ndarray:
        """The end effector's position, shape (3,) in metres."""

    @property
    @abstractmethod
    def goal(self) -> np.ndarray:
        """The goal's position, shape (3,) in metres."""

    @abstractmethod
    def opening(self) -> float | None:
        """Return the gripper's opening in metres, None if it cannot open."""

    @abstractmethod
    def object_positions(self) -> np.ndarray:
        """Return the objects' positions, shape (objects, 3) in metres."""

    # Ground truth ----------------------------------------------------------------------------

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the points, in the order of `points` and `keypoints`."""
        return ("end_effector", *self._objects, "goal")

    def points(self) -> dict[str, np.ndarray]:
        """Return the named points, each (3,) in metres: end effector, objects, goal."""
        objects = zip(self._objects, self.object_positions(), strict=True)
        return {"end_effector": self.tip, **dict(objects), "goal": self.goal}

    def keypoints(self) -> Any:
        """Return the named points in the image, shape (N, 3) float32: x, y in pixels, visible.

        x points right and y down, (0, 0) is the centre of the top-left pixel. A point is visible
        if it lies within the image and nothing but its own body stands in front of it; a goal has
        no body. With several cameras, a dict of such arrays by camera.
        """
        nobody = self.model.nbody
        bodies = [self.model.body(self.HAND).id, *self._objects.values(), nobody]
        return self.cameras.keypoints(self.data, np.stack(list(self.points().values())), bodies)

    # Gymnasium -------------------------------------------------------------------------------

    def render(self) -> Any:
        """Return the camera's image, uint8 (height, width, 3); of several, a dict by camera."""
        if self.render_mode != "rgb_array":
            gymnasium.logger.warn("render() needs make(..., render_mode='rgb_array')")
            return None
        return self._drawn.render(self.data)

    def close(self) -> None:
        """Free the renderer."""
        self._drawn.close()

    def _observe(self) -> Observation:
        hand = nearest(self.data.body(self.HAND).xquat, HAND_REFERENCE)
        observation = {
            "joint_position": self.data.qpos[self._qpos],
            "joint_velocity": self.data.qvel[self._qvel],
            "ee_pose": np.concatenate([self.tip, hand]),
            "goal": self.goal,
        }
        opening = self.opening()
        if opening is not None:
            observation["gripper"] = np.array([opening])
        if self._objects:
            observation["object_position"] = self.object_positions().reshape(-1)
        if self._turning:
            turns = [self.data.xquat[body] for body in self._turning]
            observation["object_rotation"] = rotations(turns)
        return bounded(observation, self.observation_space)

    def _observation_space(self) -> spaces.Dict:
        limited = self.model.jnt_limited[self._arm, None]
        limits = np.where(limited, self.model.jnt_range[self._arm], (-2 * np.pi, 2 * np.pi))
        low, high = np.add(limits, (-JOINT_MARGIN, JOINT_MARGIN)).T.astype(np.float32)
        pose = np.array([MAX_EXTENT] * 3 + [1.0] * 4, np.float32)
        bounds: dict[str, spaces.Space[Any]] = {
            "joint_position": spaces.Box(low, high),
            "joint_velocity": spaces.Box(-MAX_JOINT_SPEED, MAX_JOINT_SPEED, low.shape),
            "ee_pose": spaces.Box(-pose, pose),
            "goal": spaces.Box(-MAX_EXTENT, MAX_EXTENT, (3,)),
        }
        if self.opening() is not None:
            bounds["gripper"] = spaces.Box(0.0, MAX_OPENING, (1,))
        return spaces.Dict(bounds | object_spaces(len(self._objects), len(self._turning)))


def no_options(options: Mapping[str, Any] | None) -> None:
    """Refuse reset options: the suites have none."""
    if options:
        raise TaskError(f"unknown reset option '{next(iter(options))}': the suites have none")


def _turns(model: mujoco.MjModel, body: int) -> bool:
    first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
    kinds = {int(kind) for kind in model.jnt_type[first : first + count]}
    return not kinds.isdisjoint(TURNING_JOINTS)


def _turn_upright(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Roll the fixed cameras by half a turn whose images show the floor at the top."""
    mujoco.mj_forward(model, data)
    half_turn = np.array([0.0, 0.0, 0.0, 1.0])
    for camera in np.flatnonzero(model.cam_bodyid == 0):
        up = data.cam_xmat[camera].reshape(3, 3)[:, 1]
        if up[2] < -0.1:  # a camera that looks straight down has no upside
            rolled = np.zeros(4)
            mujoco.mju_mulQuat(rolled, model.cam_quat[camera], half_turn)
            model.cam_quat[camera] = rolled
    mujoco.mj_forward(model, data)


def _leave_what_is_drawn(model: mujoco.MjModel) -> None:
    """Make transparent, for rays too, what stands for nothing to be seen.

    That is the geoms for collisions alone, and the marks on the mocap bodies that drag the hands.
    """
    unseen = (model.geom_group >= DRAWN_GROUPS) | (model.body_mocapid[model.geom_bodyid] >= 0)
    model.geom_matid[unseen] = -1
    model.geom_rgba[unseen, 3] = 0
