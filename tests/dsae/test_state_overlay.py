"""What is drawn of a belief is where and as large as the belief says, on a non-square image."""

import numpy as np
import pytest

from dsae import state_overlay
from dsae.coordinates import to_pixels, to_points
from dsae.overlay import colours
from dsae.panels import INK
from dsae.state.estimator import Seen
from dsae.state.goals import Goal
from dsae.state.kalman import Estimate
from dsae.state.perception import Percept
from dsae.state_legend import goal_legend, legend
from dsae.state_overlay import DROPPED, Verdict, draw_goal, draw_state

HEIGHT, WIDTH = 48, 80
FACTOR = 8  # 48 · 8 = 384
FULL = np.array([HEIGHT * FACTOR, WIDTH * FACTOR])
HALVES = np.array([WIDTH, HEIGHT]) / 2  # pixels per unit of a point
Pixels = list[list[list[float]]]


def seen(
    places: Pixels,
    *,
    present: bool = True,
    at: Pixels | None = None,
    speed: tuple[float, float] = (0, 0),
    covariance: np.ndarray | None = None,
    known: bool = True,
) -> Seen:
    """Tracks seen at `places` and believed `at` others, (T, K, 2) in pixels of the frames.

    Speed is in pixels per second, the covariance of the position, (2, 2), in pixels².
    """
    points = to_points(np.array(places, float), HEIGHT, WIDTH)
    positions = points if at is None else to_points(np.array(at, float), HEIGHT, WIDTH)
    shape = points.shape[:2]
    spread = np.zeros((*shape, 4, 4)) + np.eye(4)
    spread[..., :2, :2] = (np.eye(2) if covariance is None else covariance) / np.outer(
        HALVES, HALVES
    )
    if not known:
        spread[..., [0, 1], [0, 1]] = np.inf
        positions = np.zeros_like(positions)
    velocity = np.zeros_like(points) + np.array(speed) / HALVES
    there = np.full(shape, present)
    return Seen(
        Percept(points, there, np.where(there, 1.0, 0.0)), Estimate(positions, velocity, spread)
    )


def drawn(belief: Seen, kept: list[bool] | None = None, **verdict: object) -> np.ndarray:
    """Draw on black frames."""
    count, tracks = belief.percept.present.shape
    frames = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    marked = Verdict(np.array(kept or [True] * tracks), **verdict)  # type: ignore[arg-type]
    return draw_state(frames, belief, marked)


def centre(x: float, y: float) -> tuple[int, int]:
    """Row and column, in the enlarged picture, of a place in pixels of the frame."""
    return round((y + 0.5) * FACTOR - 0.5), round((x + 0.5) * FACTOR - 0.5)


def of_colour(picture: np.ndarray, colour: tuple[int, int, int], share: float = 0.5) -> np.ndarray:
    """Return the places (N, 2) in pixels of the frame where at least this much of it is drawn."""
    strength = picture @ np.array(colour) / np.dot(colour, colour)
    rows, columns = np.nonzero(strength > share)
    return (np.stack([columns, rows], axis=1) + 0.5) / FACTOR - 0.5


def of_point(picture: np.ndarray, point: int, count: int) -> np.ndarray:
    """Return the places where one of so many points, or its number, is drawn."""
    apart = np.abs(picture.astype(int) - np.array(colours(count))[:, None, None]).sum(axis=-1)
    own = np.where((apart.argmin(axis=0) == point)[..., None], picture, 0)
    return of_colour(own, colours(count)[point], 0.7)


TINY = 1e-6 * np.eye(2)


def test_a_present_point_is_a_disc_and_an_absent_one_is_hollow() -> None:
    colour = np.array(colours(1)[0])
    far = [[[60.0, 30.0]]]  # the filter's belief, away from the mark
    for present in (True, False):
        picture = drawn(seen([[[20, 10]]], present=present, at=far, covariance=TINY))[0]
        row, column = centre(20, 10)
        middle = picture[row - 2 : row + 3, column - 2 : column + 3]
        np.testing.assert_array_equal(middle, np.broadcast_to(colour * present, middle.shape))
        around = picture[row - 8 : row + 9, column - 8 : column + 9]
        assert (np.abs(around.astype(int) - colour).max(axis=-1) < 12).sum() > 20


@pytest.mark.parametrize(
    "covariance",
    [np.diag([16.0, 4.0]), np.diag([1.0, 16.0]), np.array([[9.0, 6.0], [6.0, 8.0]])],
)
def test_the_ellipse_lies_two_standard_deviations_away(covariance: np.ndarray) -> None:
    small, large = (
        drawn(seen([[[10, 10]]], at=[[[44, 24]]], covariance=size))[0]
        for size in (TINY, covariance)
    )
    places = of_colour(np.where(small == large, 0, large), colours(1)[0])
    offsets = places - (44, 24)
    distance = np.sqrt(np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(covariance), offsets))
    thickness = 1.5 / FACTOR / np.sqrt(np.linalg.eigvalsh(covariance).min())
    assert np.quantile(np.abs(distance - 2), 0.99) < thickness
    turns = np.arctan2(offsets[:, 1], offsets[:, 0])
    assert len(np.unique(np.round(turns, 1))) > 55  # all around


