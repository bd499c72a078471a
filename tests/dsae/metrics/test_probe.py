import numpy as np
import pytest

from dsae.metrics.probe import Halves, distances, linear, mlp, probe_errors
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
    widened[0][:, -1] += 1e-7 * np.random.default_rng(0).normal(size=300)  # but for rounding
    widened[1][:, -1] = 4  # and held out it has another value
    (error,) = probe_errors(widened[0], halves[0][1], widened[1], halves[1][1])
    assert error < 0.1


def bent(frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, 4) that hold a place as angles, and the place in pixels and metres (N, 2, 5 + 1).

    The second keypoint is hidden on every third frame, its truth nonsense then.
    """
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-np.pi, np.pi, (frames, 2))
    features = np.column_stack([np.sin(angles), np.cos(angles)]).astype(np.float32)
    pixels = 32 + 20 * np.abs(angles / np.pi)
    metres = np.column_stack([0.01 * pixels, np.full(frames, 0.4)])  # at one height
    place = np.column_stack([pixels, metres, np.ones(frames)])
    truth = np.stack([place, place], axis=1)
    truth[::3, 1, :] = 1e6
    truth[::3, 1, -1] = 0
    return features, truth


def test_the_mlp_reads_what_a_line_cannot() -> None:
    halves = Halves(*bent(800, 0), *bent(300, 1))
    straight, curved = linear(halves), mlp(halves)
    pixels, metres = [0, 1], [2, 3, 4]
    for keypoint in range(2):
        assert distances(curved, halves, pixels)[keypoint] < 0.4
        assert distances(straight, halves, pixels)[keypoint] > 0.8
        assert distances(curved, halves, metres)[keypoint] < 0.004
    np.testing.assert_array_equal(mlp(halves), curved)
    assert not np.array_equal(mlp(halves, seed=1), curved)


def test_the_mlp_reads_a_linear_code_as_exactly_as_the_line() -> None:
    halves = Halves(*codes(300, 0, noise=1.0), *codes(300, 1, noise=1.0))
    line, network = distances(linear(halves), halves), distances(mlp(halves), halves)
    assert network == pytest.approx(line, rel=0.1)


def test_the_mlp_finds_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(3)
    (_, train), (_, test) = codes(800, 0), codes(500, 1)
    halves = Halves(rng.normal(size=(800, 6)), train, rng.normal(size=(500, 6)), test)
    mean = np.linalg.norm(test[:, 0, :2] - train[:, 0, :2].mean(axis=0), axis=1).mean()
    (error,) = distances(mlp(halves), halves)
    assert error == pytest.approx(mean, rel=0.05)


def test_pixels_and_metres_are_read_as_if_alone() -> None:
    (features, train), (held_out, test) = bent(300, 0), bent(100, 1)
    together = linear(Halves(features, train, held_out, test))
    for columns in ([0, 1, 5], [2, 3, 4, 5]):
        alone = probe_errors(features, train[..., columns], held_out, test[..., columns])
        halves = Halves(features, train, held_out, test)
        assert distances(together, halves, columns[:-1]) == pytest.approx(alone)
