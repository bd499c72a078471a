import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from dsae.metrics import state
from dsae.metrics.state import ground_truth_correlation, knn_mse, roughness

ONE = np.zeros(10_000, int)


def toolbox(codes: np.ndarray, truth: np.ndarray, k: int = 5) -> float:
    """KNN-MSE by scikit-learn, as the S-RL Toolbox computes it."""
    found = NearestNeighbors(n_neighbors=k + 1).fit(codes).kneighbors(codes)[1][:, 1:]
    return float(((truth[found] - truth[:, None]) ** 2).sum(axis=2).mean())


@pytest.mark.parametrize(("frames", "offset"), [(300, 0.0), (700, 1000.0)])
def test_knn_mse_is_that_of_scikit_learn(frames: int, offset: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(frames, 4))
    codes = truth @ rng.normal(size=(4, 7)) + 0.3 * rng.normal(size=(frames, 7)) + offset
    found = knn_mse(codes, truth, ONE[:frames])
    assert found.mse == pytest.approx(toolbox(codes, truth), abs=1e-5)
    assert np.isnan(found.other_episodes)


def test_neighbours_are_looked_for_among_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "QUERIES", 10)
    line = np.arange(100.0)[:, None]  # the two nearest of an inner frame are 1 away
    found = knn_mse(line, line, ONE[:100], k=2)
    assert found.mse == pytest.approx((9 * 1 + (1 + 4) / 2) / 10)  # the first frame is at an end


def test_frames_of_the_same_episode_do_not_count_as_other_ones() -> None:
    places = np.repeat([0.0, 3.0], 10)[:, None]  # two episodes, each lying still
    codes = places + 0.001 * np.random.default_rng(0).normal(size=(20, 1))
    found = knn_mse(codes, places, np.repeat([4, 9], 10))
    assert found == pytest.approx((0, 9))


def test_frames_of_one_code_are_neighbours_but_not_of_themselves() -> None:
    truth = np.array([[0.0], [1.0], [50.0]])
    found = knn_mse(np.zeros((3, 2)), truth, ONE[:3], k=2)
    assert found.mse == pytest.approx((1 + 2500 + 1 + 2401 + 2500 + 2401) / 6)


def test_gtc_of_copies_is_one_and_of_noise_is_small() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2000, 3)) * [1, 10, 0.01]
    copies = np.column_stack([-3 * truth[:, 2] + 7, truth[:, 0], np.full(2000, 5.0), -truth[:, 1]])
    np.testing.assert_allclose(ground_truth_correlation(copies, truth), 1)
    assert ground_truth_correlation(rng.normal(size=(2000, 4)), truth).max() < 0.1
    mixed = truth[:, :1] + truth[:, 1:2] / 10  # half of its variance from each
    np.testing.assert_allclose(ground_truth_correlation(mixed, truth)[:2], np.sqrt(0.5), atol=0.05)


def test_gtc_of_what_does_not_vary() -> None:
    rng = np.random.default_rng(0)
    truth = np.column_stack([rng.normal(size=500), np.full(500, 0.03)])
    first, second = ground_truth_correlation(np.ones((500, 2)), truth)
    assert first == 0
    assert np.isnan(second)
    assert state.mean_or_nan(np.array([0.5, np.nan])) == 0.5
    assert np.isnan(state.mean_or_nan(np.array([np.nan])))


def test_gtc_looks_at_visible_frames() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(1000, 2))
    codes, visible = truth.copy(), np.ones((1000, 2))
    codes[500:, 0], visible[500:, 0] = 0, 0
    assert ground_truth_correlation(codes, truth)[0] < 0.8
    np.testing.assert_allclose(ground_truth_correlation(codes, truth, visible), 1)


def test_constant_velocity_is_smooth_and_white_noise_is_not() -> None:
    episodes = np.repeat(np.arange(50), 40)
    time = np.tile(np.arange(40.0), 50)
    rng = np.random.default_rng(0)
    velocity, start = rng.normal(size=(2, 50, 2))
    straight = start[episodes] + velocity[episodes] * time[:, None]  # it jumps between episodes
    values = np.column_stack([straight, rng.normal(size=2000), np.full(2000, 0.1)])
    found = roughness(values, episodes)
    np.testing.assert_allclose(found[:2], 0, atol=1e-20)
    assert found[2] == pytest.approx(state.WHITE_NOISE_ROUGHNESS, rel=0.1)
    assert np.isnan(found[3])
    np.testing.assert_allclose(roughness(100 * values, episodes)[2], found[2])


def test_an_oscillation_has_the_roughness_of_its_frequency() -> None:
    wave = np.sin(0.3 * np.arange(4000.0))[:, None]
    (found,) = roughness(wave, ONE[:4000])
    assert found == pytest.approx((2 - 2 * np.cos(0.3)) ** 2, rel=1e-2)
    assert np.isnan(roughness(wave[:4], np.array([0, 0, 1, 1]))).all()
