import dataclasses

import numpy as np
import pytest
import torch
from demonstrated import bimodal, error, linear
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from policies.cloning.heads import Mixture
from policies.cloning.training import clone
from policies.learners.bc import Config

HEAD = Mixture(outputs=2, modes=3, min_std=0.1)
NUMBERS = torch.randn(7, HEAD.size, generator=torch.Generator().manual_seed(0))
FITTED = Config(epochs=30, batch=32, hidden=64, layers=2, learning_rate=3e-3)
MIXED = dataclasses.replace(FITTED, head="mixture")


def test_the_loss_is_the_negative_log_likelihood() -> None:
    actions = torch.randn(7, 2, generator=torch.Generator().manual_seed(1))
    log_weights, means, deviations = HEAD.gaussians(NUMBERS)
    mixture = MixtureSameFamily(
        Categorical(logits=log_weights), Independent(Normal(means, deviations), 1)
    )
    expected = -mixture.log_prob(actions).mean()
    torch.testing.assert_close(HEAD.loss(NUMBERS, actions), expected)


def test_a_mixture_is_one() -> None:
    log_weights, means, deviations = HEAD.gaussians(NUMBERS)
    assert means.shape == deviations.shape == (7, 3, 2)
    torch.testing.assert_close(log_weights.exp().sum(-1), torch.ones(7))
    very_small = torch.full((1, HEAD.size), -1e4)
    assert HEAD.gaussians(very_small).deviations.min() == pytest.approx(0.1)


def test_it_acts_with_the_mean_of_the_likeliest_mode() -> None:
    log_weights, means, _ = HEAD.gaussians(NUMBERS)
    for action, of_modes, logs in zip(HEAD.act(NUMBERS), means, log_weights, strict=True):
        assert torch.equal(action, of_modes[int(logs.argmax())])


def test_a_mixture_takes_a_side_where_a_regression_goes_between() -> None:
    data, fresh = bimodal(), bimodal(seed=1)
    between = clone(data, FITTED, seed=0).act(fresh.states)
    sided = clone(data, MIXED, seed=0).act(fresh.states)
    assert np.abs(between[:, 0]).mean() < 0.4
    assert np.abs(np.abs(sided[:, 0]) - 1).max() < 0.1
    # What both sides have in common is learned by either.
    for actions in (between, sided):
        assert np.abs(actions[:, 1] - fresh.actions[:, 1]).mean() < 0.1


def test_a_mixture_learns_what_has_one_answer_as_well() -> None:
    actor = clone(linear(), MIXED, seed=0)
    assert error(actor, linear(episodes=5, seed=1)) < 0.02
