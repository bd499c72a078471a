"""A stretch of film from a person's own files, before it becomes episodes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError


class Frame(NamedTuple):
    """One picture and where it came from."""

    pixels: NDArray[np.uint8]
    """(H, W, 3), RGB."""

    origin: str
    """The file, for error messages."""


class Clip(NamedTuple):
    """Frames in order, read while they are iterated over."""

    name: str
    frames: Iterator[Frame]

    fps: float | None
    """Frames per second; None when the source does not know."""

    robot: NDArray[Any] | None = None
    """Robot state (T, D), one row per frame."""

    actions: NDArray[Any] | None = None
    """(T, A), one row per frame."""


def to_rgb(picture: NDArray[Any], origin: str) -> NDArray[np.uint8]:
    """Turn grey (H, W) or (H, W, 1), RGB or RGBA pixels into RGB (H, W, 3).

    Transparent pixels are laid over black.

    Raises:
        DataError: the pixels are not uint8, or the shape is none of these.
    """
    if picture.dtype != np.uint8:
        raise DataError(
            f"{origin} has {picture.dtype} pixels, but uint8 from 0 to 255 is needed: scale them, "
            "as in (255 * images).round().astype(numpy.uint8) for values from 0 to 1"
        )
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4):
        raise DataError(f"{origin} has shape {picture.shape}, which is no grey, RGB or RGBA image")
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    if picture.shape[2] == 4:
        opacity = picture[..., 3:].astype(np.uint16)
        return ((picture[..., :3] * opacity + 127) // 255).astype(np.uint8)
    return picture
