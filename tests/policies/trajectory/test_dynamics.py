"""Fitted dynamics against a system that is known."""

import numpy as np
import systems
from systems import A, B, roll, standing

from policies.trajectory.dynamics import Prior, Rollouts, fit

TRUE = np.hstack([A, B])


def rollouts(count: int, seed: int) -> Rollouts:
    rng = np.random.default_rng(seed)
    return roll(standing(), rng.standard_normal((count, systems.STEPS, 1)), rng)


def worst(matrices: np.ndarray) -> float:
    return float(np.abs(matrices[1:] - TRUE).max())


def test_many_rollouts_give_the_system_without_a_prior() -> None:
    found = fit(rollouts(3000, 0), None)
    assert worst(found.matrices) < 0.05
    np.testing.assert_allclose(found.covariances[5], systems.NOISE * np.eye(2), atol=3e-5)
    np.testing.assert_allclose(found.initial_mean, systems.START, atol=1e-9)


def test_with_the_prior_four_rollouts_are_enough() -> None:
    few = rollouts(4, 1)
    prior = Prior(clusters=3)
    for seed in (2, 3, 4):
        prior.learn(rollouts(4, seed))
    prior.learn(few)
    with_prior, without = fit(few, prior), fit(few, None)
    assert worst(with_prior.matrices) < 0.3
    # Three inputs and four points: the least-squares fit is all noise.
    assert worst(without.matrices) > 3 * worst(with_prior.matrices)


def test_what_never_moves_is_no_trouble() -> None:
    still = rollouts(5, 5)
    frozen = Rollouts(
        np.concatenate([still.states, np.full((*still.states.shape[:2], 2), 0.7)], axis=2),
        still.actions,
    )
    prior = Prior()
    prior.learn(frozen)
    found = fit(frozen, prior)
    assert np.isfinite(found.matrices).all()
    assert np.all(np.linalg.eigvalsh(found.covariances) > 0)
    states = np.append(frozen.states[0, 10], frozen.actions[0, 10])
    predicted = found.matrices[10] @ states + found.offsets[10]
    np.testing.assert_allclose(predicted[2:], 0.7, atol=1e-6)


def test_the_same_seed_gives_the_same_fit() -> None:
    def fitted() -> np.ndarray:
        prior = Prior()
        prior.learn(rollouts(5, 6))
        return fit(rollouts(5, 6), prior).matrices

    np.testing.assert_array_equal(fitted(), fitted())
