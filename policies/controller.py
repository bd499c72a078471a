"""A learned policy as a controller that collects episodes."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from data.controllers import Command
from policies import evaluation
from policies.policy import load
from policies.wrapper import StateObservation


class PolicyController:
    """Acts as the policy in `path` does; sees the frames of the environment that it collects in."""

    def __init__(self, path: Path) -> None:
        self._policy = load(path)
        self._view: StateObservation | None = None

    def check(self, env: gymnasium.Env[Any, Any]) -> None:
        """Raise PolicyError, naming both, if the policy does not fit the environment."""
        evaluation.check_fits(self._policy, env)

    def reset(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        """Begin an episode in `env`."""
        self._policy.actor.reset()
        self._view = StateObservation(env, self._policy.state, self._policy.task.camera)

    def act(self, observation: Any) -> Command:
        """Return the policy's action; it means what it does."""
        assert self._view is not None
        state = self._view.observation(observation)
        space: Any = self._view.action_space
        action = np.clip(self._policy.actor.act(state[None])[0], space.low, space.high)
        return Command(action, action)
