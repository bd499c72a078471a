"""Copies of a task in one process: they are stepped, drawn and, where an episode ends, reset."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from policies import evaluation
from policies.policy import Task
from policies.wrapper import frames_of, parts_of


class Seen(NamedTuple):
    """What one copy shows at one time."""

    observation: dict[str, np.ndarray]
    """(D,) by name."""
    frames: dict[str | None, np.ndarray]
    """uint8 (H, W, C) by camera, of those that the state looks through."""


class Moved(NamedTuple):
    """What a step of one copy led to."""

    seen: Seen
    """After the step; the last of its episode, where that ended."""
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]
    begun: Seen | None
    """The first of the next episode, where one ended."""


class Copies:
    """Those copies whose numbers are `indices`.

    An episode begins from a seed that follows from the seed of the last `reset`, the copy's number
    and how many episodes it has begun since: not from which process the copy is in.

    Args:
        task: what they are copies of.
        cameras: through which the state looks; None is the task's own.
        indices: numbers of the copies.
    """

    def __init__(self, task: Task, cameras: Sequence[str | None], indices: Sequence[int]) -> None:
        self._task, self._cameras, self._indices = task, tuple(cameras), tuple(indices)
        self._envs = [evaluation.make_task(task, render=bool(cameras)) for _ in indices]
        self._seed = 0
        self._begun = [0] * len(self._envs)

    @property
    def action_space(self) -> Any:
        """Of one copy."""
        return self._envs[0].action_space

    def reset(self, seed: int) -> list[Seen]:
        """Begin an episode in every copy."""
        self._seed = seed
        self._begun = [0] * len(self._envs)
        return [self._begin(place) for place in range(len(self._envs))]

    def step(self, actions: np.ndarray) -> list[Moved]:
        """Take one action (A,) in each copy; where an episode ends, the next one begins at once."""
        moved = []
        for place, (env, action) in enumerate(zip(self._envs, actions, strict=True)):
            observation, reward, terminated, truncated, info = env.step(action)
            seen = self._see(place, observation)
            begun = self._begin(place) if terminated or truncated else None
            moved.append(Moved(seen, float(reward), terminated, truncated, info, begun))
        return moved

    def close(self) -> None:
        """Free their renderers."""
        for env in self._envs:
            env.close()

    def _begin(self, place: int) -> Seen:
        entropy = [self._seed, self._indices[place], self._begun[place]]
        self._begun[place] += 1
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        observation, _ = self._envs[place].reset(seed=seed)
        return self._see(place, observation)

    def _see(self, place: int, observation: Any) -> Seen:
        frames = frames_of(self._envs[place], self._cameras, self._task.camera)
        # Copies: an environment may write into the same memory again.
        parts = {name: np.array(value) for name, value in parts_of(observation).items()}
        return Seen(parts, {camera: frame.copy() for camera, frame in frames.items()})
