from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import plane
import pytest
import torch
from stable_baselines3.common.vec_env import VecCheckNan

from dsae import encoders
from dsae.encoder import Encoding
from dsae.encoders import dsae as spatial
from policies.errors import PolicyError
from policies.learner import Problem
from policies.policy import Task
from policies.reinforcement.vector import StateVecEnv
from policies.reinforcement.view import IMAGE, NUMBERS, View
from policies.state import Eye, State

COPIES = 3
WALLS = Task(plane.TASK.id, {"walls": True})
SEEN: dict[str, tuple[str, Callable[[], Eye] | None, bool]] = {
    "oracle": ("oracle", None, False),
    "oracle in motion": ("oracle", None, True),
    "pixels": ("pixels", None, False),
    "features": ("mine", plane.encoder, False),
    "estimated": ("mine", plane.estimator, False),
    "estimated in motion": ("mine", plane.estimator, True),
}


def problem(state: str = "oracle", eye: Eye | None = None, task: Task = WALLS) -> Problem:
    return Problem(task=task, learner="sac", state=state, eye=eye, folder=Path("nowhere"))


def actions(steps: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (steps, COPIES, 2)).astype(np.float32)


def one_by_one(given: Problem, state: State, index: int, taken: np.ndarray) -> list[np.ndarray]:
    """The states of one copy, those that episodes begin with too, in an environment of its own."""
    env, count, states = given.environment(state), 0, []

    def begin() -> np.ndarray:
        nonlocal count
        seed = int(np.random.SeedSequence([11, index, count]).generate_state(1)[0])
        count += 1
        return env.reset(seed=seed)[0]

    states.append(begin())
    for action in taken:
        vector, _, terminated, truncated, _ = env.step(action)
        states.append(vector)
        if terminated or truncated:
            states.append(begin())
    return states


def joined(observation: Any, at: int | None = None) -> np.ndarray:
    """The state vector of an observation, or of one copy's."""
    if isinstance(observation, dict):
        numbers, image = (
            part if at is None else part[at] for part in (observation[NUMBERS], observation[IMAGE])
        )
        assert image.dtype == np.uint8
        return np.concatenate([numbers, np.moveaxis(image, 0, -1).ravel() / np.float32(255)])
    return observation if at is None else observation[at]


@pytest.mark.parametrize("kind", SEEN)
def test_states_are_those_of_each_copy_by_itself(kind: str) -> None:
    name, eye, velocities = SEEN[kind]
    given = problem(name, eye() if eye else None)
    state = given.lay_out(velocities=velocities)
    env = StateVecEnv(given.task, state, COPIES)
    env.seed(11)
    first = env.reset()
    found = [[joined(first, at)] for at in range(COPIES)]
    ends = np.zeros(COPIES, int)
    for step in actions(20):
        seen, _, ended, infos = env.step(step)
        ends += ended
        for at in range(COPIES):
            if ended[at]:
                found[at].append(joined(infos[at]["terminal_observation"]))
            found[at].append(joined(seen, at))
    env.close()
    assert len(set(ends)) > 1, "episodes that end at the same times tell nothing apart"
    for at in range(COPIES):
        alone = one_by_one(given, given.lay_out(velocities=velocities), at, actions(20)[:, at])
        np.testing.assert_allclose(np.stack(found[at]), np.stack(alone), atol=2e-5)


class Counting(spatial.Encoder):
    """Notes how many images it encodes at a time."""

    def features_of(self, images: torch.Tensor) -> Encoding:
        self.__dict__.setdefault("batches", []).append(len(images))
        return super().features_of(images)


def test_each_frame_is_encoded_once_all_of_a_time_together() -> None:
    seen = Counting(encoders.config("dsae"), (plane.HEIGHT, plane.WIDTH, 3))
    given = problem("mine", seen)
    env = StateVecEnv(given.task, given.lay_out(), COPIES)
    env.reset()
    expected = [COPIES]
    for step in actions(12):
        _, _, ended, _ = env.step(step)
        expected += [COPIES, *([int(ended.sum())] if ended.any() else [])]
    env.close()
    assert seen.__dict__["batches"] == expected
    assert len(set(expected)) > 1


