import numpy as np
import pytest

from dsae.metrics.probe import probe_errors
from dsae.metrics.tracking import MIN_SAMPLES

MIXING = np.random.default_rng(9).normal(size=(2, 6)) * [1, 10, 0.1, 5, 1, 100]


def codes(frames: int, seed: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, 6), of very different scales, that are linear in a keypoint (N, 1, 3)."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 64, (frames, 2))
    features = (places - 32) @ MIXING + 7
    truth = np.column_stack([places, np.ones(frames)])[:, None]
    return (features + noise * rng.normal(size=features.shape)).astype(np.float32), truth


def test_a_linear_code_is_read_out() -> None:
    (error,) = probe_errors(*codes(300, 0), *codes(100, 1))
    assert error < 0.1


def test_a_code_without_information_scores_as_the_mean() -> None:
    rng = np.random.default_rng(3)
    (_, train), (_, test) = codes(2000, 0), codes(500, 1)
    blind = [rng.normal(size=(len(truth), 6)).astype(np.float32) for truth in (train, test)]
    (error,) = probe_errors(blind[0], train, blind[1], test)
    mean = np.linalg.norm(test[:, 0, :2] - train[:, 0, :2].mean(axis=0), axis=1).mean()
    assert error == pytest.approx(mean, rel=0.02)


def test_it_is_fitted_on_training_frames_alone() -> None:
    features, truth = codes(100, 1)
    shifted = truth.copy()
    shifted[:, 0, :2] += [6.0, 8.0]
    (error,) = probe_errors(*codes(300, 0), features, shifted)
    assert error == pytest.approx(10, abs=0.1)


def test_hidden_frames_do_not_count_and_rare_keypoints_are_not_scored() -> None:
    train, test = codes(300, 0), codes(100, 1)
    for _, truth in (train, test):
        truth[::3, 0, 2], truth[::3, 0, :2] = 0, 1e6
    assert probe_errors(*train, *test)[0] < 0.1
    test[1][MIN_SAMPLES - 1 :, 0, 2] = 0
    assert np.isnan(probe_errors(*train, *test)[0])


def test_a_feature_that_never_changes_does_no_harm() -> None:
    halves = codes(300, 0), codes(100, 1)
    widened = [np.column_stack([features, np.full(len(features), 3)]) for features, _ in halves]
    (error,) = probe_errors(widened[0], halves[0][1], widened[1], halves[1][1])
    assert error < 0.1
