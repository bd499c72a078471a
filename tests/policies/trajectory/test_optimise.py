"""The whole loop, on a problem whose optimum is known."""

import itertools
from typing import Any

import numpy as np
import pytest
import systems
from systems import dynamics, roll, standing

from policies.errors import PolicyError
from policies.trajectory import optimise
from policies.trajectory.costs import Cost, Offset, Term
from policies.trajectory.dynamics import Prior, Rollouts
from policies.trajectory.gaussian import Dynamics, propagate
from policies.trajectory.lqr import Quadratic, backward
from policies.trajectory.optimise import Iteration, Optimiser, Step, _Fit, noise

COST = Cost([Term(Offset(np.eye(2), np.zeros(2)), np.ones(systems.STEPS + 1), log=0.0)], 0.5)


def optimum() -> float:
    """The cost of the best controller, without exploration."""
    zero = Rollouts(np.zeros((1, systems.STEPS + 1, 2)), np.zeros((1, systems.STEPS, 1)))
    exact: Quadratic = COST.expand(zero)
    best = backward(dynamics(), exact)
    calm = best._replace(covariances=1e-12 * best.covariances)
    return exact.expected(propagate(calm, dynamics()))


def learned(iterations: int, seed: int) -> tuple[Optimiser, list[float]]:
    rng = np.random.default_rng(seed)
    optimiser = Optimiser(standing(), COST, Prior(), Step())
    costs = []
    for _ in range(iterations):
        shocks = noise(5, systems.STEPS, 1, rng)
        costs.append(optimiser.learn(roll(optimiser.controller, shocks, rng)).cost)
    return optimiser, costs


def test_the_cost_falls_to_the_optimum() -> None:
    optimiser, costs = learned(12, 0)
    rng = np.random.default_rng(99)
    still = np.zeros((200, systems.STEPS, 1))
    reached = COST.values(roll(optimiser.best, still, rng)).sum(axis=1).mean()
    begun = COST.values(roll(standing(), still, rng)).sum(axis=1).mean()
    assert costs[-1] < 0.5 * costs[0]
    assert reached - optimum() < 0.05 * (begun - optimum())


def test_the_best_controller_is_kept_when_a_later_one_is_worse() -> None:
    optimiser, costs = learned(8, 1)
    assert optimiser.best_cost == pytest.approx(min(costs))
    bad = standing()._replace(offsets=np.full((systems.STEPS, 1), 50.0))
    kept = optimiser.best
    optimiser.controller = bad
    rng = np.random.default_rng(2)
    told = optimiser.learn(roll(bad, noise(5, systems.STEPS, 1, rng), rng))
    assert told.rolled_back
    assert optimiser.best is kept
    # Learning goes on from the best one.
    mean = np.abs(optimiser.controller.offsets).max()
    assert mean < 10


def test_a_step_that_made_things_worse_is_tried_shorter_never_again_as_it_was() -> None:
    """Whatever follows the first iteration ends badly, as it may where a model is wrong."""
    rng = np.random.default_rng(5)
    optimiser = Optimiser(standing(), COST, Prior(), Step())
    told = []
    for number in range(6):
        rollouts = roll(optimiser.controller, noise(5, systems.STEPS, 1, rng), rng)
        bad = rollouts._replace(states=rollouts.states + (100.0 if number else 0.0))
        told.append(optimiser.learn(bad))
    assert all(one.rolled_back for one in told[1:])
    multipliers = [one.multiplier for one in told]
    assert all(later < before for before, later in itertools.pairwise(multipliers))
    steps = [one.divergence for one in told]
    assert all(0 < later < before for before, later in itertools.pairwise(steps))
    optimiser.learn(roll(optimiser.controller, noise(5, systems.STEPS, 1, rng), rng))
    assert optimiser._multiplier >= Step().low  # as long as usual again


def test_noise_is_smooth_and_of_unit_variance() -> None:
    shocks = noise(400, 100, 3, np.random.default_rng(3))
    assert shocks.std() == pytest.approx(1, abs=0.02)
    neighbours = np.mean(shocks[:, 1:] * shocks[:, :-1])
    far = np.mean(shocks[:, 20:] * shocks[:, :-20])
    assert neighbours > 0.9
    assert abs(far) < 0.05


def test_the_same_seed_gives_the_same_controller() -> None:
    np.testing.assert_array_equal(
        learned(3, 4)[0].controller.gains, learned(3, 4)[0].controller.gains
    )


def fitted(cost: float, matrices: float = 1.0) -> _Fit:
    """A fit of the standing controller, of a rollout that cost as much; the system's maps scaled.

    It cost nothing but at the first two times, which would be 0 together but for that.
    """
    zero = Rollouts(np.zeros((1, systems.STEPS + 1, 2)), np.zeros((1, systems.STEPS, 1)))
    there = dynamics()
    exploding = there._replace(matrices=matrices * there.matrices)
    costs = np.zeros((1, systems.STEPS + 1))
    costs[0, :2] = 50 + cost, -50
    return _Fit(standing(), exploding, COST.expand(zero), costs, cost, 0.0)


def test_what_an_exploding_model_tells_of_a_step_is_not_believed() -> None:
    expected = fitted(0.0).value(standing())
    good, exploding = fitted(expected), fitted(0.9 * expected, matrices=3.0)
    assert good.credible
    assert fitted(0.0).credible  # what costs as much as it gains is known no worse
    assert exploding.value(standing()) > 1e6 * expected
    assert not exploding.credible
    optimiser = Optimiser(standing(), COST, Prior(), Step())
    for before, now, gained in ((good, exploding, 0.1), (exploding, good, -0.1)):
        _, brought = optimiser._adapt(before, now)
        assert brought == pytest.approx(gained * expected)
    assert np.isnan(optimiser._adapt(exploding, good)[0])


def test_a_step_that_cannot_be_taken_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is put in: maps that let everything overflow."""
    rng = np.random.default_rng(0)
    optimiser, fit = Optimiser(standing(), COST, Prior(), Step()), optimise.fitting.fit

    def iterate() -> Iteration:
        return optimiser.learn(roll(optimiser.controller, noise(5, systems.STEPS, 1, rng), rng))

    def overflowing(*given: Any) -> Dynamics:
        found = fit(*given)
        return found._replace(matrices=1e200 * found.matrices)

    begun = optimiser.controller
    monkeypatch.setattr(optimise.fitting, "fit", overflowing)
    with np.errstate(all="ignore"):
        told = [iterate(), iterate()]
    assert optimiser.controller is begun
    assert all(one.divergence == 0 and np.isnan(one.actual) for one in told)
    monkeypatch.setattr(optimise.fitting, "fit", fit)
    later = [iterate() for _ in range(4)]
    assert all(one.divergence > 0 for one in later)
    assert later[-1].cost < 0.5 * told[0].cost
    monkeypatch.setattr(optimise.fitting, "fit", overflowing)
    with np.errstate(all="ignore"):
        for _ in range(optimise.STUCK - 1):
            iterate()
        with pytest.raises(PolicyError, match="no step within the bound"):
            iterate()
