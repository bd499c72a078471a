"""The suites' tasks that the tests take, one environment at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

import envs

FETCH = ("fetch/pick-and-place", "fetch/push", "fetch/reach", "fetch/slide")
METAWORLD = ("metaworld/drawer-open", "metaworld/push", "metaworld/reach")
PUSH = ("fetch/push", "metaworld/push")
"""With a free object on a table, the goal beside it."""


def over(*names: str) -> Callable[[Any], Any]:
    """Run a test for each of these tasks, where `make test-all` has installed their suite."""

    def decorate(test: Any) -> Any:
        return pytest.mark.adapter(pytest.mark.parametrize("name", names)(test))

    return decorate


over_all = over(*FETCH, *METAWORLD)


@contextmanager
def made(name: str, **settings: Any) -> Iterator[gymnasium.Env[Any, Any]]:
    """Make a task that renders, and close it."""
    settings = {"render_mode": "rgb_array", **settings}
    env = gymnasium.make(envs.task_id(name), **settings)
    try:
        yield env
    finally:
        env.close()


def random_actions(seed: int, steps: int) -> np.ndarray:
    """Actions that last for some steps, so that the hand gets about."""
    few = np.random.default_rng(seed).uniform(-1, 1, (steps // 8 + 1, 4))
    return few.repeat(8, axis=0)[:steps].astype(np.float32)


def put_object(env: gymnasium.Env[Any, Any], position: np.ndarray) -> None:
    """Put the free object of a push task at a position, shape (3,) in metres."""
    world: Any = env.unwrapped
    free = np.flatnonzero(world.model.jnt_type == int(mujoco.mjtJoint.mjJNT_FREE))
    start = int(world.model.jnt_qposadr[free[0]])
    world.data.qpos[start : start + 3] = position
    mujoco.mj_forward(world.model, world.data)
