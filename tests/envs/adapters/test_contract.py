"""What our own tasks keep to, the adapted ones keep to."""

import re
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from suites import FETCH, METAWORLD, made, over, over_all, random_actions

import envs
from envs.errors import TaskError

CONSTANT = {
    "fetch/push": {"goal": [2]},  # metres above the floor: the table's height
    "fetch/slide": {"goal": [2]},
    "metaworld/push": {"goal": [2]},
    "metaworld/drawer-open": {"goal": [1, 2], "object_position": [2]},  # it is shifted in x alone
}


@over_all
def test_gymnasiums_and_sb3s_checkers_find_nothing(name: str) -> None:
    with made(name) as env, warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_for_sb3(env.unwrapped)


@over_all
def test_a_seed_gives_the_same_bytes_whatever_came_before(name: str) -> None:
    runs = []
    with made(name) as fresh, made(name) as used:
        used.reset(seed=1)
        for action in random_actions(1, 40):
            used.step(action)
        used.render()
        for env in (fresh, used):
            observation, info = env.reset(seed=11)
            seen = [value.tobytes() for value in observation.values()] + [repr(info).encode()]
            for action in random_actions(7, 25):
                observation, *rest = env.step(action)
                seen += [value.tobytes() for value in observation.values()]
                seen += [repr(rest).encode(), np.asarray(env.render()).tobytes()]
            seen.append(env.get_wrapper_attr("keypoints")().tobytes())
            runs.append(seen)
    assert runs[0] == runs[1]


@over_all
def test_drawing_changes_nothing(name: str) -> None:
    with made(name) as seen, made(name, render_mode=None) as unseen:
        for env in (seen, unseen):
            env.reset(seed=2)
        for action in random_actions(0, 20):
            seen.render()
            seen.get_wrapper_attr("keypoints")()
            first, second = seen.step(action)[0], unseen.step(action)[0]
            for key in first:
                np.testing.assert_array_equal(first[key], second[key])


@over_all
def test_other_seeds_give_other_episodes(name: str) -> None:
    with made(name) as env:
        goals = {env.reset(seed=seed)[0]["goal"].tobytes() for seed in range(5)}
        frames = {np.asarray(env.render()).tobytes() for seed in range(5) if env.reset(seed=seed)}
    assert len(goals) == len(frames) == 5


@over_all
def test_observations_and_frames_share_no_memory(name: str) -> None:
    with made(name) as env:
        world: Any = env.unwrapped
        arrays = [*env.reset(seed=0)[0].values(), env.render()]
        for action in random_actions(0, 3):
            arrays += [*env.step(action)[0].values(), env.render()]
            arrays += [world.keypoints(), *world.points().values()]
        arrays += [world.data.xpos, world.data.site_xpos, world.data.qpos]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])


def towards_the_object(observation: dict[str, np.ndarray]) -> np.ndarray:
    """The hand's way to the object, and into it; to the goal where there is none."""
    target = observation.get("object_position", observation["goal"])
    way = 10 * (target - observation["ee_pose"][:3])
    return np.append(np.clip(way, -1, 1), 0).astype(np.float32)


@over_all
def test_no_observation_is_constant(name: str) -> None:
    seen: dict[str, list[np.ndarray]] = {}
    with made(name, render_mode=None) as env:
        expert = getattr(env.unwrapped, "expert_action", None)
        for seed in range(4):
            observations = [env.reset(seed=seed)[0]]
            for action in random_actions(seed, 20):
                observations.append(env.step(action)[0])
            for _ in range(100 if expert else 30):
                action = expert() if expert else towards_the_object(observations[-1])
                observations.append(env.step(action)[0])
            for observation in observations:
                for key, value in observation.items():
                    seen.setdefault(key, []).append(value)
    for key, values in seen.items():
        constant = np.flatnonzero(np.ptp(values, axis=0) == 0).tolist()
        assert constant == CONSTANT.get(name, {}).get(key, []), key


@over_all
def test_steps_stay_in_the_spaces_and_end_with_the_horizon(name: str) -> None:
    horizon = 50 if name in FETCH else 500
    with made(name, render_mode=None) as env:
        assert env.spec is not None
        assert env.spec.max_episode_steps == horizon
        env.reset(seed=3)
        for number, action in enumerate(random_actions(3, horizon), start=1):
            observation, reward, terminated, truncated, info = env.step(action)
            assert env.observation_space.contains(observation)
            assert type(reward) is float
            assert type(info["is_success"]) is bool
            assert type(info["distance"]) is float
            assert (terminated, truncated) == (False, number == horizon)
        for _ in range(3):  # who goes on without the time limit may
            env.unwrapped.step(action)


