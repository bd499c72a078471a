"""The loop: roll out, fit dynamics, take a KL-constrained step, adapt its length, keep the best."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from policies.trajectory import dynamics as fitting
from policies.trajectory.costs import Cost
from policies.trajectory.dynamics import Prior, Rollouts
from policies.trajectory.gaussian import Controller, Dynamics, propagate
from policies.trajectory.lqr import Quadratic, update

SMOOTHING = 2.0
"""Steps: standard deviation of the Gaussian that exploration noise is smoothed with in time."""

LOST = 100.0
"""What a rollout costs in addition that ends before its time, such as by an object off the table.
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a step may go."""

    bound: float = 1.0
    """KL divergence per time step, in nats, at a multiplier of 1."""
    low: float = 0.3
    """Least multiplier: below it, noisy costs of contact bring learning to a stop."""
    high: float = 3.0
    """Largest multiplier."""


class Iteration(NamedTuple):
    """What is to be told of one iteration."""

    cost: float
    """Mean over its rollouts."""
    predicted: float
    """Improvement that the last step promised; NaN at first."""
    actual: float
    """Improvement that it brought."""
    multiplier: float
    divergence: float
    """Of the step taken now, in nats per time step."""
    eta: float
    rolled_back: bool


class _Fit(NamedTuple):
    """A controller, with what its rollouts showed."""

    controller: Controller
    dynamics: Dynamics
    expansion: Quadratic
    cost: float
    error: float
    """Standard error of the cost."""

    def value(self, controller: Controller) -> float:
        """Return the cost that this model expects of a controller."""
        return self.expansion.expected(propagate(controller, self.dynamics))


class Optimiser:
    """Improves one controller; `learn` takes the rollouts of `controller` and replaces it."""

    def __init__(self, controller: Controller, cost: Cost, prior: Prior, step: Step) -> None:
        self.controller = controller
        self._cost, self._prior, self._step = cost, prior, step
        self._multiplier = 1.0
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

    def learn(self, rollouts: Rollouts, lost: np.ndarray | None = None) -> Iteration:
        """Take a step on what rollouts of `controller` show.

        Of what happens after a rollout was lost nothing can be learned: the dynamics are fitted to
        the others, if there are two of them.
        """
        costs = self.cost_of(rollouts, lost)
        if lost is not None and np.sum(~lost) >= 2:
            rollouts = Rollouts(rollouts.states[~lost], rollouts.actions[~lost])
        self._prior.learn(rollouts)
        now = _Fit(
            self.controller,
            fitting.fit(rollouts, self._prior),
            self._cost.expand(rollouts),
            float(costs.mean()),
            float(costs.std() / np.sqrt(len(costs))),
        )
        predicted = actual = float("nan")
        if self._last:
            predicted, actual = self._adapt(self._last, now)
        rolled_back = self._best is not None and self._worse(now, self._best)
        if rolled_back:
            assert self._best is not None
            now = self._best
            self._multiplier = max(self._step.low, 0.5 * self._multiplier)
        elif self._best is None or now.cost < self._best.cost:
            self._best = now
        bound = self._step.bound * self._multiplier * now.controller.steps
        found = update(now.controller, now.dynamics, now.expansion, bound)
        self.controller, self._last = found.controller, now
        return Iteration(
            float(costs.mean()),
            predicted,
            actual,
            self._multiplier,
            found.divergence / now.controller.steps,
            found.eta,
            rolled_back,
        )

    def _adapt(self, before: _Fit, now: _Fit) -> tuple[float, float]:
        """Change the multiplier by how far the last step did what it promised."""
        begun = before.value(before.controller)
        promised = begun - before.value(now.controller)
        brought = begun - now.value(now.controller)
        # A step's true gain is quadratic in its length; this is its optimum (Levine & Abbeel).
        factor = promised / (2 * max(1e-4, promised - brought))
        factor = float(np.clip(factor, 0.1, 5.0))
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
