"""What is Fetch's own."""

import re
from typing import Any

import gymnasium
import numpy as np
import pytest
from suites import FETCH, made, over, random_actions

import envs
from envs.errors import TaskError


@over(FETCH[0])
def test_all_four_tasks_are_there(name: str) -> None:
    assert envs.adapted("fetch") == FETCH


@over(*FETCH)
def test_rewards_are_the_distance_or_the_failure(name: str) -> None:
    with made(name, reward="dense") as dense, made(name, reward="sparse") as sparse:
        dense.reset(seed=0)
        sparse.reset(seed=0)
        for action in random_actions(0, 20):
            _, reward, *_, info = dense.step(action)
            assert reward == pytest.approx(-info["distance"])
            _, reward, *_, info = sparse.step(action)
            assert reward == (0.0 if info["is_success"] else -1.0)
            assert info["is_success"] == (info["distance"] < 0.05)
    with pytest.raises(TaskError, match=re.escape("unknown reward 'kind': choose from dense, spa")):
        made(name, reward="kind").__enter__()


@over(*FETCH)
def test_an_episode_is_the_suites_own(name: str) -> None:
    title = "".join(part.capitalize() for part in name.partition("/")[2].split("-"))
    with made(name, render_mode=None) as env:  # which makes the suite register its ids, too
        world: Any = env.unwrapped
        theirs = gymnasium.make(f"Fetch{title}Dense-v4")
        observation, _ = env.reset(seed=5)
        other, _ = theirs.reset(seed=5)
        for action in random_actions(0, 30):
            np.testing.assert_allclose(observation["goal"], other["desired_goal"], atol=1e-6)
            achieved = world.points()[world.keypoint_names[-2]]
            np.testing.assert_allclose(achieved, other["achieved_goal"], atol=1e-3)
            observation, *_ = env.step(action)
            other, *_ = theirs.step(action)
        theirs.close()


@over(*FETCH)
def test_there_is_no_scripted_expert(name: str) -> None:
    with made(name, render_mode=None) as env:
        assert not hasattr(env.unwrapped, "expert_action")
