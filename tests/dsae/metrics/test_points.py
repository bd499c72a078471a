import numpy as np
import pytest

from dsae.metrics import points as measure

FRAMES = 400
EPISODES = np.repeat(np.arange(10), 40)


def walk(seed: int, size: float = 0.5) -> np.ndarray:
    """A smooth path (N, 2) in [−1, 1] of ten episodes."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 6, (10, 2)), rng.uniform(0.05, 0.2, (10, 2))
    time = np.tile(np.arange(40.0), 10)[:, None]
    return size * np.sin(phase[EPISODES] + speed[EPISODES] * time)


def noise(seed: int, size: float) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=(FRAMES, 2))


def stacked(*paths: np.ndarray) -> np.ndarray:
    return np.stack(paths, axis=1).astype(np.float32)


def pixels(*paths: np.ndarray) -> np.ndarray:
    """Keypoints (N, P, 3) of a 64×64 image at these paths."""
    keypoints = np.ones((FRAMES, len(paths), 3))
    keypoints[..., :2] = 32 * stacked(*paths) + 31.5
    return keypoints


def test_spread_is_the_deviation_of_the_place() -> None:
    corners = np.array([[[-0.3, -0.4]], [[0.3, 0.4]]])
    assert measure.spread(corners, 64, 64) == pytest.approx([0.5])


def test_a_point_is_dead_if_it_lies_still_or_has_no_peak() -> None:
    points = stacked(walk(0), noise(1, 0.002), walk(2), np.zeros((FRAMES, 2)))
    assert measure.dead(points, 64, 64).tolist() == [False, True, False, True]
    mass = np.full((FRAMES, 4), 0.5)
    mass[:, 2] = 0.01  # a uniform map of 32×32 has 9 / 1024 in a window of 3×3 cells
    assert measure.dead(points, 64, 64, mass, 9 / 1024).tolist() == [False, True, True, True]


def test_of_points_that_move_together_and_are_near_one_is_kept() -> None:
    path = walk(0)
    points = stacked(
        path,
        path + 0.03 + noise(1, 0.01),  # the same, a little beside it
        path + 0.6,  # moves alike, elsewhere
        walk(3),  # moves otherwise
        0.05 * walk(4) + path.mean(axis=0),  # nearly still
        path + noise(5, 0.01),  # the same, but dead for another reason
    )
    alive = np.array([True, True, True, True, True, False])
    found = measure.duplicates(points, np.array([0.2, 0.9, 0.3, 0.3, 0.3, 1.0]), alive, 64, 64)
    assert found.tolist() == [True, False, False, False, False, False]
    found = measure.duplicates(points, np.array([0.9, 0.2, 0.3, 0.3, 0.3, 1.0]), alive, 64, 64)
    assert found.tolist() == [False, True, False, False, False, False]


def test_near_is_the_same_number_of_pixels_along_both_sides() -> None:
    path, alive = walk(0), np.ones(2, bool)
    aside = stacked(
        path, path + np.array([0.07, 0])
    )  # 4.5 pixels of a width of 128: too far for 64 rows
    assert not measure.duplicates(aside, np.ones(2), alive, 64, 128).any()
    assert measure.duplicates(aside, np.ones(2), alive, 64, 64).any()


def test_movement_is_the_same_number_of_pixels_along_both_sides() -> None:
    """On 64×192 pixels, what goes as far to the right as downwards is but a third of it in x."""
    height, width = 64, 192
    path = walk(0)[:, 0]
    along_x, along_y, still = np.zeros((3, FRAMES, 2))
    along_x[:, 0], along_y[:, 1] = path / 3, path
    points = stacked(along_x, along_y, still)
    right, down, none = measure.spread(points, height, width)
    assert right == pytest.approx(down)
    assert none == 0
    assert measure.spread(points, height, height)[0] == pytest.approx(down / 3)
    # Half a pixel of 64 is the limit, along either side.
    nearly = points * 1.5 / 64 / down
    assert measure.dead(nearly, height, width).tolist() == [False, False, True]
    assert measure.dead(nearly, height, height).tolist() == [True, False, True]
    # Steady along x and jumping along y, as many pixels: the correlations of both, averaged.
    time = np.tile(np.arange(40.0), 10)
    both = np.stack([0.01 * time / 3, 0.005 * np.where(time % 2, 1, -1)], axis=1)[:, None]
    steadiness = measure.temporal_consistency(both, EPISODES, height, width)
    assert steadiness == pytest.approx([0], abs=1e-6)
    assert measure.temporal_consistency(both, EPISODES, height, height)[0] < -0.5


def test_what_a_keypoint_explains_counts_pixels() -> None:
    """The keypoint explains the movement along x, as large in pixels as the other's along y."""
    height, width = 64, 192
    followed, other = walk(0)[:, 0], walk(1)[:, 1]
    keypoints = np.ones((FRAMES, 1, 3))
    keypoints[:, 0, 0], keypoints[:, 0, 1] = 96 + 32 * followed, 32
    other = other - np.polyval(np.polyfit(followed, other, 1), followed)  # unrelated
    other *= followed.std() / other.std()
    points = stacked(np.stack([followed / 3, other], axis=1))
    found = measure.explained(points, keypoints, points, keypoints, height, width)
    assert found == pytest.approx([0.5], abs=1e-4)
    found = measure.explained(points, keypoints, points, keypoints, height, height)
    assert found == pytest.approx([0.1], abs=1e-4)


