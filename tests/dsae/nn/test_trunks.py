import numpy as np
import pytest
import torch
from torch import nn

from dsae.coordinates import to_pixels
from dsae.errors import EncoderError
from dsae.nn.spatial_softmax import SpatialSoftmax
from dsae.nn.trunks import Layer, Trunk, map_geometry

STACKS = {
    "one 3×3": (Layer(3, 1, 1, 1),),
    "strided, unpadded": (Layer(7, 2, 0, 2), Layer(5, 1, 0, 1)),
    "the paper's": (Layer(7, 2, 0, 4), Layer(5, 1, 0, 2), Layer(5, 1, 0, 1)),
    "the light one": (Layer(5, 2, 2, 2), Layer(3, 1, 1, 2), Layer(3, 1, 1, 2), Layer(3, 1, 1, 1)),
    "two strides": (Layer(5, 2, 2, 2), Layer(3, 2, 1, 1)),
    "even kernel": (Layer(4, 2, 1, 2), Layer(3, 1, 0, 1)),
    "stride 3": (Layer(5, 3, 1, 1),),
}
HEIGHT, WIDTH = 41, 58


def summing_trunk(layers: tuple[Layer, ...], height: int, width: int) -> Trunk:
    """A trunk whose kernels are all ones: a cell is a sum that is symmetric about its centre."""
    trunk = Trunk(layers, (height, width, 1), norm_last=False, bias=False).double().eval()
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    return trunk


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_grid_is_the_centres_of_the_receptive_fields(layers: tuple[Layer, ...]) -> None:
    trunk = summing_trunk(layers, HEIGHT, WIDTH)
    image = torch.ones(1, 1, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)
    cells = trunk(image)[0, 0]
    assert tuple(cells.shape) == trunk.shape
    x, y = trunk.grid.axes(*trunk.shape)
    pixels = to_pixels(torch.stack(torch.meshgrid(x, y, indexing="xy"), -1), HEIGHT, WIDTH)
    checked = 0
    for i, j in np.ndindex(*trunk.shape):
        (field,) = torch.autograd.grad(cells[i, j], image, retain_graph=True)
        rows, columns = field[0, 0].sum(1), field[0, 0].sum(0)
        if rows[0] or rows[-1] or columns[0] or columns[-1]:
            continue  # perhaps cut by the image's edge
        centre = [
            (columns @ torch.arange(WIDTH).double() / columns.sum()).item(),
            (rows @ torch.arange(HEIGHT).double() / rows.sum()).item(),
        ]
        np.testing.assert_allclose(pixels[i, j], centre, atol=1e-4)
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_a_bright_spot_comes_back_where_it_is(layers: tuple[Layer, ...]) -> None:
    trunk = summing_trunk(layers, HEIGHT, WIDTH)
    softmax = SpatialSoftmax(trunk.grid, temperature=1e-4).double()
    image = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.float64)
    x, y = 37, 16
    # The field of the nearest cell is filled the most if the spot is as wide as a field.
    image[..., y - 4 : y + 5, x - 4 : x + 5] = 1.0
    point = softmax(trunk(image))[0]
    stride = int(np.prod([layer.stride for layer in layers]))
    np.testing.assert_allclose(
        to_pixels(point, HEIGHT, WIDTH)[0, 0].detach(), [x, y], atol=stride / 2 + 1e-6
    )


@pytest.mark.parametrize(("height", "width"), [(240, 240), (48, 80), (33, 57)])
def test_geometry_is_that_of_the_convolutions(height: int, width: int) -> None:
    for layers in STACKS.values():
        (h, w), _ = map_geometry(layers, height, width)
        assert summing_trunk(layers, height, width)(
            torch.zeros(1, 1, height, width).double()
        ).shape == (1, 1, h, w)


def test_an_image_that_is_too_small_is_refused_by_its_size() -> None:
    with pytest.raises(EncoderError, match="images of 16×64 are too small"):
        map_geometry(STACKS["the paper's"], 16, 64)


@pytest.mark.parametrize("norm_last", [True, False])
def test_normalisation_and_relu_end_the_trunk_only_if_asked(norm_last: bool) -> None:
    trunk = Trunk((Layer(3, 1, 1, 4), Layer(3, 1, 1, 3)), (8, 9, 2), norm_last=norm_last, bias=True)
    activations = trunk(torch.randn(6, 2, 8, 9))
    assert (activations.min().item() == 0) == norm_last
