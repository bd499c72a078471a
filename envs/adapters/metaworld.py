"""The fifty tasks of Meta-World (Yu et al., arXiv 1910.10897; McLean et al., arXiv 2505.11289).

A Sawyer arm with a gripper opens drawers, presses buttons, pushes things to goals; 80 Hz, 500
steps. Object, goal or both are placed anew in every episode. Each task has its scripted expert.
"""

import sys
import warnings
from typing import Any, ClassVar

import gymnasium
import metaworld as suite
import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from envs.adapter import Adapter, Observation, no_options
from envs.cameras import one_of
from envs.engine import mujoco

HORIZON = 500  # steps
VERSION = "-v3"
SUITE = {name.removesuffix(VERSION): env for name, env in suite.ALL_V3_ENVIRONMENTS.items()}
NAMES = tuple(sorted(SUITE))

ROBOT = ("right_j", "r_close", "l_close")  # what its joints' names begin with
OBJECT_NAMES = {
    "hammer": ("hammer", "nail"),
    "stick-pull": ("stick", "container"),
    "stick-push": ("stick", "container"),
}
"""Where there is more than one `object`."""
SECOND_BODY = ("coffee-button",)
"""Where the object is not the first body that moves."""
UNTOLD = ("assembly", "box-close", "disassemble", "door-open", "hammer")
"""Where the suite reports a distance of 0, always."""


class MetaWorld(Adapter):
    """A Meta-World task with its shaped reward, 0 to 10.

    As in the suite's own evaluation, `is_success` tells whether the episode has succeeded at any
    step so far: its experts do not stop at the goal.

    The action moves the hand by (x, y, z) and closes the gripper. The cameras `corner` (`front`)
    to `corner4` look at robot and table from the side, `topview` from above, `behindGripper` and
    `gripperPOV` move with the hand.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 80}  # noqa: RUF012
    ARM: ClassVar[tuple[str, ...]] = tuple(f"right_j{i}" for i in range(7))
    HAND: ClassVar[str] = "hand"
    FRONT_CAMERA: ClassVar[str] = "corner"

    def __init__(
        self,
        *,
        task: str,
        **settings: Any,
    ) -> None:
        one_of("task", task, NAMES)
        self._task = task
        self._suite = _unfrozen(task)
        self._policy = ENV_POLICY_MAP[task + VERSION]()
        model, data = self._suite.model, self._suite.data
        super().__init__(model, data, _objects(model, task), **settings)

    @property
    def tip(self) -> np.ndarray:
        """The point between the fingertips, shape (3,) in metres."""
        return self._suite.tcp_center.copy()

    @property
    def goal(self) -> np.ndarray:
        """Where the object, or the hand, shall be; shape (3,) in metres."""
        return np.array(self._suite._target_pos, np.float64)

    def opening(self) -> float:
        """Return how far the fingers are apart, in metres."""
        right, left = self.data.body("rightclaw").xpos, self.data.body("leftclaw").xpos
        return float(np.linalg.norm(right - left))

    def object_positions(self) -> np.ndarray:
        """Return the places at the objects that the suite tells, shape (objects, 3) in metres."""
        return np.array(self._suite._get_pos_objects(), np.float64).reshape(-1, 3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode, which the seed alone decides; TaskError for any option."""
        no_options(options)
        super().reset(seed=seed)
        self._suite.np_random = self.np_random
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        self._suite.reset()
        # The suite moves bodies and looks at where they were; its experts would be misled.
        mujoco.mj_forward(self.model, self.data)
        self._suite._prev_obs = self._suite._get_curr_obs_combined_no_goal()
        self._seen = self._suite._get_obs()
        remembered = dict(vars(self._suite))  # some rewards remember the first state they saw
        _, info = self._suite.evaluate_state(self._seen, np.zeros(4, np.float32))
        vars(self._suite).update(remembered)
        self._solved = False
        return self._observe(), self._info(info)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action for 1/80 s."""
        action = np.clip(np.array(action, np.float32), -1.0, 1.0)
        self._seen, reward, terminated, _, info = self._suite.step(action)
        return self._observe(), float(reward), bool(terminated), False, self._info(info)

    def expert_action(self) -> np.ndarray:
        """Return the action of the suite's scripted policy, shape (4,) float32."""
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            action = self._policy.get_action(self._seen)  # warns where it exceeds [−1, 1]
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _info(self, told: dict[str, Any]) -> dict[str, Any]:
        self._solved |= bool(told["success"])
        info: dict[str, Any] = {"is_success": self._solved}
        if self._task not in UNTOLD:
            info["distance"] = float(told["obj_to_target"])
        return info


def _unfrozen(task: str) -> Any:
    """Return the suite's environment, its placements drawn from its generator at every reset."""
    env = SUITE[task]()
    env._freeze_rand_vec = False
    env.seeded_rand_vec = True
    env._set_task_called = True
    env._partially_observable = False  # the experts are told the goal
    del env.sawyer_observation_space  # it is made again with the goal
    env.max_path_length = sys.maxsize  # Gymnasium's time limit ends the episode
    return env


def _objects(model: mujoco.MjModel, task: str) -> dict[str, int]:
    """Return the task's objects, by name the first body that moves."""
    joints = [model.joint(i) for i in range(model.njnt)]
    moving = [int(j.bodyid[0]) for j in joints if not j.name.startswith(ROBOT)]
    bodies = list(dict.fromkeys(moving))[task in SECOND_BODY :]
    return dict(zip(OBJECT_NAMES.get(task, ("object",)), bodies, strict=False))


for _name in NAMES:
    gymnasium.register(
        id=f"metaworld/{_name}-v0",
        entry_point=f"{__name__}:MetaWorld",
        kwargs={"task": _name},
        max_episode_steps=HORIZON,
    )
