"""The network that an algorithm of Stable-Baselines3 learned, as an actor."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from policies.actor import Actor as BaseActor
from policies.reinforcement import layers, normalisation
from policies.reinforcement.config import Config
from policies.reinforcement.view import IMAGE, NUMBERS, View


class Actor(BaseActor):
    """Acts deterministically: the mean action, within the task's bounds.

    SB3's own policy, built again from the spaces that it was learned for.

    Args:
        numbers: length of the state but for the image.
        image: (H, W, C) of the image in the state, if there is one.
        low: lower bounds of an action, (A,).
        high: upper bounds.
        widths: of the hidden layers.
        layer_norm: whether these are normalised.
    """

    activation: type[torch.nn.Module]
    """Of the hidden layers."""
    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(
        self,
        numbers: int,
        image: Sequence[int] | None,
        low: Sequence[float],
        high: Sequence[float],
        widths: Sequence[int],
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self._view = View(numbers, (image[0], image[1], image[2]) if image else None)
        self._widths, self._layer_norm = list(widths), layer_norm
        self._actions = spaces.Box(np.array(low, np.float32), np.array(high, np.float32))
        self.outputs = len(low)
        self.register_buffer("mean", torch.zeros(numbers, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(numbers, dtype=torch.float64))
        hidden = layers.options(widths, self.activation, layer_norm=layer_norm)
        self.policy = self.network(self._view.space, self._actions, hidden)
        self.register_state_dict_post_hook(_part)

    @staticmethod
    @abstractmethod
    def network(
        observations: spaces.Box | spaces.Dict, actions: spaces.Box, hidden: dict[str, Any]
    ) -> BasePolicy:
        """Return the network, with weights that mean nothing yet; `hidden` of `layers.options`."""

    @staticmethod
    def acting(policy: BasePolicy) -> BasePolicy:
        """Return the part of a learned network that acts: what `network` returns."""
        return policy

    @classmethod
    def of(cls, policy: BasePolicy, env: VecNormalize, view: View, config: Config) -> "Actor":
        """Return the actor of a network that was learned in `env`."""
        actions: Any = env.action_space
        image = list(view.image) if view.image else None
        low, high = actions.low.tolist(), actions.high.tolist()
        actor = cls(view.numbers, image, low, high, config.widths, config.layer_norm)
        actor.policy.load_state_dict(cls.acting(policy).state_dict())
        seen = normalisation.statistics(env)["observations"]
        actor.mean.copy_(torch.from_numpy(seen.mean))
        actor.variance.copy_(torch.from_numpy(seen.var))
        return actor.eval()

    def description(self) -> dict[str, Any]:
        """Return the arguments that build this actor again."""
        return {
            "numbers": self._view.numbers,
            "image": list(self._view.image) if self._view.image else None,
            "low": self._actions.low.tolist(),
            "high": self._actions.high.tolist(),
            "widths": self._widths,
            "layer_norm": self._layer_norm,
        }

    def act(self, states: np.ndarray) -> np.ndarray:
        """Return actions, float32 (N, A), for states (N, D)."""
        seen = self._view.split(np.asarray(states, np.float32))
        mean, variance = self.mean.numpy(), self.variance.numpy()
        if isinstance(seen, dict):
            numbers = normalisation.normalise(seen[NUMBERS], mean, variance)
            seen = {NUMBERS: numbers, IMAGE: seen[IMAGE]}
        else:
            seen = normalisation.normalise(seen, mean, variance)
        actions, _ = self.policy.predict(seen, deterministic=True)
        return np.asarray(actions, np.float32)


def _part(_: Any, tensors: dict[str, Any], prefix: str, __: Any) -> None:
    """Part what shares memory: networks for pixels go by several names, safetensors knows one."""
    for name, tensor in tensors.items():
        tensors[name] = tensor.clone()
