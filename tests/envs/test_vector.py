from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import envs


def make(name: str) -> gymnasium.Env:  # type: ignore[type-arg]
    return gymnasium.make(envs.task_id(name), render_mode="rgb_array")


def trace(vector: gymnasium.vector.VectorEnv) -> list[np.ndarray]:  # type: ignore[type-arg]
    """What two environments return over a few steps, frames included."""
    observation, _ = vector.reset(seed=[3, 4])
    seen = list(observation.values())
    rng = np.random.default_rng(0)
    for _ in range(4):
        actions = rng.uniform(-1, 1, vector.action_space.shape or ()).astype(np.float32)
        observation, reward, *_ = vector.step(actions)
        seen += [value.copy() for value in observation.values()] + [reward]
    seen.append(np.stack(vector.call("render")))
    vector.close()
    return seen


@pytest.mark.parametrize("name", envs.names())
def test_spawned_environments_do_what_those_in_this_process_do(name: str) -> None:
    makers = [partial(make, name)] * 2
    here = trace(SyncVectorEnv(makers))
    spawned = trace(AsyncVectorEnv(makers, context="spawn"))
    assert len(here) == len(spawned)
    for one, other in zip(here, spawned, strict=True):
        np.testing.assert_array_equal(one, other)
    assert here[-1].shape == (2, 64, 64, 3)
    assert not np.array_equal(here[-1][0], here[-1][1])


@pytest.mark.parametrize("name", envs.names())
def test_make_vec_knows_every_task(name: str) -> None:
    vector = gymnasium.make_vec(envs.task_id(name), num_envs=2, vectorization_mode="sync")
    observation, _ = vector.reset(seed=0)
    assert len({place.tobytes() for place in observation["joint_position"]}) == 2
    vector.close()
