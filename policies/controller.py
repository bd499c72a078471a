"""A learned policy as a controller that collects episodes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from data.controllers import CORRELATION, Command, CorrelatedNoise
from policies import evaluation
from policies.policy import load
from policies.wrapper import StateObservation

STREAM = 0xAC7  # sets our random numbers apart from the environment's


class PolicyController:
    """Acts as the policy in `path` does; sees the frames of the environment that it collects in.

    A policy that was learned for some initial conditions begins from these, in turn, with things
    moved as far as it says (`Actor.moves`), in every other episode from somewhere on the way to
    where they are to be brought (`Actor.ends`): what it cannot do yet is to be seen, too.

    Args:
        path: the policy's file or run folder.
        noise: standard deviation of exploration noise, as a share of half the action range. It
            drifts, and is not part of the intended actions.
    """

    def __init__(self, path: Path, noise: float = 0.0) -> None:
        self._policy = load(path)
        self._noise = noise
        self._view: StateObservation | None = None
        self._trial = evaluation.Trial(0)

    def check(self, env: gymnasium.Env[Any, Any]) -> None:
        """Raise PolicyError, naming both, if the policy does not fit the environment."""
        evaluation.check_fits(self._policy, env)

    def options(self, seed: int) -> dict[str, Any] | None:
        """Return the reset options of the episode of a seed."""
        conditions = len(self._policy.actor.conditions)
        numbered = evaluation.trials(self._policy.actor, [seed] * max(1, conditions), moved=True)
        self._trial = numbered[seed % len(numbered)]
        ends, options = self._policy.actor.ends, self._trial.options
        if ends and options and seed // len(numbered) % 2:
            self._trial = self._trial._replace(
                options=_on_the_way(options, ends[self._trial.condition], seed)
            )
        return self._trial.options

    def reset(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        """Begin an episode in `env`."""
        self._policy.actor.reset(self._trial.condition)
        self._view = StateObservation(env, self._policy.state, self._policy.task.camera)
        self._policy.state.reset()
        generator = np.random.default_rng([STREAM, seed])
        self._drift = CorrelatedNoise(self._policy.actor.outputs, CORRELATION, generator)

    def act(self, observation: Any) -> Command:
        """Return the policy's action, and that with exploration noise as the one to execute."""
        assert self._view is not None
        state = self._view.observation(observation)
        space: Any = self._view.action_space
        intended = np.clip(self._policy.actor.act(state[None])[0], space.low, space.high)
        if not self._noise:
            return Command(intended, intended)
        noise = self._noise * (space.high - space.low) / 2 * self._drift.sample()
        executed = np.clip(intended + noise, space.low, space.high).astype(intended.dtype)
        return Command(executed, intended)


def _on_the_way(options: dict[str, Any], ends: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the options with things on the straight way to their ends, as far as the seed says."""
    share = np.random.default_rng([STREAM, seed, 1]).random()
    return options | {
        name: ((1 - share) * np.array(options[name]) + share * np.array(end)).tolist()
        for name, end in ends.items()
    }
