import dataclasses

import numpy as np
import pytest
import torch
from demonstrated import LENGTH, swinging

from policies.cloning.actor import Actor
from policies.cloning.history import Recent, windows
from policies.cloning.steps import Steps
from policies.cloning.training import clone
from policies.learners.bc import Config

FITTED = Config(epochs=40, batch=32, hidden=64, layers=2, learning_rate=3e-3)


def test_steps_are_stacked_within_their_episode_and_begin_with_its_first() -> None:
    found = windows(np.array([4, 4, 4, 9, 9, 4]), 3)
    expected = [[0, 0, 0], [0, 0, 1], [0, 1, 2], [3, 3, 3], [3, 3, 4], [5, 5, 5]]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(windows(np.array([0, 0, 1]), 1), [[0], [1], [2]])


@pytest.mark.parametrize("history", [1, 2, 5])
def test_acting_sees_what_learning_saw(history: int) -> None:
    data = swinging(episodes=3)
    states, _ = Steps.of(data, history).some(torch.arange(3 * LENGTH))
    recent = Recent(history)
    by_time = data.states.reshape(3, LENGTH, 1).swapaxes(0, 1)
    for _ in range(2):
        recent.reset()
        seen = np.stack([recent.push(now) for now in by_time], axis=1)
        np.testing.assert_array_equal(seen.reshape(states.shape), states)


def test_two_states_tell_a_velocity_that_one_does_not() -> None:
    data, fresh = swinging(), swinging(episodes=5, seed=1)
    by_time = fresh.states.reshape(5, LENGTH, 1).swapaxes(0, 1)
    wanted = fresh.actions.reshape(5, LENGTH, 1).swapaxes(0, 1)
    errors = []
    for history in (1, 2):
        actor = clone(data, dataclasses.replace(FITTED, history=history), seed=0)
        actor.reset()
        actions = np.stack([actor.act(states) for states in by_time])
        errors.append(np.mean((actions[1:] - wanted[1:]) ** 2) / wanted.var())
    assert errors[1] < 0.05 < 0.8 < errors[0]


def test_a_reset_forgets() -> None:
    actor = Actor(1, 1, hidden=8, layers=1, history=3)
    states = np.random.default_rng(0).normal(size=(4, 2, 1)).astype(np.float32)
    first = [actor.act(now) for now in states]
    remembered = actor.act(states[0])
    actor.reset()
    again = [actor.act(now) for now in states]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(remembered, first[0])


def test_environments_do_not_mix() -> None:
    actor = Actor(1, 1, hidden=8, layers=1, history=3)
    states = np.random.default_rng(0).normal(size=(4, 2, 1)).astype(np.float32)
    both = np.stack([actor.act(now) for now in states])
    for which in range(2):
        actor.reset()
        alone = np.stack([actor.act(now[which : which + 1]) for now in states])
        np.testing.assert_allclose(alone[:, 0], both[:, which], atol=1e-6)


def test_what_was_seen_while_learning_is_forgotten() -> None:
    def examine(actor: Actor) -> dict[str, float]:
        actor.reset()
        actor.act(np.full((1, 1), 7.0))
        return {"success": 1.0}

    config = Config(history=2, epochs=1, hidden=8, rollouts=1)
    actor = clone(swinging(4), config, seed=0, examine=examine)
    assert actor.act(np.zeros((3, 1))).shape == (3, 1)
