"""The Fetch tasks of gymnasium-robotics (Plappert et al., arXiv 1802.09464).

A Fetch robot reaches for a point, pushes a block to a point on the table, slides a puck to one out
of reach, or picks the block up and puts it to a point on or above the table; 25 Hz, 50 steps.
"""

import contextlib
import io
from typing import Any, ClassVar, Literal, get_args

import gymnasium
import numpy as np

with contextlib.redirect_stderr(io.StringIO()):  # it prints news about hands, in each process
    from gymnasium_robotics.envs.fetch.pick_and_place import MujocoFetchPickAndPlaceEnv
    from gymnasium_robotics.envs.fetch.push import MujocoFetchPushEnv
    from gymnasium_robotics.envs.fetch.reach import MujocoFetchReachEnv
    from gymnasium_robotics.envs.fetch.slide import MujocoFetchSlideEnv

from envs.adapter import Adapter, Observation, no_options
from envs.cameras import one_of
from envs.engine import mujoco

RewardKind = Literal["dense", "sparse"]

HORIZON = 50  # steps
SUITE = {
    "pick-and-place": MujocoFetchPickAndPlaceEnv,
    "push": MujocoFetchPushEnv,
    "reach": MujocoFetchReachEnv,
    "slide": MujocoFetchSlideEnv,
}
NAMES = tuple(SUITE)
CAMERA_SHIFT = {"slide": (0.5, 0.0, 0.3)}
"""Metres (forward, left, up) by which the camera `front` stands back to show the whole table."""


class Fetch(Adapter):
    """A Fetch task; `reward` is "dense", minus the distance in metres, or "sparse", −1 or 0.

    The action moves the hand by (x, y, z) and the fingers, where they can open. The camera `front`
    (`external_camera_0`) looks at the robot over the table, `head_camera_rgb` sits in its head.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    ARM: ClassVar[tuple[str, ...]] = tuple(
        f"robot0:{name}_joint"
        for name in ("shoulder_pan", "shoulder_lift", "upperarm_roll", "elbow_flex",
                     "forearm_roll", "wrist_flex", "wrist_roll")
    )  # fmt: skip
    HAND: ClassVar[str] = "robot0:gripper_link"
    FRONT_CAMERA: ClassVar[str] = "external_camera_0"

    def __init__(
        self,
        *,
        task: str,
        reward: RewardKind = "dense",
        **settings: Any,
    ) -> None:
        one_of("task", task, NAMES)
        one_of("reward", reward, get_args(RewardKind))
        self._suite = SUITE[task](reward_type=reward)
        model, data = self._suite.model, self._suite.data
        model.cam(self.FRONT_CAMERA).pos += CAMERA_SHIFT.get(task, (0.0, 0.0, 0.0))
        objects = {"object": model.body("object0").id} if self._suite.has_object else {}
        super().__init__(model, data, objects, **settings)

    @property
    def tip(self) -> np.ndarray:
        """The point between the fingers, shape (3,) in metres."""
        return self.data.site("robot0:grip").xpos.copy()

    @property
    def goal(self) -> np.ndarray:
        """The goal's position, shape (3,) in metres."""
        return self._suite.goal.copy()

    def opening(self) -> float | None:
        """Return how far the fingers are apart, in metres, None if they are blocked."""
        if self._suite.block_gripper:
            return None
        return sum(self.data.joint(f"robot0:{side}_gripper_finger_joint").qpos[0] for side in "lr")

    def object_positions(self) -> np.ndarray:
        """Return the block's or puck's position, shape (1, 3) in metres; (0, 3) for reach."""
        positions = [self.data.xpos[body] for body in self._objects.values()]
        return np.reshape(positions, (-1, 3))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode, which the seed alone decides; TaskError for any option."""
        no_options(options)
        super().reset(seed=seed)
        self._suite.np_random = self.np_random
        observation, _ = self._suite.reset()
        # The suite marks the goal only while it draws, with a pass of the physics that would show
        # in the episode.
        mark = self.model.site("target0")
        mark.pos = self.goal - self.data.xpos[mark.bodyid[0]]
        mujoco.mj_forward(self.model, self.data)
        return self._observe(), self._info(observation)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action for 1/25 s."""
        action = np.array(action, np.float64)
        observation, reward, terminated, truncated, _ = self._suite.step(action)
        info = self._info(observation)
        return self._observe(), float(reward), bool(terminated), bool(truncated), info

    def _info(self, observation: dict[str, np.ndarray]) -> dict[str, Any]:
        achieved, goal = observation["achieved_goal"], observation["desired_goal"]
        return {
            "is_success": bool(self._suite._is_success(achieved, goal)),
            "distance": float(np.linalg.norm(achieved - goal)),
        }


for _name in NAMES:
    gymnasium.register(
        id=f"fetch/{_name}-v0",
        entry_point=f"{__name__}:Fetch",
        kwargs={"task": _name},
        max_episode_steps=HORIZON,
    )