def test_inside_the_ellipse_the_frame_is_tinted_only() -> None:
    picture = drawn(seen([[[10, 10]]], at=[[[44, 24]]], covariance=np.diag([16.0, 16.0])))[0]
    row, column = centre(48, 26)
    tint = picture[row, column] / np.maximum(np.array(colours(1)[0]), 1)
    assert 0.1 < tint.max() < 0.3


def test_a_track_that_was_never_present_has_a_hollow_mark_alone() -> None:
    belief = seen([[[20, 10]]], present=False, known=False, speed=(90, 0))
    places = of_colour(drawn(belief)[0], colours(1)[0])
    near = np.hypot(*(places - (20, 10)).T)
    assert len(places)
    assert near.max() < 6  # nothing at the origin; its number is the farthest


def test_the_arrow_ends_where_the_point_would_be() -> None:
    belief = seen([[[20, 10]]], speed=(60, 90), covariance=TINY)
    picture = drawn(belief)[0]
    places = of_colour(picture, colours(1)[0])
    tip = (20 + 0.2 * 60, 10 + 0.2 * 90)
    assert np.hypot(*(places - tip).T).min() < 0.4
    along = places @ np.array([60, 90]) / np.hypot(60, 90)
    assert along.max() == pytest.approx(np.dot(tip, (60, 90)) / np.hypot(60, 90), abs=0.4)
    slow = seen([[[20, 10]]], speed=(2, 0), covariance=TINY)
    still = seen([[[20, 10]]], covariance=TINY)
    np.testing.assert_array_equal(drawn(slow), drawn(still))


def test_the_trail_follows_the_filter_and_not_the_encoder() -> None:
    at = [[[10.0 + 5 * t, 40.0]] for t in range(8)]
    belief = seen([[[70.0, 5.0]]] * 8, present=False, at=at, covariance=TINY)
    frames = np.zeros((8, HEIGHT, WIDTH, 3), np.uint8)
    last = draw_state(frames, belief, Verdict(np.array([True])), trail=3)[-1]
    row, _ = centre(0, 40)
    for t, there in ((6, True), (5, True), (4, True), (2, False), (0, False)):
        assert bool(last[row, centre(10 + 5 * t + 1, 0)[1]].any()) == there, t


def test_a_dropped_point_is_a_small_mark_in_the_colour_of_the_reason() -> None:
    places = [[[10.0, 10.0], [30.0, 10.0], [50.0, 10.0], [70.0, 10.0], [40.0, 40.0]]]
    reasons = ("kept", "still", "duplicate", "unpredictable", "nobody knows")
    picture = drawn(seen(places), [True, False, False, False, False], categories=reasons)[0]
    found = [picture[centre(x, y)].tolist() for x, y in places[0][1:]]
    keys = ("still", "duplicate", "unpredictable", "dropped")
    assert found == [list(DROPPED[key]) for key in keys]
    for x, y in places[0][1:]:
        row, column = centre(x, y)
        around = picture[row - 20 : row + 20, column - 20 : column + 20].any(axis=-1)
        assert 0 < np.ptp(np.nonzero(around)[0]) < 12


def test_targets_are_drawn_for_the_points_that_count() -> None:
    places = [[[10.0, 10.0], [30.0, 10.0]]]
    points = to_points(np.array([[60.0, 40.0], [60.0, 10.0]]), HEIGHT, WIDTH)
    goal = Goal(points, np.array([True, False]))
    without, picture = drawn(seen(places))[0], drawn(seen(places), goal=goal)[0]
    changed = (without != picture).any(axis=-1)
    rows, columns = np.nonzero(changed)
    middle = centre(60, 40)
    radius = np.hypot(rows - middle[0], columns - middle[1])
    assert 3 < radius.min() < radius.max() < 20  # a ring; what lies in its middle stays visible
    assert len(of_colour(np.where(without == picture, 0, picture), colours(2)[0])) > 100


def test_numbers_keep_off_other_marks_and_stay_in_the_picture() -> None:
    corners = [[[1.0, 1.0], [78.0, 1.0], [1.0, 46.0], [78.0, 46.0]]]
    picture = drawn(seen(corners, covariance=TINY))[0]
    for k, (x, y) in enumerate(corners[0]):
        places = of_point(picture, k, 4)
        apart = np.hypot(*(places - (x, y)).T)
        number = places[(apart > 2) & (apart < 8)]
        assert len(number) > 10, k
        assert (number > 0.2).all()
        assert (number < [WIDTH - 1.2, HEIGHT - 1.2]).all()
    pair = [[[40.0, 24.0], [44.0, 24.0]]]  # the second stands where the first one's number would
    places = of_point(drawn(seen(pair, covariance=TINY))[0], 0, 2)
    number = places[np.hypot(*(places - (40, 24)).T) > 2]
    assert np.hypot(*(number - (44, 24)).T).min() > 1.5


