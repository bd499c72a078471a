from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from examples import SETTINGS, SIDE, encoder, estimator, reach

from dsae import encoders
from dsae.encoder import Encoding
from dsae.encoders import dsae as spatial
from envs.tasks.reach import Reach
from policies.errors import PolicyError
from policies.state import State
from policies.wrapper import StateObservation


class Counting(spatial.Encoder):
    """Counts the images that it encodes."""

    encoded = 0

    def features_of(self, images: torch.Tensor) -> Encoding:
        self.encoded += len(images)
        return super().features_of(images)


class Drawn(Reach):
    """Counts the frames that it draws."""

    rendered = 0

    def render(self) -> np.ndarray | None:
        self.rendered += 1
        return super().render()


def wrap(env: gymnasium.Env[Any, Any], seen: Any, *, velocities: bool = False) -> StateObservation:
    example = env.reset(seed=0)[0]
    made = State.build(example, name="mine", eye=seen, velocities=velocities)
    return StateObservation(env, made)


def test_each_frame_is_drawn_and_encoded_once() -> None:
    seen = Counting(encoders.config("dsae"), (SIDE, SIDE, 3))
    task = Drawn(height=SIDE, width=SIDE, render_mode="rgb_array")
    env = wrap(task, seen)
    env.reset(seed=3)
    assert (task.rendered, seen.encoded) == (1, 1)
    for step in range(1, 6):
        env.step(np.zeros(3, np.float32))
        assert (task.rendered, seen.encoded) == (1 + step, 1 + step)
    env.close()


def test_state_is_that_of_the_frame_it_belongs_to() -> None:
    seen = encoder()
    env = wrap(reach(), seen)
    state, _ = env.reset(seed=3)
    for _ in range(3):
        frame: Any = env.env.render()
        np.testing.assert_array_equal(env.frames[None], frame)
        features = seen.encode(frame[None]).features[0]
        np.testing.assert_allclose(state[-8:], features, atol=1e-6)
        task: Any = env.unwrapped
        np.testing.assert_allclose(state[:3], task.tip, atol=1e-6)
        np.testing.assert_allclose(state[7:10], task.goal, atol=1e-6)
        state, *_ = env.step(np.ones(3, np.float32))
    env.close()


def test_observation_is_a_float32_vector() -> None:
    env = wrap(reach(), encoder())
    assert env.observation_space == gymnasium.spaces.Box(-np.inf, np.inf, (18,), np.float32)
    assert env.reset(seed=0)[0] in env.observation_space
    for _ in range(5):
        state, *_ = env.step(env.action_space.sample())
        assert state in env.observation_space
    env.close()


def test_without_an_encoder_nothing_is_drawn() -> None:
    task = Drawn(height=SIDE, width=SIDE)
    env = StateObservation(task, State.build(task.reset(seed=0)[0], name="blind"))
    assert env.reset(seed=0)[0].shape == (10,)
    assert task.rendered == 0
    assert env.frames == {}


def test_an_encoder_needs_an_environment_that_renders() -> None:
    env = gymnasium.make("envs:dsae/Reach-v0", **SETTINGS)
    with pytest.raises(PolicyError, match="render_mode='rgb_array'"):
        wrap(env, encoder())


def test_an_estimator_remembers_an_episode_and_forgets_it_with_the_next() -> None:
    seen, task = estimator(), reach()
    env = wrap(task, seen, velocities=True)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (8, 3)).astype(np.float32)
    episodes = []
    for _ in range(2):
        states, frames, observations = [], [], []
        state, _ = env.reset(seed=3)
        for action in actions:
            states.append(state)
            frames.append(env.frames["front"])
            observations.append(task.unwrapped._observe())
            state, *_ = env.step(action)
        episodes.append(np.stack(states))
    np.testing.assert_array_equal(*episodes)
    joined = {k: np.stack([each[k] for each in observations]) for k in observations[0]}
    whole = env.state.episode(joined, np.stack(frames))
    np.testing.assert_allclose(whole, episodes[0], atol=1e-4)
    assert np.abs(whole[1:, -4:]).max() > 0  # velocities
    env.close()


def test_an_estimator_looks_through_its_own_cameras() -> None:
    task = reach(cameras=("side", "front"))
    env = wrap(task, estimator("front", "side"), velocities=True)
    state, _ = env.reset(seed=3)
    frames: Any = task.render()
    first = env.state.estimator.perceptions["front"].see(frames["front"][None]).places[0]
    np.testing.assert_allclose(state[-16:-12], first[[0, 3]].ravel(), atol=1e-6)
    assert not np.allclose(state[-16:-12], state[-8:-4])
    env.close()


def test_an_estimator_needs_the_robot_that_it_was_made_for() -> None:
    observations = {"ee_pose": np.zeros(7), "joint_position": np.zeros(6)}
    message = r"needs the observations joint_position \(7\), joint_velocity \(7\): there is ee_pose"
    with pytest.raises(PolicyError, match=message):
        State.build(observations, name="mine", eye=estimator())


def test_without_velocities_an_estimator_adds_its_places_alone() -> None:
    example = reach().reset(seed=0)[0]
    short, full = (
        State.build(example, name="mine", eye=estimator(), velocities=velocities)
        for velocities in (False, True)
    )
    assert [part.name for part in short.layout] == ["ee_pose", "goal", "front/points"]
    assert {part.name for part in full.layout} == {
        *(part.name for part in short.layout),
        *("joint_position", "joint_velocity", "ee_velocity", "front/point_velocities"),
    }
    for state in (short, full):  # the estimator needs the robot either way
        assert state.observed.keys() >= {"joint_position", "joint_velocity", "ee_pose", "goal"}
