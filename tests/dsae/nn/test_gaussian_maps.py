import math

import pytest
import torch

from dsae.coordinates import to_points
from dsae.nn.gaussian_maps import GaussianMaps

HEIGHT, WIDTH = 12, 20


@pytest.mark.parametrize(("x", "y"), [(0, 0), (19, 0), (3, 11), (13, 5)])
def test_blob_peaks_at_the_pixel_of_its_point(x: int, y: int) -> None:
    points = to_points(torch.tensor([[[float(x), float(y)], [7.0, 4.0]]]), HEIGHT, WIDTH)
    maps = GaussianMaps(HEIGHT, WIDTH)(points)
    assert maps.shape == (1, 2, HEIGHT, WIDTH)
    assert divmod(int(maps[0, 0].argmax()), WIDTH) == (y, x)
    assert divmod(int(maps[0, 1].argmax()), WIDTH) == (4, 7)
    assert maps[0, 0, y, x].item() == pytest.approx(1.0)


def test_blob_falls_off_with_sigma_in_the_units_of_the_points() -> None:
    layer = GaussianMaps(HEIGHT, WIDTH, sigma=0.3)
    points = to_points(torch.tensor([[[4.0, 6.0]]]), HEIGHT, WIDTH)
    blob = layer(points)[0, 0]
    # Two pixels to the right and three down are 2·2/20 and 3·2/12 in units of the points.
    expected = math.exp(-(0.2**2 + 0.5**2) / (2 * 0.3**2))
    assert blob[9, 6].item() == pytest.approx(expected, rel=1e-5)


def test_a_gradient_pulls_the_point_towards_what_is_to_be_painted() -> None:
    layer = GaussianMaps(HEIGHT, WIDTH, sigma=0.5)
    points = torch.zeros(1, 1, 2, requires_grad=True)
    layer(points)[0, 0, 2, 17].backward()  # a place to the right and above
    assert points.grad is not None
    assert points.grad[0, 0, 0] > 0
    assert points.grad[0, 0, 1] < 0


def test_gradients_agree_with_finite_differences() -> None:
    layer = GaussianMaps(4, 6, sigma=0.4).double()
    points = torch.rand(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (points,))
