"""Rollouts of time-varying controllers in the task, in this process or in others side by side."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import gymnasium
import numpy as np

from data.processes import spawn_pool
from policies.errors import PolicyError, of_dead_workers
from policies.evaluation import make_env
from policies.policy import Policy, load
from policies.trajectory.gaussian import Controller
from policies.trajectory.sight import Sight
from policies.wrapper import StateObservation


class Order(NamedTuple):
    """One rollout to make."""

    controller: Controller
    sight: Sight
    """What the controller sees."""
    noise: np.ndarray
    """Standard normal, (T, U); zeros for the mean controller."""
    seed: int
    options: dict[str, Any]
    """Where the episode begins."""


class Rollout(NamedTuple):
    """What came of it."""

    states: np.ndarray
    """Whole state vectors, float64 (T + 1, D); after an early end the last one stands still."""
    actions: np.ndarray
    """As executed, within the bounds, (T, U)."""
    steps: int
    """Less than T if the episode was lost, such as by an object off the table."""
    saturated: float
    """Share of the action's numbers that the bounds cut."""
    distance: float
    """What was left to the goal at the end, in metres."""
    success: bool


class Sampler:
    """Makes rollouts; a context, since its processes, if there is more than one, are kept.

    What it gives does not depend on their number. `policy` is any of the task and state.
    """

    def __init__(self, policy: Policy, file: Path, workers: int) -> None:
        self._env = make_env(policy) if workers == 1 else None
        self._file, self._workers = file, workers
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._env is not None:
            self._stack.callback(self._env.close)
        else:
            pool = spawn_pool(self._workers, _begin, (self._file,))
            self._pool = self._stack.enter_context(pool)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def sample(self, orders: Sequence[Order]) -> list[Rollout]:
        """Return the rollouts in the order of their orders."""
        if self._env is not None:
            return [roll(self._env, order) for order in orders]
        with of_dead_workers():
            return list(self._pool.map(_roll, orders))


_worker: list[StateObservation] = []


def _begin(file: Path) -> None:
    import torch

    torch.set_num_threads(1)
    _worker[:] = [make_env(load(file))]


def _roll(order: Order) -> Rollout:
    return roll(_worker[0], order)


def roll(env: gymnasium.Env[np.ndarray, Any], order: Order) -> Rollout:
    """Roll a controller out once."""
    controller = order.controller
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]
    factors = controller.factors()
    state, info = env.reset(seed=order.seed, options=order.options)
    states, actions, cut, ended = [state], [], 0.0, False
    first = state.astype(np.float64)
    for step in range(controller.steps):
        if ended:
            states.append(states[-1])
            actions.append(np.zeros(len(low)))
            continue
        mean = controller.mean(step, order.sight.see(state.astype(np.float64), first))
        wanted = mean + factors[step] @ order.noise[step]
        action = np.clip(wanted, low, high)
        cut += float(np.mean(action != wanted))
        state, _, terminated, truncated, info = env.step(action)
        states.append(state)
        actions.append(action)
        ended = bool(terminated or truncated)
        steps = step + 1
    if truncated and steps < controller.steps:
        raise PolicyError(f"the task ends after {steps} steps, not {controller.steps}")
    return Rollout(
        np.stack(states).astype(np.float64),
        np.stack(actions),
        steps,
        cut / steps,
        float(info.get("distance", np.nan)),
        bool(info.get("is_success", False)),
    )
