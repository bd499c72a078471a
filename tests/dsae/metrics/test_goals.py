import numpy as np
import pytest
from scenes import scene

from dsae.metrics.goals import goal_correlation

WORLD = scene(8, 50)
COUNT = len(WORLD.episodes)
TRUTH = np.stack([WORLD.hand, WORLD.block], axis=1)
PRESENT, KEPT = np.ones((COUNT, 2), bool), np.ones(2, bool)
HAND, BLOCK = np.array([True, False]), np.array([False, True])


def noisy(size: float) -> np.ndarray:
    return np.stack([WORLD.hand + WORLD.noise(0, size), WORLD.block + WORLD.noise(1, size)], axis=1)


def test_true_places_give_one() -> None:
    found = goal_correlation(TRUTH, PRESENT, KEPT, TRUTH, WORLD.episodes)
    assert found.same.shape == found.every.shape == (8,)
    np.testing.assert_allclose(found.same, 1)
    np.testing.assert_allclose(found.every, 1)


def test_a_scale_of_the_image_changes_nothing_and_noise_does() -> None:
    nearer = goal_correlation(0.3 * TRUTH + 0.1, PRESENT, KEPT, TRUTH, WORLD.episodes)
    np.testing.assert_allclose(nearer.every, 1)
    found = [
        goal_correlation(noisy(size), PRESENT, KEPT, TRUTH, WORLD.episodes).every.mean()
        for size in (0.01, 0.1, 1.0)
    ]
    assert 1 > found[0] > 0.98 > found[1] > 0.5 > found[2]


def test_only_kept_points_and_the_things_asked_for_count() -> None:
    block = TRUTH[:, 1:]
    found = goal_correlation(TRUTH, PRESENT, BLOCK, block, WORLD.episodes)
    np.testing.assert_allclose(found.every, 1)
    wrong = goal_correlation(TRUTH, PRESENT, HAND, block, WORLD.episodes)
    assert wrong.every.mean() < 0.8


def test_it_is_spearmans_rank_correlation() -> None:
    from scipy.stats import spearmanr

    points, block = noisy(0.1), TRUTH[:, 1:]
    found = goal_correlation(points, PRESENT, BLOCK, block, WORLD.episodes)
    last = np.flatnonzero(WORLD.episodes == 3)[-1]
    seen = np.linalg.norm(points[:, 1] - points[last, 1], axis=1)
    true = np.linalg.norm(WORLD.block - WORLD.block[last], axis=1)
    assert found.every[3] == pytest.approx(spearmanr(seen, true).statistic)
    inside = WORLD.episodes == 3
    assert found.same[3] == pytest.approx(spearmanr(seen[inside], true[inside]).statistic)


def test_frames_without_a_point_are_left_out_unless_they_are_told_to_count() -> None:
    hidden = np.zeros(COUNT, bool)
    hidden[::3] = True
    hidden[np.flatnonzero(np.diff(WORLD.episodes, append=-1))] = False  # not in the goals
    points, present = TRUTH.copy(), PRESENT.copy()
    points[hidden], present[hidden] = 5.0, False
    found = goal_correlation(points, present, KEPT, TRUTH, WORLD.episodes)
    np.testing.assert_allclose(found.every, 1)
    counted = goal_correlation(points, present, KEPT, TRUTH, WORLD.episodes, absent_count=True)
    assert counted.every.max() < 0.9


def test_goals_that_say_nothing_are_not_scored() -> None:
    present, visible = PRESENT.copy(), np.ones((COUNT, 2), bool)
    last = np.flatnonzero(np.diff(WORLD.episodes, append=-1))
    present[last[0]] = False  # no point
    visible[last[1], 1] = False  # nobody can see where the block should be
    truth = TRUTH.copy()
    truth[WORLD.episodes == 2] = truth[last[2]]  # nothing moves
    found = goal_correlation(TRUTH, present, KEPT, truth, WORLD.episodes, visible=visible)
    assert np.isnan(found.same).tolist() == [True, True, True] + 5 * [False]
    assert np.isnan(found.every).tolist() == [True, True] + 6 * [False]
    short = goal_correlation(TRUTH[-5:], PRESENT[-5:], KEPT, TRUTH[-5:], np.zeros(5))
    assert np.isnan(short.same).all()


def test_on_oblong_images_pixels_count() -> None:
    wide = TRUTH * [1 / 3, 1.0]  # the same pixels, in the middle of an image of 64×192
    found = goal_correlation(wide, PRESENT, KEPT, TRUTH, WORLD.episodes, height=64, width=192)
    np.testing.assert_allclose(found.every, 1)
    squeezed = goal_correlation(wide, PRESENT, KEPT, TRUTH, WORLD.episodes)
    assert squeezed.every.min() < 0.999
