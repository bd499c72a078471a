"""Convolutional trunks that turn an image into one activation map per feature point."""

import math
from typing import NamedTuple

import torch
from torch import nn

from dsae.errors import EncoderError
from dsae.nn.spatial_softmax import Grid

MAP_SIDE = 32  # the light trunk halves an image until its shorter side has about so many cells


class Layer(NamedTuple):
    """One convolution: kernel size, stride, zero padding and output channels."""

    kernel: int
    stride: int
    padding: int
    channels: int


class Trunk(nn.Module):
    """Convolutions with batch normalisation and ReLU between them.

    `grid` says where the cells of the last map lie in the image: the centre of each cell's
    receptive field, so that a soft-argmax over the map is a place in the image.

    Raises EncoderError if the image is too small for the layers.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        image_shape: tuple[int, int, int],
        *,
        norm_last: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        height, width, channels = image_shape
        modules: list[nn.Module] = []
        for index, layer in enumerate(layers):
            modules.append(
                nn.Conv2d(
                    channels, layer.channels, layer.kernel, layer.stride, layer.padding, bias=bias
                )
            )
            if norm_last or index < len(layers) - 1:
                modules += [nn.BatchNorm2d(layer.channels), nn.ReLU()]
            channels = layer.channels
        self.layers = nn.Sequential(*modules)
        self.shape, self.grid = map_geometry(layers, height, width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return activations (B, K, h, w) for float images (B, C, H, W)."""
        return self.layers(images)


def map_geometry(
    layers: tuple[Layer, ...], height: int, width: int
) -> tuple[tuple[int, int], Grid]:
    """Return (h, w) of the last map of an image of height × width, and where its cells lie."""
    sizes = [height, width]
    first, jump = 0.0, 1  # pixel at the centre of the first cell, pixels between two cells
    for layer in layers:
        sizes = [(size + 2 * layer.padding - layer.kernel) // layer.stride + 1 for size in sizes]
        first += ((layer.kernel - 1) / 2 - layer.padding) * jump
        jump *= layer.stride
    if min(sizes) < 2:
        raise EncoderError(f"images of {height}×{width} are too small for this encoder")
    ends = [
        ((2 * first + 1) / side - 1, (2 * (first + jump * (cells - 1)) + 1) / side - 1)
        for cells, side in zip(sizes, (height, width), strict=True)
    ]
    (top, bottom), (left, right) = ends
    return (sizes[0], sizes[1]), Grid(left, right, top, bottom)


def light_layers(points: int, image_shape: tuple[int, int, int]) -> tuple[Layer, ...]:
    """Return the light trunk: 16-32-32-`points` channels, maps of about `MAP_SIDE` cells."""
    halvings = max(1, round(math.log2(min(image_shape[:2]) / MAP_SIDE)))
    strides = [2 if i < halvings else 1 for i in range(4)]
    return (
        Layer(5, strides[0], 2, 16),
        Layer(3, strides[1], 1, 32),
        Layer(3, strides[2], 1, 32),
        Layer(3, strides[3], 1, points),
    )
