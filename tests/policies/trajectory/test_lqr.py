"""The KL-constrained update against what is known in closed form."""

import numpy as np
import pytest
import systems
from scipy.linalg import solve_discrete_are
from systems import A, B, dynamics, roll, standing

from policies.trajectory.gaussian import Controller, divergence, propagate
from policies.trajectory.lqr import Quadratic, backward, update

Q, R = np.diag([3.0, 0.5]), np.array([[0.2]])


def quadratic(steps: int = systems.STEPS, last: np.ndarray = Q) -> Quadratic:
    joint = np.block([[Q, np.zeros((2, 1))], [np.zeros((1, 2)), R]])
    return Quadratic(
        np.repeat(joint[None], steps, axis=0),
        np.zeros((steps, 3)),
        np.zeros(steps),
        last,
        np.zeros(2),
        0.0,
    )


def test_a_constant_system_gets_the_gain_of_the_riccati_equation() -> None:
    found = backward(dynamics(300), quadratic(300))
    value = solve_discrete_are(A, B, Q, R)
    gain = -np.linalg.solve(R + B.T @ value @ B, B.T @ value @ A)
    np.testing.assert_allclose(found.gains[0], gain, rtol=1e-8)
    np.testing.assert_allclose(found.offsets[0], 0, atol=1e-12)


def test_a_goal_elsewhere_is_reached_in_the_mean() -> None:
    goal = np.array([0.4, 0.0])
    cost = quadratic()._replace(
        vectors=np.tile(np.append(-Q @ goal, 0.0), (systems.STEPS, 1)), last_vector=-Q @ goal
    )
    # A long horizon, so that the end is the steady state.
    cost = Quadratic(*(np.concatenate([part] * 10) for part in cost[:3]), *cost[3:])
    found = propagate(backward(dynamics(300), cost), dynamics(300))
    np.testing.assert_allclose(found.means[200, :2], goal, atol=0.01)


def test_the_marginals_are_those_of_many_rollouts() -> None:
    controller = Controller.constant(
        systems.STEPS, np.array([[-1.0, -0.5]]), np.array([0.2]), 0.3 * np.eye(1)
    )
    rng = np.random.default_rng(0)
    rolled = roll(controller, rng.standard_normal((20_000, systems.STEPS, 1)), rng)
    found = propagate(controller, dynamics())
    joint = np.concatenate([rolled.states[:, :-1], rolled.actions], axis=2)
    np.testing.assert_allclose(found.means, joint.mean(axis=0), atol=0.02)
    for step in (1, 15, 29):
        np.testing.assert_allclose(
            found.covariances[step], np.cov(joint[:, step].T), rtol=0.1, atol=2e-3
        )
    np.testing.assert_allclose(found.last_mean, rolled.states[:, -1].mean(axis=0), atol=0.02)


def test_the_divergence_is_the_mean_log_ratio() -> None:
    old = Controller.constant(
        systems.STEPS, np.array([[-1.0, 0.0]]), np.array([0.1]), 0.5 * np.eye(1)
    )
    new = Controller.constant(
        systems.STEPS, np.array([[-0.5, -0.2]]), np.array([0.0]), 0.2 * np.eye(1)
    )
    rng = np.random.default_rng(1)
    rolled = roll(new, rng.standard_normal((20_000, systems.STEPS, 1)), rng)

    def log_density(controller: Controller) -> np.ndarray:
        mean = np.einsum("tux,ntx->ntu", controller.gains, rolled.states[:, :-1])
        away = rolled.actions - mean - controller.offsets
        variance = controller.covariances[:, 0, 0]
        return -0.5 * (away[..., 0] ** 2 / variance + np.log(variance))

    expected = (log_density(new) - log_density(old)).mean(axis=0)
    found = divergence(new, old, propagate(new, dynamics()))
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert divergence(old, old, propagate(old, dynamics())) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("bound", [0.5, 5.0, 50.0])
def test_the_step_stays_within_its_bound_and_uses_it(bound: float) -> None:
    found = update(standing(), dynamics(), quadratic(), bound)
    again = divergence(found.controller, standing(), found.trajectory).sum()
    assert found.divergence == pytest.approx(again)
    assert 0.9 * bound <= found.divergence <= 1.1 * bound
    before = quadratic().expected(propagate(standing(), dynamics()))
    assert quadratic().expected(found.trajectory) < before


def test_a_longer_step_costs_less() -> None:
    costs = [
        quadratic().expected(update(standing(), dynamics(), quadratic(), bound).trajectory)
        for bound in (0.1, 1.0, 10.0, 100.0)
    ]
    assert costs == sorted(costs, reverse=True)


def test_where_the_cost_bends_the_wrong_way_the_step_gets_shorter() -> None:
    cost = quadratic()
    matrices = cost.matrices.copy()
    matrices[:, 2, 2] = -5.0
    found = update(standing(), dynamics(), cost._replace(matrices=matrices), 1000.0)
    assert np.isfinite(found.divergence)
    assert np.all(np.linalg.eigvalsh(found.controller.covariances) > 0)
    assert found.divergence <= 1.1 * 1000