@over_all
def test_observations_tell_of_the_points(name: str) -> None:
    with made(name, render_mode=None) as env:
        world: Any = env.unwrapped
        observation, _ = env.reset(seed=1)
        points = world.points()
        assert tuple(points) == world.keypoint_names
        assert world.keypoint_names[0] == "end_effector"
        assert world.keypoint_names[-1] == "goal"
        assert world.keypoints().shape == (len(points), 3)
        assert world.keypoints().dtype == np.float32
        np.testing.assert_allclose(observation["ee_pose"][:3], points["end_effector"], atol=1e-6)
        assert np.linalg.norm(observation["ee_pose"][3:]) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(observation["goal"], points["goal"], atol=1e-6)
        objects = [points[key] for key in world.keypoint_names[1:-1]]
        told = observation.get("object_position", np.zeros(0)).reshape(-1, 3)
        np.testing.assert_allclose(told, np.reshape(objects, (-1, 3)), atol=1e-6)
        for rotation in observation.get("object_rotation", np.zeros(0)).reshape(-1, 4):
            assert rotation[0] >= 0
            assert np.linalg.norm(rotation) == pytest.approx(1, abs=1e-5)


@over_all
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cameras": ["nose"]}, "unknown camera 'nose': choose from front, "),
        ({"cameras": "front"}, "cameras is 'front': it takes a list of names: "),
        ({"cameras": ()}, "cameras is (): it takes a list of names: "),
        ({"rendering": "slow"}, "unknown rendering 'slow': choose from fast, default"),
        ({"render_mode": "human"}, "unknown render_mode 'human'"),
        ({"width": 7}, "width is 7: it takes a whole number of 8 to 2048"),
        ({"task": "nap"}, "unknown task 'nap': choose from "),
    ],
)
def test_a_bad_argument_is_answered_with_what_is_allowed(
    name: str, setting: dict[str, Any], message: str
) -> None:
    entry = gymnasium.spec(envs.task_id(name).partition(":")[2]).entry_point
    make = gymnasium.envs.registration.load_env_creator(entry)
    with pytest.raises(TaskError, match=re.escape(message)) as caught:
        make(**{"task": name.partition("/")[2], **setting})
    assert "\n" not in str(caught.value)


@over(FETCH[0], METAWORLD[0])
def test_an_unknown_task_is_answered_with_the_suites(name: str) -> None:
    adapter = name.partition("/")[0]
    assert name in envs.adapted(adapter)
    with pytest.raises(TaskError, match=f"unknown task '{adapter}/nap': the tasks of") as caught:
        envs.task_id(f"{adapter}/nap")
    assert all(known in str(caught.value) for known in envs.adapted(adapter))


@over(FETCH[1], METAWORLD[1])
def test_every_way_to_name_a_task_gives_the_same_id(name: str) -> None:
    adapter = name.partition("/")[0]
    whole = f"envs.adapters.{adapter}:{name}-v0"
    assert {envs.task_id(each) for each in (name, f"{name}-v0", whole)} == {whole}


def make_of(name: str) -> Any:
    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make(envs.task_id(name), render_mode="rgb_array", width=24, height=16)

    return make


def trace(vector: Any) -> list[np.ndarray]:
    """What two environments return over a few steps, frames included."""
    observation, _ = vector.reset(seed=[3, 4])
    seen = list(observation.values())
    for action in random_actions(0, 4):
        observation, reward, *_ = vector.step(np.stack([action, -action]))
        seen += [value.copy() for value in observation.values()] + [reward]
    seen.append(np.stack(vector.call("render")))
    vector.close()
    return seen


@over(FETCH[1], METAWORLD[0])
def test_spawned_environments_do_what_those_in_this_process_do(name: str) -> None:
    here = trace(SyncVectorEnv([make_of(name)] * 2))
    spawned = trace(AsyncVectorEnv([make_of(name)] * 2, context="spawn"))
    for one, other in zip(here, spawned, strict=True):
        np.testing.assert_array_equal(one, other)
    assert here[-1].shape == (2, 16, 24, 3)
    assert not np.array_equal(here[-1][0], here[-1][1])