def test_an_episode_that_ends_tells_its_last_state_and_why_it_ended() -> None:
    env = StateVecEnv(WALLS, problem().lay_out(), 2)
    env.seed(0)
    first = env.reset()
    pushed = np.array([[1, 0], [0, 0]], np.float32)  # the first dot runs into the wall
    reward = np.zeros(2)
    for _ in range(plane.STEPS):
        states, rewards, ended, infos = env.step(pushed)
        reward += rewards
        if ended[0]:
            break
    assert ended.tolist() == [True, False]
    assert infos[1] == {}
    last = infos[0]["terminal_observation"]
    assert last[0] == 1.0  # at the wall
    np.testing.assert_array_equal(last[1:9], first[0, 1:9])
    assert not np.array_equal(states[0], last)
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[0]["episode"]["r"] == pytest.approx(reward[0])
    assert infos[0]["distance"] == pytest.approx(np.linalg.norm(last[:2] - last[7:9]), rel=1e-5)
    while not ended[1]:
        _, _, ended, infos = env.step(np.zeros((2, 2), np.float32))
    assert infos[1]["TimeLimit.truncated"] is True
    assert infos[1]["episode"]["l"] == plane.STEPS
    np.testing.assert_array_equal(infos[1]["terminal_observation"], first[1])
    env.close()


def test_the_seed_decides_the_episodes() -> None:
    env = StateVecEnv(WALLS, problem().lay_out(), 4)
    env.seed(1)
    one = env.reset()
    env.step(np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(env.reset(), one)
    assert len(np.unique(one[:, 0])) == 4
    env.seed(2)
    assert not np.isin(env.reset()[:, 0], one[:, 0]).any()
    env.close()


@pytest.mark.parametrize("kind", ["oracle", "pixels"])
def test_it_keeps_to_what_sb3_expects(kind: str) -> None:
    env = VecCheckNan(StateVecEnv(WALLS, problem(kind).lay_out(), COPIES), raise_exception=True)
    env.seed(0)
    seen: Any = env.reset()
    for step in actions(20):
        for at in range(COPIES):
            one = {k: v[at] for k, v in seen.items()} if isinstance(seen, dict) else seen[at]
            assert one in env.observation_space
        seen, rewards, ended, infos = env.step(step)
        assert (rewards.shape, rewards.dtype) == ((COPIES,), np.float32)
        assert (ended.shape, ended.dtype) == ((COPIES,), bool)
        assert [bool(info) for info in infos] == ended.tolist()
        for info in infos:
            assert not info or info["terminal_observation"] in env.observation_space
    assert env.get_attr("render_mode") == [None] * COPIES
    env.close()


def test_processes_change_nothing_and_a_dead_one_is_said() -> None:
    states = [problem("mine", plane.estimator()).lay_out() for _ in range(2)]
    envs = [StateVecEnv(WALLS, states[n], COPIES, workers=n + 1) for n in range(2)]
    np.testing.assert_array_equal(*[env.reset() for env in envs])
    for step in actions(12):
        here, away = (env.step(step) for env in envs)
        np.testing.assert_array_equal(here[0], away[0])
        np.testing.assert_array_equal(here[1], away[1])
        np.testing.assert_array_equal(here[2], away[2])
        np.testing.assert_equal(here[3], away[3])
    next(iter(envs[1]._crew._pools[0]._processes.values())).kill()
    with pytest.raises(PolicyError, match="a process that acts in the task died"):
        envs[1].reset()
    for env in envs:
        env.close()


class Switch(plane.Plane):
    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.action_space = gymnasium.spaces.Discrete(2)  # type: ignore[assignment]


gymnasium.register("test/Switch-v0", Switch)


def test_what_cannot_be_learned_in_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"takes Discrete\(2\): actions must be one bounded"):
        StateVecEnv(Task("test/Switch-v0", {}), problem().lay_out(), 2)
    small = State((), image_shape=(30, 64, 3))
    with pytest.raises(PolicyError, match="takes images of 36×36 at least, not 30×64"):
        View.of(small)
    env = StateVecEnv(WALLS, problem().lay_out(), 2)
    env.reset()
    with pytest.raises(PolicyError, match="actions are not finite: lower the learning rate"):
        env.step(np.full((2, 2), np.nan, np.float32))
    env.close()
