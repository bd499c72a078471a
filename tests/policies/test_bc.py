import numpy as np
import pytest
import torch

from policies import learners
from policies.demonstrations import Demonstrations
from policies.errors import PolicyError
from policies.learners import bc

MAP = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)
SCALES = np.array([1, 100, 0.01, 5, 1, 1], np.float32)


def shown(episodes: int = 20, noise: float = 0.0, seed: int = 0) -> Demonstrations:
    """Actions that are linear in the states, whose numbers are of very different sizes."""
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(50 * episodes, 6)).astype(np.float32)
    actions = 0.3 * plain @ MAP + noise * rng.normal(size=(50 * episodes, 3)).astype(np.float32)
    # Offset and scale as real observations have them.
    return Demonstrations(3 + plain * SCALES, actions, np.repeat(np.arange(episodes), 50))


def weights(actor: bc.Actor) -> dict[str, torch.Tensor]:
    return actor.state_dict()


def test_a_linear_map_is_learned() -> None:
    config = bc.Config(epochs=40, hidden=64, layers=2, learning_rate=3e-3)
    actor = bc.clone(shown(), config, seed=0)
    fresh = shown(episodes=5, seed=1)
    error = np.mean((actor.act(fresh.states) - fresh.actions) ** 2)
    assert error < 0.02 * fresh.actions.var()
    assert actor.act(fresh.states).dtype == np.float32


def test_the_seed_decides_all() -> None:
    config = bc.Config(epochs=3, hidden=16)
    torch.manual_seed(1)
    first = weights(bc.clone(shown(), config, seed=7))
    torch.manual_seed(2)
    after = torch.rand(1)
    torch.manual_seed(2)
    second = weights(bc.clone(shown(), config, seed=7))
    assert torch.equal(torch.rand(1), after), "the caller's own random numbers were used up"
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = weights(bc.clone(shown(), config, seed=8))
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_it_stops_when_validation_gets_worse_and_returns_the_best() -> None:
    data = shown(episodes=4, noise=2.0)
    rows: list[dict[str, float]] = []
    config = bc.Config(epochs=400, patience=4, hidden=128, learning_rate=5e-3, validation=0.25)
    actor = bc.clone(data, config, seed=0, log=lambda epoch, row: rows.append(row))
    errors = [row["validation_error"] for row in rows]
    assert len(errors) < 100
    assert len(errors) == int(np.argmin(errors)) + 1 + config.patience
    _, held_out = bc._split(data, config.validation, np.random.default_rng(0))
    error = np.mean((actor.act(data.states[held_out]) - data.actions[held_out]) ** 2)
    assert error == pytest.approx(min(errors), rel=1e-4)


def test_validation_keeps_whole_episodes() -> None:
    data = shown(episodes=10)
    train, held_out = bc._split(data, 0.3, np.random.default_rng(3))
    assert len(set(data.episodes[held_out])) == 3
    assert not set(data.episodes[held_out]) & set(data.episodes[train])
    assert len(train) + len(held_out) == len(data.states)


def test_inputs_are_normalised_by_the_training_episodes() -> None:
    data = shown()
    actor = bc.clone(data, bc.Config(epochs=1, hidden=8), seed=0)
    train, _ = bc._split(data, 0.1, np.random.default_rng(0))
    np.testing.assert_allclose(actor.mean, data.states[train].mean(axis=0), rtol=1e-3, atol=1e-3)
    spread = data.states[train].std(axis=0).clip(min=bc.MIN_SCALE)
    np.testing.assert_allclose(actor.scale, spread, rtol=1e-3)


def test_a_number_that_never_changes_does_no_harm() -> None:
    data = shown()
    data.states[:, 2] = 0.7
    actor = bc.clone(data, bc.Config(epochs=1, hidden=8), seed=0)
    moved = data.states[:5].copy()
    moved[:, 2] += 1e-4
    assert np.abs(actor.act(moved) - actor.act(data.states[:5])).max() < 0.05


def test_one_episode_is_not_enough() -> None:
    with pytest.raises(PolicyError, match="two episodes at least"):
        bc.clone(shown(episodes=1), bc.Config(), seed=0)


def test_an_error_that_is_not_finite_stops_it() -> None:
    data = shown(episodes=2)
    data.actions[0] = np.nan
    data.actions[60] = np.nan
    with pytest.raises(PolicyError, match="the error is nan at epoch 1"):
        bc.clone(data, bc.Config(epochs=3), seed=0)


def test_unknown_learner_lists_those_there_are() -> None:
    with pytest.raises(PolicyError, match="unknown learner 'bcc': choose from bc"):
        learners.module("bcc")