def test_frames_are_left_alone_and_read_only_ones_will_do() -> None:
    frames = np.full((2, HEIGHT, WIDTH, 3), 90, np.uint8)
    frames.flags.writeable = False
    draw_state(frames, seen([[[10, 10]]] * 2), Verdict(np.array([True])))
    assert (frames == 90).all()


def test_a_frame_of_odd_size_keeps_its_places() -> None:
    frames = np.zeros((1, 401, 501, 3), np.uint8)  # drawn at its own size, less a row and a column
    points = to_points(np.array([[[490.0, 390.0]]]), 401, 501)
    estimate = Estimate(points, np.zeros_like(points), 1e-9 * np.eye(4)[None, None])
    belief = Seen(Percept(points, np.ones((1, 1), bool), None), estimate)
    picture = draw_state(frames, belief, Verdict(np.array([True])))[0]
    assert picture.shape == (400, 500, 3)
    np.testing.assert_array_equal(picture[392, 493], colours(1)[0])
    disc = picture[380:400, 480:500].any(axis=-1)
    rows, columns = np.nonzero(disc)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(10, abs=0.6)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(10, abs=0.6)


def texts(belief: Seen, verdict: Verdict) -> list[str]:
    return [entry.text for entry in legend(belief, verdict, HEIGHT, WIDTH)]


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    kept = Verdict(np.array([True, True]))
    still = seen([[[10, 10], [30, 10]]])
    assert texts(still, kept) == ["present", "filtered, 2 sigma"]
    moving = seen([[[10, 10], [30, 10]]] * 3, present=False, speed=(50, 0))
    assert texts(moving, kept) == ["absent", "filtered, 2 sigma", "0.2 s ahead", "last 12 frames"]
    unseen = seen([[[10, 10], [30, 10]]] * 3, present=False, known=False)
    assert texts(unseen, kept) == ["absent"]
    goal = Goal(np.zeros((2, 2)), np.array([True, False]))
    told = Verdict(np.array([True, False]), ("kept", "still"), {0: "block", 1: "arm"}, goal)
    expected = ["present", "filtered, 2 sigma", "goal", "dropped: still", "0 block", "1 arm"]
    assert texts(still, told) == expected
    # What only a dropped point does is no part of the picture.
    assert "absent" not in texts(
        Seen(still.percept._replace(present=np.array([[True, False]])), still.estimate), told
    )


def test_the_symbols_of_the_legend_are_those_of_the_picture() -> None:
    told = Verdict(np.array([True, False]), ("kept", "duplicate"), {0: "block", 1: "arm"})
    belief = seen([[[10, 10], [30, 10]]] * 3, speed=(50, 0))
    for entry in legend(belief, told, HEIGHT, WIDTH):
        picture = np.full((24, 40, 3), 38, np.uint8)
        entry.mark(picture, np.array([20.0, 12.0]))
        expected = {"0 block": colours(2)[0], "1 arm": DROPPED["duplicate"]}.get(entry.text, INK)
        if entry.text == "dropped: duplicate":
            expected = DROPPED["duplicate"]
        assert len(of_colour(picture, expected)) > 4, entry.text
        edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (edges == 38).all(), entry.text


def test_a_goal_is_drawn_on_its_image() -> None:
    pixels = np.array([[10.0, 10.0], [40.0, 30.0], [70.0, 10.0]])
    kept, present = np.array([True, True, False]), np.array([True, False, True])
    goal = Goal(to_points(pixels, HEIGHT, WIDTH), kept & present)
    verdict = Verdict(kept, ("kept", "kept", "still"), {0: "block"})
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture = draw_goal(image, goal, present, verdict)
    assert picture.shape == (*FULL, 3)
    np.testing.assert_array_equal(picture[centre(70, 10)], DROPPED["still"])
    for k, largest in ((0, 15), (1, 8)):  # a target, a ring
        row, column = centre(*pixels[k])
        assert not picture[row, column].any()  # both let what is below through
        found = of_colour(picture, colours(3)[k])
        apart = FACTOR * np.hypot(*(found - pixels[k]).T)
        assert apart[apart < 20].max() == pytest.approx(largest, abs=3)
    entries = [entry.text for entry in goal_legend(goal, present, verdict)]
    assert entries == ["goal", "absent: no part of it", "dropped: still", "0 block"]


def test_the_canvas_is_that_of_the_frames_enlarged() -> None:
    points = np.array([[-1.0, -1.0], [1.0, 1.0]])
    corners = state_overlay.on_canvas(points, HEIGHT, WIDTH)
    np.testing.assert_allclose(
        corners, [[-0.5, -0.5], [WIDTH * FACTOR - 0.5, HEIGHT * FACTOR - 0.5]]
    )
    np.testing.assert_allclose(corners, to_pixels(points, HEIGHT * FACTOR, WIDTH * FACTOR))
