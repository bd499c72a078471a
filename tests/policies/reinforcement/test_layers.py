import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import plane
import pytest
import torch

from policies import learners, policy
from policies.learner import Problem
from policies.learners import ppo, sac
from policies.reinforcement import layers

TINY: dict[str, Any] = {
    "ppo": ppo.Config(steps=64, every=64, copies=2, hidden=8, rollout=16, batch=16, epochs=2),
    "sac": sac.Config(steps=60, every=60, copies=2, hidden=8, batch=8, warmup=20),
}


def test_a_layer_is_normalised_before_its_activation() -> None:
    layer = layers.Normalised(torch.nn.ReLU)
    expected = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(layer(torch.tensor([[3.0, 7.0], [500.0, -500.0]])), expected)


@pytest.mark.parametrize("name", sorted(TINY))
def test_the_artefact_knows_whether_its_layers_are_normalised(name: str, tmp_path: Path) -> None:
    for layer_norm in (True, False):
        folder = tmp_path / str(layer_norm)
        config = dataclasses.replace(TINY[name], layer_norm=layer_norm)
        problem = Problem(task=plane.TASK, learner=name, state="blind", folder=folder)
        learned = learners.module(name).learn(problem, config)
        policy.save(folder / "policy.safetensors", learned)
        again = policy.load(folder).actor
        assert again.description()["layer_norm"] is layer_norm
        # The same weights in the other kind of network would do something else.
        other = type(learned.actor)(**{**again.description(), "layer_norm": not layer_norm})
        other.load_state_dict(learned.actor.state_dict())
        states = np.random.default_rng(0).normal(size=(5, learned.actor.description()["numbers"]))
        actions = [one.act(states.astype(np.float32)) for one in (learned.actor, again, other)]
        np.testing.assert_array_equal(actions[0], actions[1])
        assert not np.allclose(actions[0], actions[2])


def test_an_artefact_from_before_is_of_layers_that_are_not() -> None:
    description = {"numbers": 3, "image": None, "low": [-1.0], "high": [1.0], "widths": [8]}
    assert sac.Actor(**description).description()["layer_norm"] is False
