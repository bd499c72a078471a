"""What every task shares: an arm, named points, an oracle state, factors of variation, cameras."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import gymnasium
import numpy as np
from gymnasium import spaces

from envs.cameras import Cameras, one_of
from envs.engine import mujoco
from envs.errors import TaskError
from envs.observation import bounded, object_spaces, rotations
from envs.robot import CONTROL_HZ, HOME, JOINTS, ActionMode, Move, Robot
from envs.variation import Variation

RewardKind = Literal["dense", "sparse"]
Observation = dict[str, np.ndarray]

START_SPREAD = 0.03  # (rad) half-width of the uniform spread of the first joint positions
FALLEN = -0.05  # (metres) height below which an object has left the table for good


class Aim(NamedTuple):
    """Where a named point is to be brought."""

    point: str
    place: np.ndarray
    """(3,) metres."""
    push_from: float = 0.0
    """How far from its middle a finger stands that pushes it, in metres; 0: it is not pushed."""


class Task(gymnasium.Env[Observation, np.ndarray]):
    """A manipulation task: 7-DoF arm, table and fixed cameras, controlled at 20 Hz.

    Observation, a dict of float32: `joint_position` (7,) rad, `joint_velocity` (7,) rad/s,
    `ee_pose` (7,) tip position in metres and unit quaternion (w, x, y, z; x ≥ 0), with a gripper
    `gripper` (1,) its opening in metres, `goal` where the task is told one, and the oracle state:
    `object_position` (3,) metres for each of `OBJECTS` and `object_rotation` (4,) quaternion
    (w ≥ 0) for each of `TURNING`.

    Actions are described by `envs.robot.Robot`. An episode ends after `HORIZON` steps;
    Gymnasium's `max_episode_steps` can only shorten it.

    `reset(options={name: value})` starts from a chosen initial condition; `start` is the joint
    position (7,), the other names are the task's own (`OPTIONS`).

    `factors` names what else varies between episodes (`envs.variation`), drawn by the seed and
    told by `factors()`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # noqa: RUF012
    XML: ClassVar[Path]
    START: ClassVar[np.ndarray] = HOME
    """Joint positions in rad, round which an episode starts."""
    HORIZON: ClassVar[int] = 100
    """Steps of an episode, 20 a second."""
    HOLD: ClassVar[float] = 0.0
    """Seconds for which the goal must have been reached without a break."""
    TILTS: ClassVar[bool] = False
    """Whether a Cartesian action also tilts the hand."""
    OBJECTS: ClassVar[tuple[str, ...]] = ()
    """Names of what the oracle sees: bodies, unless `points` says otherwise."""
    TURNING: ClassVar[tuple[str, ...]] = ()
    """Those bodies among them whose rotation it sees, too."""
    GOALS: ClassVar[tuple[str, ...]] = ("goal",)
    """Mocap bodies that mark goals."""
    GOAL_LOW: ClassVar[tuple[float, ...]] = ()
    GOAL_HIGH: ClassVar[tuple[float, ...]] = ()
    """Bounds of the observation `goal`; without them the goal can only be seen."""
    OPTIONS: ClassVar[tuple[str, ...]] = ("goal",)
    LOOKS: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Geoms that change colour and texture together, by object."""
    SIZES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Bodies that change size together, by object."""

    def __init__(
        self,
        *,
        action_mode: ActionMode = "cartesian",
        reward: RewardKind = "dense",
        width: int = 64,
        height: int = 64,
        cameras: Sequence[str] = ("front",),
        factors: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        one_of("action_mode", action_mode, get_args(ActionMode))
        one_of("reward", reward, get_args(RewardKind))
        one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.reward, self.render_mode = reward, render_mode
        self.model = mujoco.MjModel.from_xml_path(str(self.XML))
        self.data = mujoco.MjData(self.model)
        self.cameras = Cameras(self.model, cameras, height=height, width=width)
        self.robot = Robot(self.model, self.data, action_mode, tilts=self.TILTS)
        self.variation = Variation(self.model, factors, self.LOOKS, self.SIZES)
        self._owners = [self.model.body(self.owner(name)).id for name in self.keypoint_names]
        self._steps = self._reached_for = 0
        self._condition: dict[str, Any] = {}
        self.action_space = spaces.Box(-1.0, 1.0, (self.robot.action_size,), np.float32)
        self.observation_space: spaces.Dict = self._observation_space()  # type: ignore[assignment]

    # What a task defines ---------------------------------------------------------------------

    @abstractmethod
    def place(self, options: Mapping[str, Any]) -> None:
        """Put objects and goal where `options` say, and elsewhere draw from `self.np_random`."""

    @abstractmethod
    def distance(self) -> float:
        """Return what is left to the goal, in metres."""

    @abstractmethod
    def reached(self) -> bool:
        """Return whether things stand now as the goal wants them."""

    @abstractmethod
    def dense_reward(self) -> float:
        """Return how well things stand, in [0, 1]."""

    @abstractmethod
    def expert(self) -> Move:
        """Return what the scripted expert does now; it sees the simulator's own state."""

    def failed(self) -> bool:
        """Return whether the episode is lost for good (an object fell off the table)."""
        return any(
            point[2] < FALLEN for name, point in self.points().items() if name in self.OBJECTS
        )

    def mark(self, body: str, position: Any) -> None:
        """Put a mocap body at a position, shape (3,) in metres."""
        self.data.mocap_pos[self.model.body(body).mocapid[0]] = position

    def stand(self, body: str, place: np.ndarray, height: float) -> None:
        """Stand a free body at a place (x, y, yaw) in metres and rad, its centre at a height."""
        x, y, yaw = place
        self.data.joint(body).qpos[:3] = (x, y, height)
        self.data.joint(body).qpos[3:] = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))

    def touched_by(self, geoms: np.ndarray) -> np.ndarray:
        """Return the numbers of the geoms that touch one of those of a mask, shape (ngeom,)."""
        pairs = self.data.contact.geom  # (contacts, 2)
        return np.concatenate([pairs[geoms[pairs[:, i]], 1 - i] for i in range(2)])

    def chosen(self, options: Mapping[str, Any], name: str, drawn: Any) -> np.ndarray:
        """Return what `options` fix under a name, or else what was drawn; both of one shape.

        It is kept as part of the initial condition. Raises TaskError for anything else than finite
        numbers of that shape.
        """
        value = _chosen(options, name, drawn)
        self._condition[name] = value.tolist()
        return value

    # Ground truth ----------------------------------------------------------------------------

    @property
    def tip(self) -> np.ndarray:
        """The end effector's position, shape (3,) in metres."""
        return self.robot.tip

    @property
    def goal(self) -> np.ndarray:
        """The (first) goal's position, shape (3,) in metres."""
        return self.data.body(self.GOALS[0]).xpos.copy()

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the points, in the order of `points` and `keypoints`."""
        return ("end_effector", *self.OBJECTS, *self.GOALS)

    def points(self) -> dict[str, np.ndarray]:
        """Return the named points, each (3,) in metres: end effector, objects, goals."""
        names = (*self.OBJECTS, *self.GOALS)
        return {"end_effector": self.tip, **{n: self.data.body(n).xpos.copy() for n in names}}

    def owner(self, name: str) -> str:
        """Return the body that a named point lies on; it and its children do not hide the point."""
        return "tool_hand" if name == "end_effector" else name

    def keypoints(self) -> Any:
        """Return the named points in the image, shape (N, 3) float32: x, y in pixels, visible.

        x points right and y down, (0, 0) is the centre of the top-left pixel. A point is visible
        if it lies within the image and nothing but its own body stands in front of it. With
        several cameras, a dict of such arrays by camera.
        """
        return self.cameras.keypoints(
            self.data, np.array(list(self.points().values())), self._owners
        )

    def condition(self) -> dict[str, Any]:
        """Return the reset options that put things where this episode began, the arm apart."""
        return dict(self._condition)

    def aims(self) -> tuple[Aim, ...]:
        """Return what is to be brought where, for whoever optimises a trajectory.

        None where that alone would not do, and a way has to be shown.
        """
        return ()

    def factors(self) -> dict[str, Any]:
        """Return what was drawn for this episode, by factor (and object)."""
        return dict(self.variation.drawn)

    def success(self) -> bool:
        """Return whether the goal is reached, and has been for `HOLD` seconds."""
        # Reached at n + 1 moments in a row is reached for n steps.
        moments = round(self.HOLD * CONTROL_HZ) + 1 if self.HOLD else 0
        return self.reached() and self._reached_for >= moments

    # Gymnasium -------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options` fixes parts of the initial condition by name."""
        super().reset(seed=seed)
        options = dict(options or {})
        for name in options:
            one_of("reset option", name, ("start", *self.OPTIONS))
        # A child of its own: the same seed places the same things, whichever factors vary.
        self.variation.draw(self.data, self.np_random.spawn(1)[0])
        mujoco.mj_resetData(self.model, self.data)
        self._steps = self._reached_for = 0
        self._condition = {}
        start = self.START + self.np_random.uniform(-START_SPREAD, START_SPREAD, JOINTS)
        self.data.qpos[:JOINTS] = _chosen(options, "start", start)
        _check_within("start", self.data.qpos[:JOINTS], *self.model.jnt_range[:JOINTS].T)
        self.place(options)
        self.variation.move(self.data, 0.0)
        mujoco.mj_forward(self.model, self.data)
        if self.GOAL_LOW:
            _check_within("goal", self.goal_vector(), self.GOAL_LOW, self.GOAL_HIGH)
        return self._observe(), self._info()

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action for 1/20 s."""
        self.robot.apply(action)
        self._steps += 1
        self.variation.move(self.data, self._steps / CONTROL_HZ)
        mujoco.mj_forward(self.model, self.data)  # positions of the state that is returned
        self._reached_for = self._reached_for + 1 if self.reached() else 0
        failed, info = self.failed(), self._info()
        reward = float(info["is_success"] if self.reward == "sparse" else self.dense_reward())
        ended = self._steps >= self.HORIZON
        return self._observe(), 0.0 if failed else reward, failed, ended, info

    def render(self) -> Any:
        """Return the camera's image, uint8 (height, width, 3); of several, a dict by camera."""
        if self.render_mode != "rgb_array":
            gymnasium.logger.warn("render() needs make(..., render_mode='rgb_array')")
            return None
        return self.cameras.render(self.data)

    def close(self) -> None:
        """Free the renderer."""
        self.cameras.close()

    def expert_action(self) -> np.ndarray:
        """Return the scripted expert's action, float32; it acts in Cartesian mode.

        Raises TaskError in another mode.
        """
        if self.robot.action_mode != "cartesian":
            raise TaskError("the scripted expert acts with action_mode='cartesian' alone")
        return self.robot.action(self.expert())

    def goal_vector(self) -> np.ndarray:
        """Return the observation `goal`, within `GOAL_LOW` and `GOAL_HIGH`."""
        return self.goal[: len(self.GOAL_LOW)]

    def _info(self) -> dict[str, Any]:
        return {"is_success": bool(self.success()), "distance": float(self.distance())}

    def _observe(self) -> Observation:
        observation = self.robot.observation()
        if self.GOAL_LOW:
            observation["goal"] = self.goal_vector()
        points = self.points()
        if self.OBJECTS:
            observation["object_position"] = np.concatenate([points[n] for n in self.OBJECTS])
        if self.TURNING:
            turns = [self.data.body(name).xquat for name in self.TURNING]
            observation["object_rotation"] = rotations(turns)
        return bounded(observation, self.observation_space)

    def _observation_space(self) -> spaces.Dict:
        bounds: dict[str, spaces.Space[Any]] = dict(self.robot.spaces())
        if self.GOAL_LOW:
            low, high = np.array([self.GOAL_LOW, self.GOAL_HIGH], np.float32)
            bounds["goal"] = spaces.Box(low, high)
        return spaces.Dict(bounds | object_spaces(len(self.OBJECTS), len(self.TURNING)))


def _chosen(options: Mapping[str, Any], name: str, drawn: Any) -> np.ndarray:
    drawn = np.asarray(drawn, np.float64)
    try:
        value = np.array(options.get(name, drawn), np.float64)
    except (TypeError, ValueError):
        value = np.full(1, np.nan)
    if value.shape != drawn.shape or not np.isfinite(value).all():
        size = " x ".join(map(str, drawn.shape))
        raise TaskError(
            f"reset option '{name}' is {options[name]!r}: it takes {size} finite numbers"
        )
    return value


def _check_within(name: str, value: np.ndarray, low: Any, high: Any) -> None:
    """Raise TaskError for a reset option that lies outside its bounds."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if np.any(value < low - 1e-6) or np.any(value > high + 1e-6):
        raise TaskError(f"reset option '{name}' is {value}: it takes {low} to {high}")
