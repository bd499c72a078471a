"""The loop: roll out, fit dynamics, take a KL-constrained step, adapt its length, keep the best."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from policies.errors import PolicyError
from policies.trajectory import dynamics as fitting
from policies.trajectory.costs import Cost
from policies.trajectory.dynamics import Prior, Rollouts
from policies.trajectory.gaussian import Controller, Dynamics, propagate
from policies.trajectory.lqr import Quadratic, update

SMOOTHING = 2.0
"""Steps: standard deviation of the Gaussian that exploration noise is smoothed with in time."""

LOST = 100.0
"""Added to the cost of a rollout that ends before its time, such as by an object off the table."""

CREDIBLE = 3.0
"""A model is believed if the cost that it expects of its own controller is off from the rollouts'
mean cost by no more than this many times the mean, over rollouts, of the sum of |cost| over time.
"""
STUCK = 3
"""Fits in a row that allow no step, after which there is no hope."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a step may go."""

    bound: float = 1.0
    """KL divergence per time step, in nats, at a multiplier of 1."""
    low: float = 0.3
    """Least multiplier: below it, noisy costs of contact bring learning to a stop.

    What such a step makes worse is tried again with shorter ones.
    """
    high: float = 3.0
    """Largest multiplier."""


class Iteration(NamedTuple):
    """What is to be told of one iteration."""

    cost: float
    """Mean over its rollouts."""
    predicted: float
    """Improvement that the last step promised; NaN at first, and where its model was no good."""
    actual: float
    """Improvement that it brought."""
    multiplier: float
    divergence: float
    """Of the step taken now, in nats per time step."""
    eta: float
    rolled_back: bool


@dataclass(frozen=True, eq=False)
class _Fit:
    """A controller, with what its rollouts showed."""

    controller: Controller
    dynamics: Dynamics
    expansion: Quadratic
    costs: np.ndarray
    """Of the rollouts that the model was fitted to, at each time, (N, T + 1)."""
    cost: float
    """Mean of all rollouts, with what lost ones cost in addition."""
    error: float
    """Standard error of that."""

    def value(self, controller: Controller) -> float:
        """Return the cost that this model expects of a controller."""
        return self.expansion.expected(propagate(controller, self.dynamics))

    @cached_property
    def expected(self) -> float:
        """What it expects of its own controller."""
        return self.value(self.controller)

    @property
    def credible(self) -> bool:
        """Whether the model expects of its controller about what the rollouts cost.

        Dynamics fitted to a handful of rollouts may let small errors grow from step to step, until
        the expected cost is off by orders of magnitude.
        """
        missed = abs(self.expected - self.costs.sum(axis=1).mean())
        return bool(missed <= CREDIBLE * np.abs(self.costs).sum(axis=1).mean())  # a NaN is not


class Optimiser:
    """Improves one controller; `learn` takes the rollouts of `controller` and replaces it."""

    def __init__(self, controller: Controller, cost: Cost, prior: Prior, step: Step) -> None:
        self.controller = controller
        self._cost, self._prior, self._step = cost, prior, step
        self._multiplier = 1.0
        self._stuck = 0
        self._last: _Fit | None = None
        self._best: _Fit | None = None

    @property
    def best(self) -> Controller:
        """The controller whose rollouts cost least; at first the one that there is."""
        return self._best.controller if self._best else self.controller

    @property
    def best_cost(self) -> float:
        """What they cost in the mean; infinite at first."""
        return self._best.cost if self._best else np.inf

    def cost_of(self, rollouts: Rollouts, lost: np.ndarray | None = None) -> np.ndarray:
        """Return what each of N rollouts costs, (N,); `lost`, bool (N,), ended early."""
        costs = self._cost.values(rollouts).sum(axis=1)
        return costs if lost is None else costs + LOST * lost

    @np.errstate(over="ignore", invalid="ignore")  # of models that explode, which is looked at
    def learn(self, rollouts: Rollouts, lost: np.ndarray | None = None) -> Iteration:
        """Take a step on what rollouts of `controller` show.

        Of what happens after a rollout was lost nothing can be learned: the dynamics are fitted to
        the others, if there are two of them. Raises PolicyError where no fit of late allowed a
        step.
        """
        costs = self.cost_of(rollouts, lost)
        if lost is not None and np.sum(~lost) >= 2:
            rollouts = Rollouts(rollouts.states[~lost], rollouts.actions[~lost])
        self._prior.learn(rollouts)
        now = _Fit(
            self.controller,
            fitting.fit(rollouts, self._prior),
            self._cost.expand(rollouts),
            self._cost.values(rollouts),
            float(costs.mean()),
            float(costs.std() / np.sqrt(len(costs))),
        )
        predicted = actual = float("nan")
        tried = self._multiplier
        if self._last and self._last.controller is not self.controller:
            predicted, actual = self._adapt(self._last, now)
        rolled_back = self._best is not None and self._worse(now, self._best)
        if rolled_back:
            assert self._best is not None
            now = self._best
            self._multiplier = max(self._step.low, 0.5 * self._multiplier)
            if self._last is self._best and self._multiplier >= tried:
                self._multiplier = 0.5 * tried  # from the same fit the same step would fail again
        elif self._best is None or now.cost < self._best.cost:
            self._best = now
        bound = self._step.bound * self._multiplier * now.controller.steps
        self.controller, divergence, eta = now.controller, 0.0, np.inf
        try:
            found = update(now.controller, now.dynamics, now.expansion, bound)
            self.controller, divergence, eta = found.controller, found.divergence, found.eta
            self._stuck = 0
        except PolicyError:
            self._stuck += 1  # the next rollouts are of the same controller
            if self._stuck == STUCK:
                raise
        self._last = now
        return Iteration(
            float(costs.mean()),
            predicted,
            actual,
            self._multiplier,
            divergence / now.controller.steps,
            eta,
            rolled_back,
        )

    def _adapt(self, before: _Fit, now: _Fit) -> tuple[float, float]:
        """Change the multiplier by how far the last step did what it promised.

        Both by the models, as in the paper. A deviation: where a model is not credible, what the
        step brought is told by the rollouts' costs, and a promise of such a model counts nothing.
        """
        promised, brought = float("nan"), before.cost - now.cost
        if before.credible and now.credible:
            brought = before.expected - now.expected
        factor = 1.0 if brought > 0 else 0.5
        if before.credible:
            promised = before.expected - before.value(now.controller)
            # A step's true gain is quadratic in its length; this is its optimum (Levine & Abbeel).
            factor = float(np.clip(promised / (2 * max(1e-4, promised - brought)), 0.1, 5.0))
        self._multiplier = float(
            np.clip(factor * self._multiplier, self._step.low, self._step.high)
        )
        return promised, brought

    @staticmethod
    def _worse(now: _Fit, best: _Fit) -> bool:
        margin = 2 * np.hypot(now.error, best.error) + 0.1 * abs(best.cost)
        return bool(now.cost > best.cost + margin)


def noise(count: int, steps: int, actions: int, rng: np.random.Generator) -> np.ndarray:
    """Return standard normal noise (N, T, U), smoothed in time, of variance 1 again."""
    white = rng.standard_normal((count, steps, actions))
    smooth = gaussian_filter1d(white, SMOOTHING, axis=1, mode="wrap")
    impulse = np.zeros(steps)
    impulse[0] = 1
    kernel = gaussian_filter1d(impulse, SMOOTHING, mode="wrap")
    return smooth / np.sqrt(np.sum(kernel**2))
