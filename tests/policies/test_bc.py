import numpy as np
import pytest
import torch
from demonstrated import beside_the_point, error, linear, same

from dsae.errors import DsaeError
from policies import learners
from policies.cloning.actor import MIN_SCALE, Actor
from policies.cloning.steps import split
from policies.cloning.training import clone
from policies.errors import PolicyError
from policies.learners.bc import SMALL, Config


def test_a_linear_map_is_learned() -> None:
    actor = clone(linear(), SMALL, seed=0)
    fresh = linear(episodes=5, seed=1)
    assert error(actor, fresh) < 0.01
    assert actor.act(fresh.states).dtype == np.float32


@pytest.mark.parametrize("head", ["deterministic", "mixture"])
def test_the_seed_decides_all(head: str) -> None:
    config = Config(epochs=3, hidden=16, head=head)  # type: ignore[arg-type]
    torch.manual_seed(1)
    first = clone(linear(), config, seed=7)
    torch.manual_seed(2)
    after = torch.rand(1)
    torch.manual_seed(2)
    second = clone(linear(), config, seed=7)
    assert torch.equal(torch.rand(1), after), "the caller's own random numbers were used up"
    assert same(first, second)
    assert not same(first, clone(linear(), config, seed=8))


def test_it_stops_when_validation_gets_worse_and_returns_the_best() -> None:
    data = linear(episodes=4, noise=2.0)
    rows: list[dict[str, float]] = []
    config = Config(epochs=400, patience=4, hidden=128, learning_rate=5e-3, validation=0.25)
    actor = clone(data, config, seed=0, log=lambda epoch, row: rows.append(row))
    errors = [row["validation_error"] for row in rows]
    assert len(errors) < 100
    assert len(errors) == int(np.argmin(errors)) + 1 + config.patience
    _, held_out = split(data.episodes, config.validation, np.random.default_rng([0, 0]))
    lowest = np.mean((actor.act(data.states[held_out]) - data.actions[held_out]) ** 2)
    assert lowest == pytest.approx(min(errors), rel=1e-4)


def test_validation_keeps_whole_episodes() -> None:
    data = linear(episodes=10)
    train, held_out = split(data.episodes, 0.3, np.random.default_rng(3))
    assert len(set(data.episodes[held_out])) == 3
    assert not set(data.episodes[held_out]) & set(data.episodes[train])
    assert len(train) + len(held_out) == len(data.states)


def test_inputs_are_normalised_by_the_training_episodes() -> None:
    data = linear()
    actor = clone(data, Config(epochs=1, hidden=8, validation=0.1), seed=0)
    train, _ = split(data.episodes, 0.1, np.random.default_rng([0, 0]))
    np.testing.assert_allclose(actor.mean, data.states[train].mean(axis=0), rtol=1e-3, atol=1e-3)
    spread = data.states[train].std(axis=0).clip(min=MIN_SCALE)
    np.testing.assert_allclose(actor.scale, spread, rtol=1e-3)


def test_a_number_that_never_changes_does_no_harm() -> None:
    data = linear()
    data.states[:, 2] = 0.7
    actor = clone(data, Config(epochs=1, hidden=8), seed=0)
    moved = data.states[:5].copy()
    moved[:, 2] += 1e-4
    assert np.abs(actor.act(moved) - actor.act(data.states[:5])).max() < 0.05


def test_what_does_not_matter_is_not_read() -> None:
    def learned(input_l1: float) -> Actor:
        config = Config(hidden=64, batch=32, epochs=100, input_l1=input_l1)
        return clone(beside_the_point(), config, seed=0)

    usual, dense = learned(Config().input_l1), learned(0.0)
    fresh = beside_the_point(seed=1)
    assert error(usual, fresh) < error(dense, fresh) / 2
    first = usual.network[0]
    assert isinstance(first, torch.nn.Linear)
    read = first.weight.detach().abs().sum(dim=0)
    assert read[2:].max() < 0.1 * read[:2].min()


def test_without_validation_all_is_learned_from_and_the_last_weights_are_returned() -> None:
    data = linear(episodes=1)
    rows: list[dict[str, float]] = []
    config = Config(epochs=30, hidden=8, learning_rate=3e-2, batch=25)
    actor = clone(data, config, seed=0, log=lambda epoch, row: rows.append(row))
    np.testing.assert_allclose(actor.mean, data.states.mean(axis=0), rtol=1e-4, atol=1e-4)
    assert [row.keys() for row in rows] == 30 * [{"train_error"}]
    last = np.mean((actor.act(data.states) - data.actions) ** 2)
    # The rate has fallen to nothing, so that the last epoch's mean is that of its end.
    assert last == pytest.approx(rows[-1]["train_error"], rel=0.02)


def test_an_actor_that_looks_makes_fewer_passes_unless_told() -> None:
    assert Config().passes(looks=True) < Config().passes(looks=False)
    assert Config(epochs=7).passes(looks=True) == Config(epochs=7).passes(looks=False) == 7


def test_validation_of_one_episode_is_refused() -> None:
    with pytest.raises(PolicyError, match="two episodes at least"):
        clone(linear(episodes=1), Config(validation=0.1), seed=0)


def test_an_error_that_is_not_finite_stops_it() -> None:
    data = linear(episodes=2)
    data.actions[0] = np.nan
    data.actions[60] = np.nan
    with pytest.raises(PolicyError, match="the error is nan at epoch 1"):
        clone(data, Config(epochs=3), seed=0)


def test_some_episode_is_left_to_learn_from() -> None:
    train, held_out = split(linear(episodes=2).episodes, 1.0, np.random.default_rng(0))
    assert len(train) == len(held_out) == 50


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs = 0: it must be at least 1"),
        ({"history": 0}, "history = 0: it must be at least 1"),
        ({"modes": 0}, "modes = 0: it must be at least 1"),
        ({"min_std": 0.0}, "min_std = 0: it must be at least 1e-06"),
        ({"rollouts": -1}, "rollouts = -1: it must be at least 0"),
        ({"validation": 1.5}, "validation = 1.5: it must be from 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(DsaeError, match=f"^{message}$"):
        Config(**settings)  # type: ignore[arg-type]


def test_an_unknown_head_lists_those_there_are() -> None:
    with pytest.raises(PolicyError, match="unknown head 'gmm': choose from deterministic, mixture"):
        clone(linear(), Config(head="gmm"), seed=0)  # type: ignore[arg-type]


def test_an_actor_of_an_older_file_is_a_deterministic_one() -> None:
    old = {"network.0.weight": (8, 6), "network.0.bias": (8,), "network.2.weight": (3, 8)}
    shapes = {**old, "network.2.bias": (3,), "mean": (6,), "scale": (6,)}
    actor = Actor(inputs=6, outputs=3, hidden=8, layers=1)
    actor.load_state_dict({name: torch.ones(shape) for name, shape in shapes.items()})
    np.testing.assert_allclose(actor.act(np.full((2, 6), 2.0)), np.full((2, 3), 8 * 7 + 1))


def test_unknown_learner_lists_those_there_are() -> None:
    with pytest.raises(PolicyError, match="unknown learner 'bcc': choose from bc"):
        learners.module("bcc")
