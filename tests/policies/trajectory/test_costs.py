"""Costs and their expansions, against finite differences."""

import numpy as np
import pytest

from policies.trajectory.costs import Behind, Cost, Offset, Residual, Term, ramp
from policies.trajectory.dynamics import Rollouts
from policies.trajectory.gaussian import Trajectory

STEPS, STATES, ACTIONS = 4, 5, 2
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(2, STATES))
RESIDUALS: dict[str, Residual] = {
    "offset": Offset(MATRIX, np.array([0.3, -0.2])),
    "moving target": Offset(MATRIX, RNG.normal(size=(STEPS + 1, 2))),
    "behind": Behind(
        np.eye(STATES)[:2], np.eye(STATES)[2:4], np.array([2.0, -1.0]), radius=0.5, soft=0.1
    ),
    "behind what is measured": Behind(
        np.eye(STATES)[:2],
        RNG.normal(size=(2, STATES)),
        np.array([2.0, -1.0]),
        radius=0.5,
        soft=0.1,
        shift=np.array([0.3, 0.7]),
    ),
}


@pytest.mark.parametrize("name", RESIDUALS)
def test_jacobian_and_gradient_are_the_differences(name: str) -> None:
    term = Term(RESIDUALS[name], RNG.uniform(0.5, 2, STEPS + 1), square=1.5, log=0.3, alpha=0.01)
    states = RNG.normal(size=(STEPS + 1, STATES))
    gradient, _ = term.expansion(states)
    slope = term.residual.jacobian(states)
    for i in range(STATES):
        step = np.zeros(STATES)
        step[i] = 1e-6
        np.testing.assert_allclose(
            gradient[:, i],
            (term.values(states + step) - term.values(states - step)) / 2e-6,
            atol=1e-6,
        )
        ahead, back = term.residual.away(states + step), term.residual.away(states - step)
        np.testing.assert_allclose(slope[..., i], (ahead - back) / 2e-6, atol=1e-6)


@pytest.mark.parametrize("name", RESIDUALS)
def test_hessians_are_never_negative(name: str) -> None:
    term = Term(RESIDUALS[name], np.ones(STEPS + 1))
    for scale in (1e-4, 1.0, 100.0):
        _, hessian = term.expansion(scale * RNG.normal(size=(STEPS + 1, STATES)))
        lowest = np.linalg.eigvalsh(hessian).min(axis=1)
        assert np.all(lowest >= -1e-9 * np.abs(hessian).max(axis=(1, 2)))


def test_behind_the_object_costs_least() -> None:
    residual = Behind(np.eye(4)[:2], np.eye(4)[2:], np.array([1.0, 0.0]), radius=0.1, soft=0.0)
    np.testing.assert_allclose(residual.away(np.array([[-0.1, 0.0, 0.0, 0.0]])), 0, atol=1e-12)
    aside = residual.away(np.array([[0.0, 0.1, 0.0, 0.0]]))
    assert np.linalg.norm(aside) == pytest.approx(0.1 * np.sqrt(2))
    # The same, the thing being told from elsewhere.
    shift = np.array([0.4, -0.3])
    moved = residual._replace(shift=shift)
    for hand in ([-0.1, 0.0], [0.0, 0.1]):
        np.testing.assert_allclose(
            moved.away(np.array([*hand, *-shift])),
            residual.away(np.array([*hand, 0.0, 0.0])),
            atol=1e-12,
        )


def test_a_quadratic_cost_is_expanded_exactly() -> None:
    weights = ramp(STEPS)
    cost = Cost([Term(RESIDUALS["offset"], weights, square=2.0, log=0.0)], action_weight=0.7)
    rolled = Rollouts(RNG.normal(size=(6, STEPS + 1, STATES)), RNG.normal(size=(6, STEPS, ACTIONS)))
    joint = np.concatenate([rolled.states[:, :-1], rolled.actions], axis=2)

    def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread = values - values.mean(axis=0)
        return values.mean(axis=0), np.einsum("nti,ntj->tij", spread, spread) / len(values)

    last = moments(rolled.states[:, -1:])
    trajectory = Trajectory(*moments(joint), last[0][0], last[1][0])
    expected = cost.values(rolled).sum(axis=1).mean()
    assert cost.expand(rolled).expected(trajectory) == pytest.approx(expected)


def test_weights_over_time() -> None:
    np.testing.assert_allclose(ramp(4), [0, 1 / 16, 1 / 4, 9 / 16, 1])
    np.testing.assert_allclose(ramp(2, 1.0, last=5), [0, 0.5, 5])
