"""Soft actor-critic (Haarnoja et al. 2018), as Stable-Baselines3 has it, its temperature learned.

Off-policy: every step of the task is learned from many times.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import MultiInputPolicy, SACPolicy

from dsae.ranges import check_ranges
from policies.learner import Problem
from policies.policy import Policy
from policies.reinforcement import actor, config, layers, learning
from policies.reinforcement.view import check_image as check_image

NEEDS_DATA = False


@dataclass(frozen=True, kw_only=True)
class Config(config.Config):
    """How a policy is learned by SAC."""

    steps: int = 200_000
    """Steps of the task in all, over all copies; rounded up to whole updates."""
    learning_rate: float = 1e-3
    """Adam's rate, constant, of networks and temperature."""
    discount: float = 0.95
    """γ, per step."""
    gradient_steps: int = 4
    """Updates after each step of all copies. Eight take 1.4 times as long and end no better
    (docs/results/reinforcement.md)."""
    buffer: int = 300_000
    """Steps that are remembered; never more than are taken. Of `pixels` each takes two images, at
    64×64 25 kB, and 200,000 steps 4.9 GB; lower it where memory is short."""
    warmup: int = 2_000
    """Steps of random actions before the first update."""
    layer_norm: bool = True
    """Normalise the hidden layers, before their activation. On feature points success then begins
    to rise after some 60,000 steps, not 120,000 or more (docs/results/reinforcement.md)."""
    smoothing: float = 0.005
    """τ, by which the target networks follow at each update."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            gradient_steps=(1, math.inf),
            buffer=(self.copies, math.inf),
            warmup=(0, math.inf),
            smoothing=(0, 1),
        )


SMALL = Config(
    steps=5_000,
    every=1_250,
    hidden=64,
    learning_rate=3e-3,
    batch=64,
    discount=0.8,
    warmup=400,
)


def check(state: str) -> None:
    """Any state will do."""


class Actor(actor.Actor):
    """SAC's network for the action, without its critics; tanh of the mean."""

    activation = torch.nn.ReLU

    @staticmethod
    def network(
        observations: spaces.Box | spaces.Dict, actions: spaces.Box, hidden: dict[str, Any]
    ) -> BasePolicy:
        """Return the network, with weights that mean nothing yet; `hidden` of `layers.options`."""
        kind = MultiInputPolicy if isinstance(observations, spaces.Dict) else SACPolicy
        return kind(observations, actions, lambda _: 0.0, **hidden).actor

    @staticmethod
    def acting(policy: BasePolicy) -> BasePolicy:
        """Return the part of a learned network that acts."""
        assert isinstance(policy, SACPolicy)
        return policy.actor


def learn(problem: Problem, config: Config) -> Policy:
    """Learn by acting in the task, or go on with it."""
    hidden = layers.options(config.widths, Actor.activation, layer_norm=config.layer_norm)

    def make(env: VecNormalize, seed: int) -> SAC:
        images = isinstance(env.observation_space, spaces.Dict)
        return SAC(
            "MultiInputPolicy" if images else "MlpPolicy",
            env,
            learning_rate=config.learning_rate,
            buffer_size=min(config.buffer, config.steps + config.copies),
            learning_starts=config.warmup,
            batch_size=config.batch,
            tau=config.smoothing,
            gamma=config.discount,
            train_freq=1,
            gradient_steps=config.gradient_steps,
            policy_kwargs=hidden,
            seed=seed,
            device="cpu",
        )

    return learning.learn(problem, config, make, Actor)
