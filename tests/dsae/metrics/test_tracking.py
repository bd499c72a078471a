import numpy as np
import pytest

from dsae.metrics.tracking import (
    MIN_SAMPLES,
    Tracking,
    constant_errors,
    tracked_shares,
    tracking_errors,
)

AFFINE = np.array([[20.0, 3.0], [-4.0, 15.0], [31.0, 24.0]])  # from (x, y, 1) to pixels


def scene(frames: int, seed: int, points: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Random points (N, K, 2), and two keypoints that are affine images of points 2 and 0."""
    rng = np.random.default_rng(seed)
    found = rng.uniform(-1, 1, (frames, points, 2)).astype(np.float32)
    truth = np.ones((frames, 2, 3), np.float32)
    for i, point in enumerate((2, 0)):
        truth[:, i, :2] = np.column_stack([found[:, point], np.ones(frames)]) @ AFFINE
    return found, truth


def test_an_affine_image_of_a_point_is_tracked_exactly() -> None:
    results = tracking_errors(*scene(100, 0), *scene(60, 1))
    assert [result.point for result in results] == [2, 0]
    for result in results:
        assert result.error < 1e-4
        np.testing.assert_allclose(result.affine, AFFINE, atol=1e-4)


def test_error_is_the_mean_distance_on_held_out_frames() -> None:
    test_points, test_truth = scene(60, 1)
    test_truth[:30, 0, :2] += [3.0, 4.0]  # half of the frames are 5 pixels off
    results = tracking_errors(*scene(100, 0), test_points, test_truth)
    assert results[0].error == pytest.approx(2.5, abs=1e-3)
    assert results[0].squared == pytest.approx([4.5, 8.0], abs=1e-2)
    assert results[1].error < 1e-4


def test_point_and_map_are_chosen_on_training_frames_alone() -> None:
    train, test = scene(100, 0), scene(60, 1)
    test[0][:, [2, 3]] = test[0][:, [3, 2]]  # held out, another point is the right one
    result = tracking_errors(*train, *test)[0]
    assert result.point == 2
    assert result.error > 5


def test_frames_on_which_a_keypoint_is_hidden_do_not_count() -> None:
    train, test = scene(100, 0), scene(60, 1)
    for _, truth in (train, test):
        truth[::2, :, 2] = 0
        truth[::2, :, :2] = 1e6
    assert max(result.error for result in tracking_errors(*train, *test)) < 1e-4


@pytest.mark.parametrize("half", [0, 1])
def test_a_keypoint_that_is_too_rarely_seen_is_not_scored(half: int) -> None:
    halves = scene(100, 0), scene(60, 1)
    halves[half][1][MIN_SAMPLES - 1 :, 1, 2] = 0
    seen, hidden = tracking_errors(*halves[0], *halves[1])
    assert seen.error < 1e-4
    assert np.isnan(hidden.error)
    assert hidden.point == -1


def test_points_that_never_move_score_as_the_constant() -> None:
    train, test = scene(100, 0), scene(60, 1)
    train[0][:], test[0][:] = 0.3, 0.3
    result = tracking_errors(*train, *test)[0]
    assert result.error == pytest.approx(constant_errors(train[1], test[1])[0], rel=1e-3)


def test_constant_answers_the_mean_place_of_training() -> None:
    train, test = np.ones((40, 1, 3)), np.ones((30, 1, 3))
    train[:20, 0, :2], train[20:, 0, :2] = (10, 20), (20, 20)
    test[:, 0, :2] = (18, 24)
    assert constant_errors(train, test) == [pytest.approx(5.0, abs=1e-3)]  # from (15, 20)


def test_constant_in_metres_is_the_distance_in_space() -> None:
    train, test = np.ones((40, 1, 4)), np.ones((30, 1, 4))
    train[..., :3], test[..., :3] = 0.1, (0.1, 0.4, 0.5)
    train[::2, 0, :3], train[::2, 0, 3] = 1e6, 0  # hidden
    assert constant_errors(train, test) == [pytest.approx(0.5)]
    test[:, 0, 3] = 0
    assert np.isnan(constant_errors(train, test)).all()


def tracked(error: float, squared: tuple[float, float] = (0.0, 0.0)) -> Tracking:
    return Tracking(error, 0, np.zeros((3, 2)), np.array(squared))


def test_shares_of_keypoints_tracked() -> None:
    # Of 64 pixels, tracked is an error below 0.512; SAE-RL's limit is 15.36 pixels² on average.
    results = [
        tracked(0.5),
        tracked(0.52, (15.0, 15.0)),
        tracked(5.0, (10.0, 20.0)),
        tracked(9.0, (20.0, 20.0)),
        tracked(0.1),  # of a keypoint that does not move
        tracked(float("nan"), (np.nan, np.nan)),  # of one that is never seen
    ]
    shares = tracked_shares(results, [10, 10, 10, 10, 0.2, float("nan")], 64, 64)
    assert shares == (0.25, 0.75, 4)
    assert tracked_shares(results[1:2], [10], 64, 128).tracked == 1  # 0.8 % of 128 is 1 pixel
    assert np.isnan(tracked_shares(results[4:], [0.2, float("nan")], 64, 64).tracked)


def test_sae_rls_limit_holds_in_the_units_of_points_on_oblong_images() -> None:
    # 8 pixels along the width of 128 are 0.125 in [−1, 1]; along the height of 64 they are 0.25.
    assert tracked_shares([tracked(8.0, (64.0, 0.0))], [30], 64, 128).sae_rl == 1
    assert tracked_shares([tracked(8.0, (0.0, 64.0))], [30], 64, 128).sae_rl == 0
