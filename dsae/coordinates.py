"""The one convention for places in an image.

A point is (x, y) in [−1, 1], x right and y *down*; −1 and 1 are the image's outer edges, so that
the same point means the same place at every resolution. A pixel is (x, y) with (0, 0) at the
*centre* of the top-left pixel, so that pixel i of W has its centre at (2i + 1) / W − 1.
"""

from typing import TypeVar

import numpy as np
import torch

Array = TypeVar("Array", np.ndarray, torch.Tensor)


def to_pixels(points: Array, height: int, width: int) -> Array:
    """Return points, shape (..., 2) in [−1, 1], as pixels of a height × width image."""
    return (points + 1) * _size(points, height, width) / 2 - 0.5


def to_points(pixels: Array, height: int, width: int) -> Array:
    """Return pixels, shape (..., 2), of a height × width image as points in [−1, 1]."""
    return (2 * pixels + 1) / _size(pixels, height, width) - 1


def in_half_sides(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return points (..., 2) of an H × W image in halves of its shorter side."""
    return points.astype(np.float64) * np.array([width, height]) / min(height, width)


def _size(like: Array, height: int, width: int) -> Array:
    if isinstance(like, torch.Tensor):
        return torch.tensor([width, height], dtype=like.dtype, device=like.device)
    return np.array([width, height], dtype=like.dtype)
