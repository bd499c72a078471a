import math
import time

import cv2
import numpy as np
import pytest

from data.errors import DataError
from data.shapes2d import (
    FACTOR_SIZES,
    FIRST_PLACE,
    OFFSET,
    ORIENTATIONS,
    SCALES,
    Shapes2D,
    ShapeWindows,
)

PLACES = np.arange(64)


@pytest.fixture(scope="module")
def shapes() -> Shapes2D:
    return Shapes2D()


def draw(shapes: Shapes2D, *factors: tuple[int, ...]) -> np.ndarray:
    """Images (B, 64, 64) of 0 and 1."""
    return shapes.images(shapes.index(np.array(factors)))[..., 0] // 255


def centroid(image: np.ndarray) -> tuple[float, float]:
    return float((image.sum(0) * PLACES).sum() / image.sum()), float(
        (image.sum(1) * PLACES).sum() / image.sum()
    )


def test_every_combination_of_factors_has_one_image(shapes: Shapes2D) -> None:
    assert len(shapes) == 737_280 == math.prod(FACTOR_SIZES)
    numbers = np.arange(len(shapes))
    factors = shapes.factors(numbers)
    assert factors.shape == (737_280, 5)
    np.testing.assert_array_equal(factors[0], [0, 0, 0, 0, 0])
    np.testing.assert_array_equal(factors[1], [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(factors[-1], np.array(FACTOR_SIZES) - 1)
    np.testing.assert_array_equal(shapes.index(factors), numbers)


def test_images_are_binary_and_always_the_same(shapes: Shapes2D) -> None:
    numbers = np.random.default_rng(0).integers(len(shapes), size=500)
    images = shapes.images(numbers)
    assert images.shape == (500, 64, 64, 1)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}
    np.testing.assert_array_equal(images, Shapes2D().images(numbers))
    np.testing.assert_array_equal(images[7:8], shapes.images(numbers[7:8]))


@pytest.mark.parametrize("shape", range(3))
def test_a_shape_stands_where_x_and_y_say(shapes: Shapes2D, shape: int) -> None:
    for x, y, scale, orientation in [(0, 0, 5, 0), (31, 4, 0, 13), (9, 31, 3, 27)]:
        found = centroid(draw(shapes, (shape, scale, orientation, x, y))[0])
        expected = FIRST_PLACE + np.array([x, y]) + OFFSET
        np.testing.assert_allclose(found, expected, atol=0.5)  # half a pixel


def test_a_step_in_x_or_y_moves_the_image_by_a_pixel(shapes: Shapes2D) -> None:
    here, right, down = draw(shapes, (2, 4, 11, 8, 20), (2, 4, 11, 9, 20), (2, 4, 11, 8, 21))
    np.testing.assert_array_equal(np.roll(here, 1, axis=1), right)
    np.testing.assert_array_equal(np.roll(here, 1, axis=0), down)


def test_every_shape_is_whole_everywhere(shapes: Shapes2D) -> None:
    """The largest ones, in all corners, have the area that they have in the middle."""
    turned = [(s, 5, o) for s in range(3) for o in range(40)]
    middle = draw(shapes, *[(*t, 15, 15) for t in turned]).sum((1, 2))
    assert not draw(shapes, *[(*t, 15, 15) for t in turned])[:, 0].any()
    for x, y in [(0, 0), (31, 0), (0, 31), (31, 31)]:
        corner = draw(shapes, *[(*t, x, y) for t in turned])
        np.testing.assert_array_equal(corner.sum((1, 2)), middle)
        edges = (corner[:, 0], corner[:, -1], corner[:, :, 0], corner[:, :, -1])
        assert not any(edge.any() for edge in edges)


@pytest.mark.parametrize("shape", range(3))
def test_area_grows_with_the_square_of_scale(shapes: Shapes2D, shape: int) -> None:
    every = [(shape, scale, o, 16, 16) for scale in range(6) for o in range(39)]
    areas = draw(shapes, *every).sum((1, 2)).reshape(6, 39).mean(axis=1)
    np.testing.assert_allclose(areas / areas[-1], SCALES**2, rtol=0.02)


@pytest.mark.parametrize("shape", range(3))
def test_orientation_turns_from_right_to_down(shapes: Shapes2D, shape: int) -> None:
    """Every image is the upright one, turned about its place by the angle of the factor."""
    upright = draw(shapes, (shape, 5, 0, 16, 16))[0]
    x, y = FIRST_PLACE + 16 + np.array(OFFSET)
    for step, angle in enumerate(ORIENTATIONS):
        cos, sin = math.cos(angle), math.sin(angle)
        from_turned = np.array(
            [[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        expected = (
            cv2.warpAffine(upright.astype(np.float32), from_turned, (64, 64), flags=flags) > 0.5
        )
        turned = draw(shapes, (shape, 5, step, 16, 16))[0] > 0
        assert (turned & expected).sum() / (turned | expected).sum() > 0.92


def test_all_images_differ_but_for_a_full_turn(shapes: Shapes2D) -> None:
    """Two images are equal only if their shapes, cut out, are; so 720 cut-outs tell for all."""
    seen: dict[tuple[tuple[int, ...], bytes], tuple[int, int, int]] = {}
    for s, scale, o in np.ndindex(*FACTOR_SIZES[:3]):
        image = draw(shapes, (s, scale, o, 0, 0))[0]
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        first = seen.setdefault((cut.shape, cut.tobytes()), (s, scale, o))
        assert first == (s, scale, 0 if o == 39 else o)
    assert len(seen) == 720 - 18


def test_samples_are_uniform_and_hold_what_is_fixed(shapes: Shapes2D) -> None:
    rng = np.random.default_rng(1)
    factors = shapes.sample(rng, 20_000)
    for i, size in enumerate(FACTOR_SIZES):
        counts = np.bincount(factors[:, i], minlength=size) * size / 20_000
        assert len(counts) == size
        assert abs(counts - 1).max() < 0.25
    held = shapes.sample(rng, 300, {"orientation": 17})
    assert (held[:, 2] == 17).all()
    assert len(np.unique(held[:, 3])) == 32


def test_windows_read_like_arrays(shapes: Shapes2D) -> None:
    windows = ShapeWindows(shapes)
    assert len(windows) == len(windows.frames) == windows.frames.shape[0] == 737_280
    np.testing.assert_array_equal(np.sort(windows.numbers), np.arange(len(shapes)))
    chosen = np.array([5, 700_000, 5])
    batch = windows[chosen]
    assert batch.shape == (3, 1, 64, 64, 1)
    np.testing.assert_array_equal(windows.frame_numbers(chosen), chosen[:, None])
    np.testing.assert_array_equal(windows.frames[windows.frame_numbers(chosen)], batch)
    np.testing.assert_array_equal(batch[:, 0], shapes.images(windows.numbers[chosen]))
    assert windows.frames[3].shape == (64, 64, 1)
    assert windows[3].shape == (1, 64, 64, 1)
    np.testing.assert_array_equal(windows.frames[-2:], windows.frames[np.array([-2, -1])])
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_a_slice_of_the_frames_is_a_fair_sample(shapes: Shapes2D) -> None:
    windows = ShapeWindows(shapes)
    few = shapes.factors(windows.numbers[::1024])  # in order, all would stand in the same corner
    assert [len(np.unique(column)) for column in few.T] == list(FACTOR_SIZES)


def test_windows_of_some_images(shapes: Shapes2D) -> None:
    windows = ShapeWindows(shapes, np.array([9, 4, 11]))
    assert len(windows) == 3
    np.testing.assert_array_equal(windows.frames[:], shapes.images(np.array([9, 4, 11])))
    pairs = ShapeWindows(shapes, np.array([9, 4, 11, 8, 7]), length=2)
    assert len(pairs) == 2
    np.testing.assert_array_equal(pairs.frame_numbers(np.array([1, 0])), [[2, 3], [0, 1]])
    np.testing.assert_array_equal(pairs[1], shapes.images(np.array([11, 8])))
    with pytest.raises(DataError, match="1 to 3 frames, not 4"):
        ShapeWindows(shapes, np.array([9, 4, 11]), length=4)


def test_what_does_not_exist_is_refused(shapes: Shapes2D) -> None:
    with pytest.raises(DataError, match="numbered from 0 to 737279"):
        shapes.images(np.array([737_280]))
    with pytest.raises(DataError, match=r"out of range: shape 0 to 2, .* y 0 to 31"):
        shapes.index(np.array([[0, 6, 0, 0, 0]]))


def test_drawing_is_fast(shapes: Shapes2D) -> None:
    numbers = np.random.default_rng(2).integers(len(shapes), size=20_000)
    best = math.inf
    for _ in range(3):
        begin = time.perf_counter()
        shapes.images(numbers)
        best = min(best, time.perf_counter() - begin)
    assert best < 1.0
