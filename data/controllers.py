"""What moves the robot while episodes are collected."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

CORRELATION = 0.9
"""Of the noise from one step to the next: it lasts some 10 steps, half a second at 20 Hz. White
noise would average out in the arm's inertia and explore little."""

NOISE = 0.25
"""Standard deviation of the noisy expert's noise, as a share of half the action range."""

_STREAM = 0x5EED
"""Sets our random numbers apart from the environment's, which starts from the same seed."""

Env = gymnasium.Env[Any, Any]


class Command(NamedTuple):
    """One action, (A,), in the environment's action space."""

    executed: NDArray[Any]
    """What the robot does."""

    intended: NDArray[Any]
    """What the controller meant before exploration noise: the target for cloning it."""


class Controller(Protocol):
    """Chooses actions; a learned policy takes part by having these two methods."""

    def reset(self, env: Env, seed: int) -> None:
        """Begin an episode in `env`, which has just been reset with the same seed."""

    def act(self, observation: Any) -> Command:
        """Choose the action that answers an observation."""


@runtime_checkable
class Placing(Protocol):
    """A controller that acts from initial conditions of its own."""

    def options(self, seed: int) -> dict[str, Any] | None:
        """Return the reset options of the episode of a seed; None for any condition."""


class CorrelatedNoise:
    """Gaussian noise that drifts: a first-order autoregression, AR(1).

    n_t = ρ n_{t-1} + sqrt(1 - ρ²) ε_t with ε_t ~ N(0, I) and n_0 ~ N(0, I), so that every n_t has
    mean 0 and variance 1, whatever the correlation ρ.

    Args:
        size: numbers per step.
        correlation: ρ in [0, 1); 0 is white noise.
        generator: source of ε.
    """

    def __init__(self, size: int, correlation: float, generator: np.random.Generator) -> None:
        if not 0 <= correlation < 1:
            raise DataError(f"the correlation must be at least 0 and below 1, not {correlation}")
        self._correlation = correlation
        self._generator = generator
        self._value = generator.standard_normal(size)

    def sample(self) -> NDArray[np.float64]:
        """Return n_t, (size,), and go one step on."""
        value = self._value
        fresh = self._generator.standard_normal(len(value))
        self._value = self._correlation * value + math.sqrt(1 - self._correlation**2) * fresh
        return value


class RandomController:
    """Actions that are uniform over the action space, and smooth over time.

    Args:
        correlation: of the underlying Gaussian from step to step, in [0, 1); 0 makes the actions
            independent. Each single action is uniform in either case.
    """

    def __init__(self, correlation: float = CORRELATION) -> None:
        self._correlation = correlation

    def reset(self, env: Env, seed: int) -> None:
        """Start from `seed`.

        Raises:
            DataError: the action space is no bounded Box.
        """
        self._space = _bounded(env)
        generator = np.random.default_rng([_STREAM, seed])
        self._noise = CorrelatedNoise(math.prod(self._space.shape), self._correlation, generator)

    def act(self, observation: Any) -> Command:
        """Draw an action; the observation plays no part."""
        # The normal distribution function turns Gaussian numbers into uniform ones.
        uniform = [0.5 * (1 + math.erf(x / math.sqrt(2))) for x in self._noise.sample()]
        low, high = self._space.low, self._space.high
        action = low + np.reshape(uniform, self._space.shape) * (high - low)
        action = action.astype(self._space.dtype)
        return Command(executed=action, intended=action)


class ExpertController:
    """The scripted expert of a task, with optional exploration noise.

    The expert answers the state that the noise led to, so the data shows how to recover (DART,
    Laskey et al. 2017); its own, noise-free action is kept as the intended one.

    Args:
        noise: standard deviation as a share of half the action range; 0 for none.
        correlation: of the noise from one step to the next, in [0, 1).
    """

    def __init__(self, noise: float = 0.0, correlation: float = CORRELATION) -> None:
        self._scale = noise
        self._correlation = correlation

    def reset(self, env: Env, seed: int) -> None:
        """Start from `seed`.

        Raises:
            DataError: the task has no `expert_action`, or its action space is no bounded Box.
        """
        if not hasattr(env.unwrapped, "expert_action"):
            raise DataError(f"{task_name(env)} has no scripted expert: use the random controller")
        self._expert: Callable[[], NDArray[Any]] = env.unwrapped.expert_action
        self._space = _bounded(env)
        generator = np.random.default_rng([_STREAM, seed])
        self._noise = CorrelatedNoise(math.prod(self._space.shape), self._correlation, generator)

    def act(self, observation: Any) -> Command:
        """Ask the expert, which sees the simulator's own state instead of the observation."""
        low, high = self._space.low, self._space.high
        intended = np.clip(self._expert(), low, high).astype(self._space.dtype)
        if not self._scale:
            return Command(intended, intended)
        noise = self._scale * (high - low) / 2 * self._noise.sample().reshape(self._space.shape)
        executed = np.clip(intended + noise, low, high).astype(self._space.dtype)
        return Command(executed, intended)


_BY_NAME: dict[str, Callable[[], Controller]] = {
    "expert": ExpertController,
    "noisy-expert": partial(ExpertController, noise=NOISE),
    "random": RandomController,
}

NAMES = tuple(_BY_NAME)
"""What `by_name` knows."""


def by_name(name: str) -> Callable[[], Controller]:
    """Return what makes a controller: 'expert', 'noisy-expert' or 'random'.

    Raises:
        DataError: the name is unknown.
    """
    if name not in _BY_NAME:
        raise DataError(f"unknown controller {name!r}; available: {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[name]


def _bounded(env: Env) -> gymnasium.spaces.Box:
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box) or not space.is_bounded():
        raise DataError(f"{task_name(env)} needs a bounded Box of actions for this, it has {space}")
    return space


def task_name(env: Env) -> str:
    """The id an environment is registered under, or the name of its class."""
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__
