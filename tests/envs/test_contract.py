"""What every task keeps to: all that are found in `envs/tasks` take part by themselves."""

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

import envs
from envs.task import Task

NOISE = 1e-4  # spread of an observation that nothing but rounding and contact noise moves
# What keeps its height and its tilt unless it is tipped over: (x, y, z) of each, quaternions.
STILL = {
    ("push", "object_position"): {2},
    ("push", "object_rotation"): {1, 2},
    ("lift_block", "object_position"): {2},
    ("lift_block", "object_rotation"): {1, 2},
    ("arrange_toys", "object_position"): {2, 5},
    ("arrange_toys", "object_rotation"): {1, 2, 5, 6},
}

every_task = pytest.mark.parametrize("name", envs.names())
every_mode = pytest.mark.parametrize("mode", ["cartesian", "torque"])


def make(name: str, **settings: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(envs.task_id(name), **settings)


def task_of(env: gymnasium.Env[Any, Any]) -> Task:
    assert isinstance(env.unwrapped, Task)
    return env.unwrapped


def walk(env: gymnasium.Env[Any, Any], seed: int, steps: int) -> Iterator[tuple[Any, ...]]:
    """Yield the results of random steps, beginning new episodes where one ends."""
    rng = np.random.default_rng(seed)
    assert env.action_space.shape is not None
    env.reset(seed=seed)
    for _ in range(steps):
        result = env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        yield result
        if result[2] or result[3]:
            env.reset()


@every_task
@every_mode
def test_gymnasiums_and_sb3s_checkers_find_nothing(name: str, mode: str) -> None:
    env = make(name, action_mode=mode, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_for_sb3(env.unwrapped)
    env.close()


@every_task
@every_mode
def test_a_seed_gives_the_same_bytes_of_state_and_image(name: str, mode: str) -> None:
    runs = []
    for env in [make(name, action_mode=mode, render_mode="rgb_array") for _ in range(2)]:
        bytes_ = [value.tobytes() for value in env.reset(seed=11)[0].values()]
        for observation, *rest in walk(env, seed=7, steps=25):
            bytes_ += [value.tobytes() for value in observation.values()]
            bytes_ += [repr(rest).encode(), np.asarray(env.render()).tobytes()]
        bytes_.append(task_of(env).keypoints().tobytes())
        runs.append(bytes_)
        env.close()
    assert runs[0] == runs[1]


@every_task
def test_an_episode_does_not_remember_the_one_before(name: str) -> None:
    fresh, used = make(name), make(name)
    for _ in walk(used, seed=1, steps=30):
        pass
    for _ in range(2):
        first, second = fresh.reset(seed=3)[0], used.reset(seed=3)[0]
        action = np.full(task_of(fresh).robot.action_size, 0.4, np.float32)
        for _ in range(5):
            for key in first:
                np.testing.assert_array_equal(first[key], second[key])
            first, second = fresh.step(action)[0], used.step(action)[0]


@every_task
def test_observations_and_frames_share_no_memory(name: str) -> None:
    env = make(name, render_mode="rgb_array")
    arrays = [*env.reset(seed=0)[0].values(), np.asarray(env.render())]
    for observation, *_ in walk(env, seed=0, steps=3):
        arrays += [*observation.values(), np.asarray(env.render())]
    arrays.append(task_of(env).keypoints())
    arrays += task_of(env).points().values()
    env.close()
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])


@every_task
@every_mode
def test_no_observation_is_constant(name: str, mode: str) -> None:
    env = make(name, action_mode=mode)
    seen: dict[str, list[np.ndarray]] = {}
    for seed in range(4):
        observations = [env.reset(seed=seed)[0]]
        observations += [step[0] for step in walk(env, seed, steps=40)]
        for observation in observations:
            for key, value in observation.items():
                seen.setdefault(key, []).append(value)
    for key, values in seen.items():
        spread = np.ptp(values, axis=0)
        assert (spread > 0).all(), key
        still = {int(i) for i in np.flatnonzero(spread < NOISE)}
        assert still <= STILL.get((name, key), set()), key


@every_task
def test_everything_in_the_model_has_a_name(name: str) -> None:
    model = task_of(make(name)).model
    kinds = {
        mujoco.mjtObj.mjOBJ_GEOM: model.ngeom,
        mujoco.mjtObj.mjOBJ_BODY: model.nbody,
        mujoco.mjtObj.mjOBJ_JOINT: model.njnt,
        mujoco.mjtObj.mjOBJ_ACTUATOR: model.nu,
        mujoco.mjtObj.mjOBJ_CAMERA: model.ncam,
        mujoco.mjtObj.mjOBJ_LIGHT: model.nlight,
        mujoco.mjtObj.mjOBJ_SITE: model.nsite,
    }
    for kind, count in kinds.items():
        names = [mujoco.mj_id2name(model, int(kind), index) for index in range(count)]
        assert all(names), (kind, names)
    assert (model.actuator_ctrllimited == 1).all()


@every_task
def test_points_keypoints_and_names_belong_together(name: str) -> None:
    env = make(name)
    env.reset(seed=0)
    task = task_of(env)
    assert tuple(task.points()) == task.keypoint_names
    assert task.keypoint_names[0] == "end_effector"
    assert task.keypoint_names[1:] == (*task.OBJECTS, *task.GOALS)
    assert len(set(task.keypoint_names)) == len(task.keypoint_names)
    assert task.keypoints().shape == (len(task.keypoint_names), 3)
    assert task.keypoints().dtype == np.float32
    observation = env.reset(seed=1)[0]
    points = task.points()
    np.testing.assert_allclose(observation["ee_pose"][:3], points["end_effector"], atol=1e-6)
    for index, body in enumerate(task.OBJECTS):
        position = observation["object_position"][3 * index : 3 * index + 3]
        np.testing.assert_allclose(position, points[body], atol=1e-6)
    for index in range(len(task.TURNING)):
        turn = observation["object_rotation"][4 * index : 4 * index + 4]
        assert np.linalg.norm(turn) == pytest.approx(1, abs=1e-5)
    assert ("goal" in observation) == bool(task.GOAL_LOW)


@every_task
@every_mode
@pytest.mark.parametrize("steps", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_actions_never_leave_the_spaces(name: str, mode: str, steps: int) -> None:
    env = make(name, action_mode=mode)
    for observation, reward, _, _, info in walk(env, seed=0, steps=steps):
        assert env.observation_space.contains(observation)
        assert type(reward) is float
        assert 0 <= reward <= 1
        assert np.isfinite(info["distance"])
        # MuJoCo found nothing unstable; it would start afresh, and a reset forgets the warning.
        assert not task_of(env).data.warning.number.any()


@every_task
def test_sparse_reward_is_the_success(name: str) -> None:
    env = make(name, reward="sparse")
    task = task_of(env)
    rewards = set()
    for seed in range(3):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, reward, terminated, ended, info = env.step(task.expert_action())
            assert not terminated
            assert type(reward) is float
            assert reward == float(info["is_success"])
            rewards.add(reward)
    assert rewards == {0.0, 1.0}


@every_task
def test_dense_reward_rises_towards_the_goal(name: str) -> None:
    env = make(name)
    _, info = env.reset(seed=0)
    rewards, distances = [], [info["distance"]]
    for step in range(task_of(env).HORIZON):
        _, reward, _, truncated, info = env.step(task_of(env).expert_action())
        rewards.append(reward)
        distances.append(info["distance"])
        assert truncated == (step == task_of(env).HORIZON - 1)
    assert distances[-1] < 0.5 * distances[0]
    assert rewards[-1] > 0.8 > rewards[0]
