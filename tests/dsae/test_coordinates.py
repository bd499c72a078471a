import numpy as np
import pytest
import torch

from dsae.coordinates import to_pixels, to_points

HEIGHT, WIDTH = 48, 80


def test_centres_of_the_corner_pixels() -> None:
    points = to_points(np.array([[0.0, 0.0], [WIDTH - 1.0, HEIGHT - 1.0]]), HEIGHT, WIDTH)
    np.testing.assert_allclose(
        points, [[1 / WIDTH - 1, 1 / HEIGHT - 1], [1 - 1 / WIDTH, 1 - 1 / HEIGHT]]
    )


def test_edges_of_the_image_are_one() -> None:
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])
    expected = [
        [-0.5, -0.5],
        [WIDTH - 0.5, -0.5],
        [WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5],
        [WIDTH - 0.5, HEIGHT - 0.5],
    ]
    np.testing.assert_allclose(to_pixels(corners, HEIGHT, WIDTH), expected)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_round_trip_keeps_type_and_place(kind: type) -> None:
    pixels = kind(np.random.default_rng(0).uniform(-5, 90, (3, 4, 2)).astype(np.float32))
    back = to_pixels(to_points(pixels, HEIGHT, WIDTH), HEIGHT, WIDTH)
    assert type(back) is type(pixels)
    assert back.dtype == pixels.dtype
    np.testing.assert_allclose(np.asarray(back), np.asarray(pixels), atol=1e-4)


def test_same_point_is_the_same_place_at_every_resolution() -> None:
    point = np.array([0.3, -0.4])
    small, large = to_pixels(point, 24, 40), to_pixels(point, 48, 80)
    np.testing.assert_allclose((small + 0.5) * 2, large + 0.5)
