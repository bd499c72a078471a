"""Copies of a task as one vector environment of Stable-Baselines3, observed as the state."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from policies.errors import PolicyError
from policies.policy import Task
from policies.reinforcement.crew import Crew
from policies.reinforcement.view import Observation, View
from policies.state import State


class StateVecEnv(VecEnv):
    """Steps N copies of a task, and makes the states of all of them at once, in this process.

    Each frame goes through the encoder exactly once, and the frames of one time as one batch. By
    SB3's convention an episode that ends is followed by the next within the same step: `infos` then
    hold its last observation (`terminal_observation`), whether only the time was up
    (`TimeLimit.truncated`), and of the whole episode `episode` (return `r` and length `l`),
    `is_success` and `distance` (metres, NaN where the task does not say).

    Every `reset` begins anew from the seed that `seed` was last called with: the same episodes
    come again.

    Args:
        task: what is copied.
        state: what is made of observations and frames; it remembers all copies.
        copies: N.
        workers: processes among which they are divided; 1 is this process.
    """

    def __init__(self, task: Task, state: State, copies: int, *, workers: int = 1) -> None:
        self._state, self._view = state, View.of(state)
        self._crew = Crew(task, list(state.image_shapes), copies, workers)
        self._seed = 0
        self._returns, self._lengths = np.zeros(copies), np.zeros(copies, int)
        try:
            super().__init__(copies, self._view.space, _checked(self._crew.action_space, task))
        except BaseException:
            self.close()
            raise

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set what the episodes from the next `reset` on follow from."""
        self._seed = seed or 0
        return [self._seed] * self.num_envs

    def reset(self) -> Observation:
        """Begin an episode in every copy."""
        self._state.reset()
        self._returns[:], self._lengths[:] = 0, 0
        return self._view.split(self._states(self._crew.reset(self._seed)))

    def step_async(self, actions: np.ndarray) -> None:
        """Let every copy take its action, (N, A) in all; PolicyError if one is not finite."""
        if not np.isfinite(actions).all():
            raise PolicyError("the policy's actions are not finite: lower the learning rate")
        self._crew.begin(actions)

    def step_wait(self) -> tuple[Observation, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Return the next observations, rewards (N,), which episodes ended (N,), and infos."""
        moved = self._crew.finish()
        rewards = np.array([move.reward for move in moved], np.float32)
        ended = np.array([move.begun is not None for move in moved])
        self._returns += rewards
        self._lengths += 1
        states = self._states([move.seen for move in moved])
        infos: list[dict[str, Any]] = [{} for _ in moved]
        for number in np.flatnonzero(ended):
            move = moved[number]
            infos[number] = {
                "terminal_observation": self._view.split(states[number].copy()),
                "TimeLimit.truncated": move.truncated and not move.terminated,
                "episode": {"r": float(self._returns[number]), "l": int(self._lengths[number])},
                "is_success": bool(move.info.get("is_success", False)),
                "distance": float(move.info.get("distance", math.nan)),
            }
        if ended.any():
            self._state.reset(ended)
            self._returns[ended], self._lengths[ended] = 0, 0
            states[ended] = self._states([move.begun for move in moved if move.begun], ended)
        return self._view.split(states), rewards, ended, infos

    def close(self) -> None:
        """End the processes; the state forgets the copies."""
        self._crew.close()
        self._state.reset()

    def _states(self, seen: Sequence[Any], which: np.ndarray | None = None) -> np.ndarray:
        observations = _stacked([each.observation for each in seen])
        return self._state.vectors(observations, _stacked([each.frames for each in seen]), which)

    # SB3 asks for these; nothing here needs more of them.

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return what SB3 asks for: nothing is drawn through it."""
        if attr_name != "render_mode":
            raise AttributeError(attr_name)
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the copies are the task as it is."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **named: Any) -> Any:
        """Refuse: the copies are the task as it is."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return that they are not, in anything of SB3's."""
        return [False] * self.num_envs


def _stacked(each: Sequence[dict[Any, np.ndarray]]) -> dict[Any, np.ndarray]:
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def _checked(space: Any, task: Task) -> spaces.Box:
    """Return an action space that can be learned in; PolicyError for another."""
    if not isinstance(space, spaces.Box) or not space.is_bounded() or len(space.shape) != 1:
        raise PolicyError(f"{task.id} takes {space}: actions must be one bounded vector")
    return space
