"""Small but whole policies and data, made of the real parts."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from data.dataset import Dataset
from data.episode import Episode, write
from data.index import episode_path
from dsae import encoders
from dsae.encoder import Encoder
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.perception import Perception
from dsae.state.robot import robot_parts
from policies import policy
from policies.learners.bc import Actor
from policies.policy import Policy, Task
from policies.state import State

SIDE = 32
REACH = "envs:dsae/Reach-v0"
SETTINGS: dict[str, Any] = {"height": SIDE, "width": SIDE, "max_episode_steps": 20}


def encoder() -> Encoder:
    return encoders.create("dsae", (SIDE, SIDE, 3), seed=0, settings={"points": 4}).eval()


def estimator(*cameras: str) -> StateEstimator:
    """A state of two kept points of four a camera, made for Reach."""
    noise = Noise(np.tile(np.eye(2), (4, 1, 1)), np.tile(1e-3 * np.eye(2), (4, 1, 1)))
    seen = Perception(
        encoder(),
        thresholds=np.zeros(4),
        noise=noise,
        usual=np.zeros((4, 2)),
        kept=np.array([True, False, False, True]),
    )
    example = reach().reset(seed=0)[0]
    return StateEstimator(dict.fromkeys(cameras or ("front",), seen), robot_parts(example), 20.0)


def reach(**settings: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(REACH, render_mode="rgb_array", **{**SETTINGS, **settings})


def make_policy(*, state: str, seed: int = 0, task: Task = Task(REACH, SETTINGS)) -> Policy:  # noqa: B008
    """A policy whose weights are random; `state` is blind, dsae or estimator."""
    eyes = {"dsae": encoder, "estimator": estimator}
    seen = eyes[state]() if state in eyes else None
    example = reach().reset(seed=0)[0]
    laid_out = State.build(example, name=state, eye=seen)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        actor = Actor(laid_out.size, 3, hidden=16, layers=2)
    actor.mean.copy_(torch.linspace(-0.2, 0.2, laid_out.size))
    return Policy(laid_out, actor.eval(), task, "bc", state)


def saved(folder: Path, **options: Any) -> Path:
    policy.save(folder / policy.POLICY_FILE, make_policy(**options))
    return folder


def recorded(
    folder: Path, *, episodes: int = 3, intended: bool = True, acted: bool = True
) -> Dataset:
    """Episodes of 5 steps, with the observations of Push, whose numbers say where they are from."""
    folder.mkdir()
    for number in range(episodes):
        step = np.arange(5, dtype=np.float32)[:, None]
        observations = {
            "ee_pose": 100 * number + step + np.arange(7, dtype=np.float32) / 10,
            "goal": -step + np.zeros((5, 2), np.float32),
            "object_position": 1000 + step + np.zeros((5, 3), np.float32),
        }
        images = np.full((5, SIDE, SIDE, 3), 20 * number, np.uint8)
        images += np.arange(5, dtype=np.uint8)[:, None, None, None]
        actions = step + np.zeros((5, 3), np.float32)
        write(
            episode_path(folder, number),
            Episode(
                images={"front": images},
                observations=observations,
                actions=actions if acted else None,
                intended_actions=actions + 0.5 if intended and acted else None,
            ),
        )
    return Dataset.open(folder)
