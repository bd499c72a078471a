import numpy as np
import pytest

from dsae.errors import DsaeError
from dsae.state.goals import Goal, distance

TARGET = np.array([[0.0, 0.0], [0.5, -0.5], [9.0, 9.0], [-0.5, 0.5]])
GOAL = Goal(TARGET, np.array([True, True, False, True]))
OFF = np.array([[0.3, 0.4], [0.0, 0.0], [5.0, 5.0], [0.0, -0.1]])
"""Distances 0.5, 0, (7) and 0.1 from the target."""


def test_a_goal_is_what_is_present_and_kept() -> None:
    present = np.array([True, True, True, False])
    kept = np.array([True, False, True, True])
    goal = Goal.of(TARGET, present, kept)
    assert goal.mask.tolist() == [True, False, True, False]
    assert goal.points is TARGET


def test_distance_is_the_mean_over_the_points_that_count() -> None:
    assert distance(TARGET, GOAL) == 0
    assert distance(TARGET + OFF, GOAL) == pytest.approx(0.2)


def test_absent_points_do_not_count_if_it_is_told() -> None:
    present = np.array([True, False, True, True])
    assert distance(TARGET + OFF, GOAL, present) == pytest.approx(0.3)
    assert np.isnan(distance(TARGET + OFF, GOAL, np.array([False, False, True, False])))


def test_any_leading_dimensions() -> None:
    scale = np.linspace(0, 2, 6).reshape(2, 3)
    found = distance(TARGET + scale[..., None, None] * OFF, GOAL)
    np.testing.assert_allclose(found, 0.2 * scale, atol=1e-12)
    present = np.ones((2, 3, 4), bool)
    present[0, :, :] = False
    found = distance(TARGET + scale[..., None, None] * OFF, GOAL, present)
    assert np.isnan(found).tolist() == [[True] * 3, [False] * 3]
    np.testing.assert_allclose(found[1], 0.2 * scale[1])
    # One presence for all.
    found = distance(TARGET + scale[..., None, None] * OFF, GOAL, np.array([True, False] * 2))
    np.testing.assert_allclose(found, 0.5 * scale, atol=1e-12)


def test_what_does_not_count_may_be_anything() -> None:
    points = np.where(GOAL.mask[:, None], TARGET + OFF, np.nan)
    assert distance(points, GOAL) == pytest.approx(0.2)
    absent = np.array([True, True, True, False])
    points[3] = np.inf
    assert distance(points, GOAL, absent) == pytest.approx(0.25)
    goal = Goal.of(points, absent, np.array([True, True, False, True]))
    assert distance(TARGET, goal) == pytest.approx(0.25)


def test_a_pixel_is_as_far_along_either_side() -> None:
    goal = Goal(np.zeros((1, 2)), np.ones(1, bool))
    right, down = np.array([[2 / 192, 0.0]]), np.array([[0.0, 2 / 64]])  # a pixel of 64×192
    sizes = {"height": 64, "width": 192}
    assert distance(right, goal, **sizes) == pytest.approx(2 / 64)
    assert distance(down, goal, **sizes) == pytest.approx(2 / 64)


@pytest.mark.parametrize(
    ("present", "kept", "message"),
    [
        ([False, True], [True, False], "none of the 1 kept points is present in the goal's image"),
        ([True, True], [False, False], "no point is kept"),
        ([True, True, True], [True, True], r"present \(2,\), not \(2, 2\) and \(3,\)"),
        ([True], [True], r"points are \(1, 2\)"),
    ],
)
def test_a_goal_of_nothing_is_refused(present: list, kept: list, message: str) -> None:
    with pytest.raises(DsaeError, match=message) as error:
        Goal.of(np.zeros((2, 2)), np.array(present), np.array(kept))
    assert "\n" not in str(error.value)


def test_a_place_that_is_no_number_is_refused() -> None:
    with pytest.raises(DsaeError, match="no number"):
        Goal.of(np.full((2, 2), np.nan), np.ones(2, bool), np.ones(2, bool))
