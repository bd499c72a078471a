"""All fifty Meta-World tasks: they reset, step and are solved by the suite's own policies."""

from typing import Any

import numpy as np
import pytest
from suites import METAWORLD, made, over, random_actions

import envs

pytestmark = pytest.mark.adapter


def test_all_fifty_tasks_are_there() -> None:
    names = envs.adapted("metaworld")
    assert len(names) == 50
    assert set(METAWORLD) < set(names)


@pytest.fixture(scope="module")
def names() -> tuple[str, ...]:
    return envs.adapted("metaworld")


@pytest.mark.parametrize("number", range(50))
def test_metaworlds_every_task_is_whole(number: int, names: tuple[str, ...]) -> None:
    name = names[number]
    runs: list[list[bytes]] = []
    with made(name) as env:
        world: Any = env.unwrapped
        for seed in (3, 4, 3):  # the last must not remember the others
            observation, _ = env.reset(seed=seed)
            runs.append([value.tobytes() for value in observation.values()])
            for action in (*random_actions(0, 16), *[None] * 16):
                action = world.expert_action() if action is None else action
                assert env.action_space.contains(action)
                observation, reward, *_, info = env.step(action)
                assert env.observation_space.contains(observation), name
                assert np.isfinite([reward, info.get("distance", 0.0)]).all()
                runs[-1] += [value.tobytes() for value in observation.values()]
            runs[-1] += [np.asarray(env.render()).tobytes(), world.keypoints().tobytes()]
        inside = world.keypoints()[:, :2]
        assert tuple(world.points()) == world.keypoint_names, name
    assert runs[0] == runs[2], name
    assert runs[0][0] != runs[1][0] or runs[0] != runs[1], name
    assert (inside > -0.5).all(), name
    assert (inside < 63.5).all(), name


@over(*METAWORLD)
def test_the_suites_policy_solves_the_task(name: str) -> None:
    solved = 0
    with made(name, render_mode=None) as env:
        for seed in range(100, 120):
            env.reset(seed=seed)
            truncated = False
            while not truncated:
                result = env.step(env.unwrapped.expert_action())  # type: ignore[attr-defined]
                truncated = result[3] or result[4]["is_success"]
            solved += result[4]["is_success"]
    assert solved >= 18


@over(*METAWORLD)
def test_a_solved_episode_stays_solved_and_the_next_begins_unsolved(name: str) -> None:
    with made(name, render_mode=None) as env:
        _, info = env.reset(seed=100)
        told = [info["is_success"]]
        truncated = False
        while not truncated:
            action = env.get_wrapper_attr("expert_action")()
            _, _, _, truncated, info = env.step(action)
            told.append(info["is_success"])
        assert told == sorted(told)  # False, then True
        assert (told[0], told[-1]) == (False, True)
        assert env.reset(seed=101)[1]["is_success"] is False


@over(*METAWORLD)
def test_the_policys_advice_changes_nothing(name: str) -> None:
    with made(name, render_mode=None) as asked, made(name, render_mode=None) as unasked:
        asked.reset(seed=0)
        unasked.reset(seed=0)
        for action in random_actions(0, 10):
            assert asked.get_wrapper_attr("expert_action")().dtype == np.float32
            first, second = asked.step(action)[0], unasked.step(action)[0]
            for key in first:
                np.testing.assert_array_equal(first[key], second[key])