def test_background_points_are_explained_by_no_keypoint() -> None:
    keypoints = pixels(walk(0), walk(1))
    points = stacked(0.3 * walk(0) - 0.4, walk(1) + noise(2, 0.05), walk(3), np.zeros((FRAMES, 2)))
    found = measure.explained(points, keypoints, points, keypoints, 64, 64)
    assert found[0] == pytest.approx(1, abs=1e-5)
    assert 0.9 < found[1] < 1
    assert found[2] < measure.EXPLAINED
    assert found[3] == 0


def test_what_explains_is_fitted_on_training_and_on_visible_frames_alone() -> None:
    keypoints = pixels(walk(0))
    points = stacked(walk(0))
    moved = stacked(-walk(0))  # held out, the point goes the other way
    assert measure.explained(points, keypoints, moved, keypoints, 64, 64)[0] == 0
    keypoints[::2, 0] = [1e6, -1e6, 0]
    assert measure.explained(points, keypoints, points, keypoints, 64, 64)[0] == pytest.approx(
        1, abs=1e-4
    )
    keypoints[..., 2] = 0
    assert measure.explained(points, keypoints, points, keypoints, 64, 64)[0] == 0


def test_temporal_consistency_of_known_movements() -> None:
    time = np.tile(np.arange(40.0), 10)[:, None]
    steps = noise(0, 0.1)
    straight = EPISODES[:, None] + time * [0.01, 0.02]  # it jumps only between episodes
    jumping = np.tile([[0.5, 0.5], [-0.5, -0.5]], (FRAMES // 2, 1))
    points = np.stack(
        [straight, np.cumsum(steps, axis=0), steps, jumping, np.zeros((FRAMES, 2))], axis=1
    )
    found = measure.temporal_consistency(points, EPISODES, 64, 64)
    assert found[:4] == pytest.approx([1, 0, -0.5, -1], abs=0.1)
    assert np.isnan(found[4])


def test_coverage_is_the_foreground_near_points() -> None:
    masks = np.zeros((20, 64, 64), bool)
    masks[:, 30:34, 30:34] = True  # a square in the middle
    masks[:10, 4:8, 4:8] = True  # and one in a corner, on half of the frames
    middle, corner = np.zeros((20, 2)), np.full((20, 2), (2 * 5.5 + 1) / 64 - 1)
    share, area, own = measure.coverage(stacked(middle), masks)
    assert share == pytest.approx(2 / 3)
    assert area == pytest.approx(np.pi * 3.2**2 / 64**2, rel=0.05)
    assert own.tolist() == [1]
    share, _, own = measure.coverage(stacked(middle, corner, -corner), masks)
    assert share == 1
    assert own.tolist() == [1, 0.5, 0]
    assert measure.coverage(stacked(middle)[:, :0], masks)[:2] == (0, 0)
    assert np.isnan(measure.coverage(stacked(middle), np.zeros_like(masks))[0])


def test_coverage_on_oblong_images_counts_pixels() -> None:
    masks = np.zeros((1, 20, 80), bool)
    masks[0, :, 40] = True  # a column of 20 pixels, half a pixel right of the middle
    share, _, _ = measure.coverage(np.zeros((1, 1, 2)), masks)
    assert share == pytest.approx(2 / 20)  # the radius is one pixel of 20
