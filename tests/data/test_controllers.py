import pickle

import gymnasium
import numpy as np
import pytest
from toy_env import Bare, Toy

from data.controllers import CorrelatedNoise, ExpertController, RandomController, by_name
from data.errors import DataError


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_noise_is_a_stationary_autoregression(correlation: float) -> None:
    noise = CorrelatedNoise(200, correlation, np.random.default_rng(0))
    values = np.stack([noise.sample() for _ in range(500)])  # (time, size)
    # Also the first step has variance 1: there is no calm beginning.
    assert values[0].std() == pytest.approx(1, abs=0.15)
    assert values.mean() == pytest.approx(0, abs=0.05)
    assert values.std() == pytest.approx(1, abs=0.02)
    for lag in (1, 2, 5):
        measured = (values[lag:] * values[:-lag]).mean()
        assert measured == pytest.approx(correlation**lag, abs=0.03)


def test_noise_refuses_to_explode() -> None:
    with pytest.raises(DataError, match="below 1, not 1"):
        CorrelatedNoise(2, 1.0, np.random.default_rng(0))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_random_actions_are_uniform_over_the_box(correlation: float) -> None:
    env = Toy()
    env.action_space = gymnasium.spaces.Box(np.float32([-1, 0]), np.float32([1, 10]))
    controller = RandomController(correlation)
    controller.reset(env, seed=0)
    actions = np.stack([controller.act(None).executed for _ in range(20_000)])
    assert actions.dtype == np.float32
    for column, low, high in ((actions[:, 0], -1, 1), (actions[:, 1], 0, 10)):
        shares, _ = np.histogram(column, bins=4, range=(low, high))
        assert shares.sum() == len(column)
        np.testing.assert_allclose(shares / len(column), 0.25, atol=0.04)


def test_random_actions_follow_the_seed() -> None:
    controller = RandomController()
    runs = []
    for seed in (1, 1, 2):
        controller.reset(Toy(), seed)
        runs.append(np.stack([controller.act(None).executed for _ in range(5)]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_expert_without_noise_does_what_it_means() -> None:
    env = Toy()
    observation, _ = env.reset(seed=0)
    controller = ExpertController()
    controller.reset(env, 0)
    command = controller.act(observation)
    np.testing.assert_array_equal(command.executed, command.intended)
    np.testing.assert_allclose(command.intended, env.expert_action(), rtol=1e-6)


def test_noisy_expert_keeps_its_intention_and_the_bounds() -> None:
    env = Toy()
    env.reset(seed=0)
    controller = ExpertController(noise=0.5)
    controller.reset(env, 0)
    commands = [controller.act(None) for _ in range(2000)]
    intended = np.stack([command.intended for command in commands])
    executed = np.stack([command.executed for command in commands])
    np.testing.assert_allclose(intended, np.tile(env.expert_action(), (2000, 1)), rtol=1e-6)
    assert (np.abs(executed) <= 1).all()
    free = np.abs(executed) < 1
    assert np.abs(executed - intended)[free].max() > 0.3


def test_task_without_expert_is_named() -> None:
    with pytest.raises(DataError, match="Bare has no scripted expert: use the random"):
        ExpertController().reset(Bare(), 0)


def test_unbounded_actions_are_refused() -> None:
    env = Toy()
    env.action_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
    with pytest.raises(DataError, match="bounded Box"):
        RandomController().reset(env, 0)


@pytest.mark.parametrize("name", ["expert", "noisy-expert", "random"])
def test_controllers_by_name_travel_to_workers(name: str) -> None:
    controller = pickle.loads(pickle.dumps(by_name(name)))()
    env = Toy()
    env.reset(seed=0)
    controller.reset(env, 0)
    assert env.action_space.contains(controller.act(None).executed)


def test_unknown_controller_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="'exprt'; available: expert, noisy-expert, random"):
        by_name("exprt")
