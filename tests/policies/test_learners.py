"""What every learner in the folder must do, on a task whose best return is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plane
import pytest
import torch

from data import controllers
from data.collect import collect
from data.dataset import Dataset
from policies import evaluation, learners, policy
from policies.errors import PolicyError
from policies.evaluation import make_env
from policies.learner import Problem, Shown
from policies.policy import Policy

LONG = ("ppo", "sac")
"""Learners that take half a minute."""
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in learners.names()]
Learn = Callable[..., Policy]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("shown")
    collect(folder, lambda: plane.Plane("rgb_array"), controllers.by_name("noisy-expert"),
            episodes=40, seed=0, workers=0)  # fmt: skip
    return Shown(Dataset.open(folder), tuple(range(40)))


@pytest.fixture(scope="module")
def learn(shown: Shown) -> Learn:
    def learned(name: str, folder: Path, **more: Any) -> Policy:
        module = learners.module(name)
        data = shown if module.NEEDS_DATA else None
        problem = Problem(
            task=plane.TASK, learner=name, state="blind", shown=data, folder=folder, **more
        )
        return module.learn(problem, module.SMALL)

    return learned


def weights(learned: Policy) -> dict[str, torch.Tensor]:
    return learned.actor.state_dict()


def same(one: Policy, other: Policy) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(first[key], second[key]) for key in first | second)


def returns(learned: Policy) -> tuple[float, float]:
    """Mean return of a policy, and of the expert, from the same starts."""
    env = make_env(learned)
    totals = []
    for acts in (lambda state: learned.actor.act(state[None])[0], None):
        total = 0.0
        for trial in evaluation.trials(learned.actor, range(500, 520)):
            state, _ = env.reset(seed=trial.seed, options=trial.options)
            learned.actor.reset(trial.condition)
            for _ in range(plane.STEPS):
                expert: Any = env.unwrapped
                action = np.clip(acts(state), -1, 1) if acts else expert.expert_action()
                state, reward, *_ = env.step(action)
                total += float(reward)
        totals.append(total / 20)
    return totals[0], totals[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_trivial_task_is_learned_nearly_to_its_best_return(
    name: str, learn: Learn, tmp_path: Path
) -> None:
    rows: list[dict[str, float]] = []
    learned = learn(name, tmp_path, seed=1, log=lambda _, row: rows.append(row))
    reached, best = returns(learned)
    # Standing still brings about -8 times the mean distance of two places, 1.04.
    assert reached > best - 1.5, (reached, best)
    assert rows
    policy.save(tmp_path / policy.POLICY_FILE, learned)
    loaded = policy.load(tmp_path)
    states = np.random.default_rng(0).random((1, learned.state.size), np.float32)
    for actor in (learned.actor, loaded.actor):
        actor.reset()
    for _ in range(3):
        np.testing.assert_array_equal(learned.actor.act(states), loaded.actor.act(states))
    assert learned.actor.outputs == 2


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_learning_ends_in_the_same_policy(
    name: str, learn: Learn, tmp_path: Path
) -> None:
    class Stopped(Exception):
        """As if killed."""

    count = 0

    def stop(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise Stopped

    whole = learn(name, tmp_path / "whole", seed=4)
    with pytest.raises(Stopped):
        learn(name, tmp_path / "cut", seed=4, log=stop)
    assert same(learn(name, tmp_path / "cut", seed=4), whole)


@pytest.mark.parametrize("name", learners.names())
def test_a_learner_says_what_it_is(name: str) -> None:
    module = learners.module(name)
    assert isinstance(module.SMALL, module.Config)
    assert isinstance(module.NEEDS_DATA, bool)
    for state in ("oracle", "blind"):
        module.check(state)
    assert hasattr(module, "FIRST") == hasattr(module, "SEEN")


def test_a_controller_linear_in_pixels_is_refused() -> None:
    with pytest.raises(PolicyError, match="lqr_flm cannot learn on the state 'pixels'"):
        learners.module("lqr_flm").check("pixels")
