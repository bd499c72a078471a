import pytest
import torch
from torch import nn

from dsae.nn.background import shrink
from dsae.nn.networks import CodeToImage, ImageToCode, perceptron

SIZES = [(3, 64, 64), (1, 28, 28), (3, 48, 80), (1, 33, 65), (3, 120, 16), (1, 5, 7), (3, 8, 8)]


def linear_sizes(network: nn.Module) -> list[tuple[int, int]]:
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in layers]


@pytest.mark.parametrize("image", SIZES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_any_image_there_and_back(kind: str, image: tuple[int, int, int], scale: int) -> None:
    target = (image[0], max(1, image[1] // scale), max(1, image[2] // scale))
    there = ImageToCode(kind, image, target, (20, 10), 6)  # type: ignore[arg-type]
    back = CodeToImage(kind, 6, (20, 10), image, target)  # type: ignore[arg-type]
    codes = there(torch.rand(2, *image))
    assert codes.shape == (2, 6)
    assert back(codes).shape == (2, *target)


def test_the_textbooks_autoencoder() -> None:
    image = (1, 28, 28)
    there = ImageToCode("dense", image, image, (128, 64, 12), 3)
    back = CodeToImage("dense", 3, (128, 64, 12), image, image)
    assert linear_sizes(there) == [(784, 128), (128, 64), (64, 12), (12, 3)]
    assert linear_sizes(back) == [(3, 12), (12, 64), (64, 128), (128, 784)]
    assert not any(isinstance(m, nn.Conv2d) for net in (there, back) for m in net.modules())


def test_a_perceptron_has_relu_between_its_layers() -> None:
    kinds = [type(layer) for layer in perceptron(4, (3, 2), 1)]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert linear_sizes(perceptron(4, (), 2)) == [(4, 2)]


def test_a_dense_network_sees_the_image_averaged_down() -> None:
    network = ImageToCode("dense", (3, 32, 48), (3, 8, 12), (), 5)
    images = torch.rand(2, 3, 32, 48)
    expected = network.head(shrink(images, (3, 8, 12)).flatten(1))
    torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize(("side", "halvings"), [(16, 2), (32, 3), (64, 4), (128, 5), (240, 5)])
def test_convolutions_halve_until_few_cells_are_left(side: int, halvings: int) -> None:
    network = ImageToCode("conv", (3, side, side), (3, side, side), (8,), 2)
    strides = [m.stride for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert strides == [(2, 2)] * halvings
    cells = network.trunk(torch.rand(1, 3, side, side)).shape[2:]
    assert all(4 <= cell <= 8 for cell in cells)


def test_pixels_far_apart_are_drawn_from_the_same_code() -> None:
    """Every pixel depends on the code: nothing of the image is left out by an upsampling."""
    back = CodeToImage("conv", 4, (16,), (3, 48, 80), (3, 24, 40))
    codes = torch.randn(3, 4)
    assert (back(codes).std(dim=0) > 0).all()
