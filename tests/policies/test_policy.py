from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples import REACH, SETTINGS, SIDE, make_policy, reach, saved
from safetensors.torch import save_file

from data.controllers import Controller
from data.rollout import rollout
from dsae import checkpoint
from dsae.errors import CheckpointError
from policies import policy
from policies.controller import PolicyController
from policies.errors import PolicyError
from policies.evaluation import make_env
from policies.policy import Task


@pytest.mark.parametrize("state", ["blind", "dsae", "estimator"])
def test_a_saved_policy_acts_alike(state: str, tmp_path: Path) -> None:
    made = make_policy(state=state)
    policy.save(tmp_path / policy.POLICY_FILE, made, seed=5)
    loaded = policy.load(tmp_path)
    assert loaded.state.layout == made.state.layout
    assert loaded[2:] == made[2:]
    rng = np.random.default_rng(0)
    sizes = {"ee_pose": 7, "goal": 3, "joint_position": 7, "joint_velocity": 7}
    observations = {name: rng.random((4, size)) for name, size in sizes.items()}
    frames = rng.integers(0, 255, (4, SIDE, SIDE, 3), dtype=np.uint8)
    first, second = (
        each.actor.act(each.state.vectors(observations, frames)) for each in (made, loaded)
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape == (4, 3)


def test_a_policy_tells_the_versions_that_it_was_learned_with(tmp_path: Path) -> None:
    file = tmp_path / policy.POLICY_FILE
    policy.save(file, make_policy(state="blind"))
    _, header = checkpoint.read(file, kind="policy")
    assert header["versions"]["torch"] == torch.__version__
    assert {"python", "dsae", "mujoco"} <= header["versions"].keys()


def test_the_encoder_travels_inside(tmp_path: Path) -> None:
    loaded = policy.load(saved(tmp_path, state="dsae"))
    encoder = loaded.state.encoder
    assert encoder is not None
    assert not encoder.training
    expected = make_policy(state="dsae").state.encoder
    assert expected is not None
    for key, value in expected.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[key]), key
    assert policy.load(saved(tmp_path / "b", state="blind")).state.encoder is None


def test_an_encoder_is_no_policy(tmp_path: Path) -> None:
    encoder = make_policy(state="dsae").state.encoder
    assert encoder is not None
    checkpoint.save(tmp_path / policy.POLICY_FILE, encoder)
    with pytest.raises(CheckpointError, match="of kind 'encoder', not 'policy'"):
        policy.load(tmp_path)
    with pytest.raises(CheckpointError, match="there is no policy at"):
        policy.load(tmp_path / "nowhere")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, state="blind") / policy.POLICY_FILE
    tensors, _ = checkpoint.read(file, kind="policy")
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    tensors["actor.network.0.weight"] = torch.zeros(3, 3)
    save_file(tensors, file, header)
    with pytest.raises(PolicyError, match="does not fit this version of the learner"):
        policy.load(tmp_path)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Task("envs:dsae/Push-v0", {}),
            r"needs 'goal' of 3 numbers, dsae/Push-v0 has \(2,\)",
        ),
        (
            Task(REACH, {"action_mode": "torque"}),
            r"gives 3 action numbers, .*Reach-v0 takes \(7,\)",
        ),
        (Task("CartPole-v1", {}), "needs 'ee_pose' of 7 numbers, CartPole-v1 has no such obs"),
        (
            Task("nowhere:Task-v0", {}),
            "task is not to be had: nowhere:Task-v0 cannot be made: No m",
        ),
        (Task("envs:dsae/Gone-v0", {}), "not to be had: envs:dsae/Gone-v0 cannot be made: Env"),
    ],
)
def test_an_environment_that_does_not_fit_is_refused_naming_both(task: Task, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make_env(make_policy(state="blind", task=task))


def test_an_image_size_that_does_not_fit_is_refused_before_an_episode(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"sees images of 32×32×3, .*Reach-v0 renders 16×24×3"):
        PolicyController(saved(tmp_path, state="dsae")).check(reach(height=16, width=24))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.pop("layout"), "is damaged: its header lacks 'layout'"),
        (lambda header: header["actor"].update(depth=3), "does not fit this version"),
        (lambda header: header["actor"].pop("hidden"), "does not fit this version"),
        (lambda header: header["layout"].append(["goal"]), "does not fit this version"),
        (lambda header: header.update(learner="gone"), "unknown learner 'gone': choose from bc"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    file = saved(tmp_path, state="blind") / policy.POLICY_FILE
    tensors, header = checkpoint.read(file, kind="policy")
    change(header)
    del header["format"]
    checkpoint.write(file, tensors, **header)
    with pytest.raises(PolicyError, match=message):
        policy.load(tmp_path)


def test_a_policy_collects_episodes_and_does_what_it_does_when_evaluated(tmp_path: Path) -> None:
    controller: Controller = PolicyController(saved(tmp_path, state="dsae"))
    episode = rollout(reach(), controller, seed=8)
    assert episode.actions is not None
    assert episode.intended_actions is not None
    np.testing.assert_array_equal(episode.actions, episode.intended_actions)

    made = policy.load(tmp_path)
    env = make_env(made)
    state, _ = env.reset(seed=8)
    for action, frame, pose in zip(
        episode.actions, episode.images["front"], episode.observations["ee_pose"], strict=True
    ):
        np.testing.assert_array_equal(env.frames[None], frame)
        np.testing.assert_allclose(state[:7], pose, atol=1e-6)
        own = np.clip(made.actor.act(state[None])[0], -1, 1)
        np.testing.assert_allclose(own, action, atol=1e-5)
        state, *_ = env.step(own)
    assert np.ptp(episode.actions, axis=0).max() > 0
    assert len(episode.actions) == SETTINGS["max_episode_steps"]
    env.close()
