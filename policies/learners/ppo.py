"""Proximal policy optimisation (Schulman et al. 2017), as Stable-Baselines3 has it.

On-policy: needs more steps of the task than `sac`, and far less time for each.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.policies import (
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.vec_env import VecNormalize

from dsae.ranges import check_ranges
from policies.errors import PolicyError
from policies.learner import Problem
from policies.policy import Policy
from policies.reinforcement import actor, config, layers, learning
from policies.reinforcement.view import check_image as check_image

NEEDS_DATA = False


@dataclass(frozen=True, kw_only=True)
class Config(config.Config):
    """How a policy is learned by PPO."""

    steps: int = 1_000_000
    """Steps of the task in all, over all copies; rounded up to whole updates."""
    learning_rate: float = 5e-4
    """Adam's rate, constant."""
    discount: float = 0.95
    """γ, per step."""
    rollout: int = 256
    """Steps of each copy per update."""
    epochs: int = 10
    """Passes over the steps of an update."""
    trace: float = 0.9
    """λ of the generalised advantage estimate."""
    clip: float = 0.2
    """How far the ratio of probabilities may leave 1."""
    entropy: float = 0.002
    """Weight of the entropy bonus."""
    spread: float = 1.0
    """Standard deviation of the first actions, in units of the action."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            rollout=(1, math.inf),
            epochs=(1, math.inf),
            trace=(0, 1),
            clip=(1e-6, math.inf),
            entropy=(0, math.inf),
            spread=(1e-6, math.inf),
        )
        if self.copies * self.rollout % self.batch:
            raise PolicyError(
                f"copies × rollout = {self.copies * self.rollout}: it must be a multiple of "
                f"batch = {self.batch}"
            )


SMALL = Config(
    steps=25_000,
    every=8_192,
    hidden=64,
    learning_rate=2e-3,
    batch=128,
    discount=0.8,
    rollout=32,
    spread=0.6,
)


def check(state: str) -> None:
    """Any state will do."""


class Actor(actor.Actor):
    """PPO's network: two of tanh, for action and value."""

    activation = torch.nn.Tanh

    @staticmethod
    def network(
        observations: spaces.Box | spaces.Dict, actions: spaces.Box, hidden: dict[str, Any]
    ) -> BasePolicy:
        """Return the network, with weights that mean nothing yet; `hidden` of `layers.options`."""
        arguments: Any = (observations, actions, lambda _: 0.0)
        images = isinstance(observations, spaces.Dict)
        kind = MultiInputActorCriticPolicy if images else ActorCriticPolicy
        return kind(*arguments, **hidden)


def learn(problem: Problem, config: Config) -> Policy:
    """Learn by acting in the task, or go on with it."""
    hidden = layers.options(config.widths, Actor.activation, layer_norm=config.layer_norm)

    def make(env: VecNormalize, seed: int) -> PPO:
        images = isinstance(env.observation_space, spaces.Dict)
        return PPO(
            "MultiInputPolicy" if images else "MlpPolicy",
            env,
            learning_rate=config.learning_rate,
            n_steps=config.rollout,
            batch_size=config.batch,
            n_epochs=config.epochs,
            gamma=config.discount,
            gae_lambda=config.trace,
            clip_range=config.clip,
            ent_coef=config.entropy,
            policy_kwargs={**hidden, "log_std_init": math.log(config.spread)},
            seed=seed,
            device="cpu",
        )

    return learning.learn(problem, config, make, Actor, rewards=True)
