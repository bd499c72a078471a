"""The 2-D shapes data set: binary images of one shape each, whose factors of variation are known.

The parametrisation is that of Higgins et al. (2017) and its published files (dSprites): shape,
scale, orientation, x and y, 737,280 images of 64×64. Its exact outlines were never published;
the sizes here are ours. Images are drawn when asked for and never stored.
"""

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

SIDE = 64
"""Pixels along each side of an image."""
FACTORS = ("shape", "scale", "orientation", "x", "y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
SHAPES = ("square", "ellipse", "heart")
SCALES: NDArray[np.float64] = np.linspace(0.5, 1, FACTOR_SIZES[1])
# Both ends, as in the published files: the first and the last orientation are the same.
ORIENTATIONS: NDArray[np.float64] = np.linspace(0, 2 * math.pi, FACTOR_SIZES[2])
FIRST_PLACE = 16
"""Pixel column (row) of x = 0 (y = 0); each step is one pixel."""

# Sizes at scale 1, in pixels.
SQUARE_SIDE = 22.0
ELLIPSE_AXES = (14.0, 7.0)  # half of each
HEART_RADIUS = 9.5
HEART_CENTRE = 0.2935  # height of the heart curve's centroid, in units of its radius
# Shapes stand off the pixels' centres: on them, a small square turned by one step of 2.3° (modulo
# 90°) can cover the same pixels as before.
OFFSET = (0.3, 0.4)
REACH = 16  # pixels from the centre that a shape may cover, OFFSET included

Indices = int | slice | NDArray[np.integer[Any]]


class Shapes2D:
    """All images and their factors.

    Factors are integers, in the order of `FACTORS`, below `FACTOR_SIZES`; an image's number counts
    them with the last one running fastest. Orientation turns from x (right) towards y (down),
    x and y are the place of the shape's centre.

    All images differ except for orientations 0 and 39, a full turn apart. A quarter turn of a
    square and half a turn of an ellipse, which would look the same, are 9.75 and 19.5 steps.
    """

    def __init__(self) -> None:
        self._masks = _masks()

    def __len__(self) -> int:
        return math.prod(FACTOR_SIZES)

    def images(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Draw the images of these numbers (B,): uint8 (B, 64, 64, 1), 0 or 255."""
        factors = self.factors(numbers)
        shape, scale, orientation, x, y = factors.T
        masks = (shape * FACTOR_SIZES[1] + scale) * FACTOR_SIZES[2] + orientation
        corners = FIRST_PLACE - REACH + np.stack([y, x])
        drawn = np.zeros((len(factors), SIDE, SIDE), np.uint8)
        size = 2 * REACH + 1
        for image, mask, top, left in zip(
            drawn, masks.tolist(), *corners.tolist(), strict=True
        ):  # slices are copied several times faster than one large fancy index
            image[top : top + size, left : left + size] = self._masks[mask]
        return drawn[..., None]

    def factors(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the factors (B, 5) of the images of these numbers (B,).

        Raises:
            DataError: a number is not that of an image.
        """
        numbers = np.asarray(numbers)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise DataError(f"images are numbered from 0 to {len(self) - 1}")
        return np.stack(np.unravel_index(numbers, FACTOR_SIZES), axis=-1)

    def index(self, factors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the numbers (B,) of the images with these factors (B, 5).

        Raises:
            DataError: a factor is out of its range.
        """
        factors = np.asarray(factors)
        if ((factors < 0) | (factors >= FACTOR_SIZES)).any():
            limits = zip(FACTORS, FACTOR_SIZES, strict=True)
            ranges = ", ".join(f"{name} 0 to {size - 1}" for name, size in limits)
            raise DataError(f"factors out of range: {ranges}")
        return np.asarray(np.ravel_multi_index(tuple(factors.T), FACTOR_SIZES))

    def sample(
        self, rng: np.random.Generator, count: int, fixed: Mapping[str, int] | None = None
    ) -> NDArray[np.int64]:
        """Draw factors (count, 5), each uniform and independent, but for those that are `fixed`."""
        factors = rng.integers(FACTOR_SIZES, size=(count, len(FACTORS)))
        for name, value in (fixed or {}).items():
            factors[:, FACTORS.index(name)] = value
        return factors


class ShapeFrames:
    """What looks like an array of images, uint8 (N, 64, 64, 1), drawn where it is indexed."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shapes: Shapes2D, numbers: NDArray[np.integer[Any]]) -> None:
        self._shapes = shapes
        self._numbers = numbers
        self.shape = (len(numbers), SIDE, SIDE, 1)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, indices: Indices) -> NDArray[np.uint8]:
        numbers = np.asarray(self._numbers[indices])
        return self._shapes.images(numbers.reshape(-1)).reshape(*numbers.shape, SIDE, SIDE, 1)


class ShapeWindows:
    """The images as windows, for training; those of a window have nothing to do with each other.

    Args:
        shapes: what draws them.
        numbers: the images to use; by default all of them, shuffled always alike, so that any
            slice of the frames is a fair sample.
        length: L, images in a window.
    """

    def __init__(
        self,
        shapes: Shapes2D,
        numbers: NDArray[np.integer[Any]] | None = None,
        length: int = 1,
    ) -> None:
        if numbers is None:
            numbers = np.random.default_rng(0).permutation(len(shapes))
        if not 1 <= length <= len(numbers):
            raise DataError(f"a window needs 1 to {len(numbers)} frames, not {length}")
        self.length = length
        self.numbers = np.asarray(numbers)
        """(N,) the number of each frame's image; its factors are `shapes.factors(numbers)`."""
        self.frames = ShapeFrames(shapes, self.numbers)
        """All frames, like an array uint8 (N, 64, 64, 1)."""
        self._starts = length * np.arange(len(numbers) // length)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, indices: Indices) -> NDArray[np.uint8]:
        """Draw windows: uint8 (B, L, 64, 64, 1), or without B for a single index."""
        return self.frames[self.frame_numbers(indices)]

    def frame_numbers(self, indices: Indices) -> NDArray[np.int64]:
        """Positions in `frames` of the windows' frames: (B, L), or (L,) for one index."""
        return np.asarray(self._starts[indices])[..., None] + np.arange(self.length)


def _masks() -> NDArray[np.uint8]:
    """Draw every shape, scale and orientation: (720, 33, 33), 255 where a pixel's centre is in."""
    pixels = np.arange(-REACH, REACH + 1)
    y, x = np.meshgrid(pixels - OFFSET[1], pixels - OFFSET[0], indexing="ij")
    drawn = []
    for shape, scale, step in product(SHAPES, SCALES, range(FACTOR_SIZES[2])):
        # The last orientation takes the first one's angle: 2π has another rounding than 0.
        angle = ORIENTATIONS[step % (FACTOR_SIZES[2] - 1)]
        along = (math.cos(angle) * x + math.sin(angle) * y) / scale
        across = (math.cos(angle) * y - math.sin(angle) * x) / scale
        drawn.append(_inside(shape, along, across))
    return 255 * np.array(drawn, np.uint8)


def _inside(shape: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places, in pixels from an upright shape's centre, lie inside it at scale 1."""
    if shape == "square":
        return np.maximum(abs(x), abs(y)) <= SQUARE_SIDE / 2
    if shape == "ellipse":
        return (x / ELLIPSE_AXES[0]) ** 2 + (y / ELLIPSE_AXES[1]) ** 2 <= 1
    # The heart curve (x² + y² − 1)³ = x²y³, y up, about its centroid.
    x, y = x / HEART_RADIUS, HEART_CENTRE - y / HEART_RADIUS
    return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
