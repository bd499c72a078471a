"""Networks between an image and a code, convolutional or fully connected, for any image size."""

import math
from typing import Literal

import torch
from torch import nn

from dsae.nn.background import shrink

Kind = Literal["conv", "dense"]
Size = tuple[int, int, int]  # (channels, height, width)

SIDE = 4  # the convolutions halve an image until its shorter side has at most 2·SIDE − 1 cells
WIDTHS = (16, 32, 32, 64)  # channels of the halvings, the last one repeated


class ImageToCode(nn.Module):
    """Maps float images (B, C, H, W) to `outputs` numbers.

    `conv`: convolutions of stride 2, then layers of `hidden` units. `dense`: the image, averaged
    down to `dense_size`, through layers of `hidden` units alone (28·28–128–64–12–3 is
    `hidden=(128, 64, 12)` and 3 outputs).
    """

    def __init__(
        self, kind: Kind, image: Size, dense_size: Size, hidden: tuple[int, ...], outputs: int
    ) -> None:
        super().__init__()
        self.dense_size = dense_size if kind == "dense" else None
        if kind == "dense":
            self.trunk = nn.Sequential()
            flat = math.prod(dense_size)
        else:
            widths = _widths(image)
            self.trunk, cells = _convolutions(image, widths)
            flat = widths[-1] * math.prod(cells)
        self.head = perceptron(flat, hidden, outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return numbers (B, outputs)."""
        if self.dense_size:
            images = shrink(images, self.dense_size)
        return self.head(self.trunk(images).flatten(1))


class CodeToImage(nn.Module):
    """Draws images of size `target` from `inputs` numbers: `ImageToCode` the other way round."""

    def __init__(
        self, kind: Kind, inputs: int, hidden: tuple[int, ...], image: Size, target: Size
    ) -> None:
        super().__init__()
        backwards = tuple(reversed(hidden))
        if kind == "dense":
            self.layers = nn.Sequential(
                perceptron(inputs, backwards, math.prod(target)), nn.Unflatten(1, target)
            )
            return
        widths = _widths(image)
        cells = _cells(image, len(widths))
        cells = min(cells[0], target[1]), min(cells[1], target[2])  # of a very coarse drawing
        flat = widths[-1] * math.prod(cells)
        self.layers = nn.Sequential(
            perceptron(inputs, backwards, flat),
            nn.ReLU(),
            nn.Unflatten(1, (widths[-1], *cells)),
            *_upsampling(widths, cells, target),
        )

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return images (B, *target), without an activation at the end."""
        return self.layers(codes)


def perceptron(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Return linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _widths(image: Size) -> list[int]:
    halvings = max(1, int(math.log2(max(2, min(image[1:]) // SIDE))))
    return [WIDTHS[min(i, len(WIDTHS) - 1)] for i in range(halvings)]


def _cells(image: Size, halvings: int) -> tuple[int, int]:
    _, height, width = image
    for _ in range(halvings):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width


def _convolutions(image: Size, widths: list[int]) -> tuple[nn.Sequential, tuple[int, int]]:
    channels = image[0]
    layers: list[nn.Module] = []
    for index, out in enumerate(widths):
        kernel = 5 if index == 0 else 3
        layers += [
            nn.Conv2d(channels, out, kernel, 2, kernel // 2, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        ]
        channels = out
    return nn.Sequential(*layers), _cells(image, len(widths))


def _upsampling(widths: list[int], cells: tuple[int, int], target: Size) -> list[nn.Module]:
    """Return convolutions, most of them after an upsampling by two, from `cells` to `target`."""
    doublings = round(math.log2(target[1] / cells[0]))
    late = max(0, doublings - len(widths) + 1)  # those left to the end, where channels are few
    layers: list[nn.Module] = []
    size: tuple[int, ...] = cells
    for index in range(len(widths) - 1, -1, -1):
        # One cell more or less than twice as many: the trunk's rounding, undone level by level.
        scale = 2 ** (index - 1 + late) if index else 1
        wanted = tuple(max(c, -(-t // scale)) for c, t in zip(cells, target[1:], strict=True))
        if wanted != size:
            layers.append(nn.Upsample(wanted, mode="nearest"))
            size = wanted
        channels = widths[index - 1] if index else target[0]
        layers.append(nn.Conv2d(widths[index], channels, 3, padding=1))
        if index:
            layers.append(nn.ReLU())
    return layers
