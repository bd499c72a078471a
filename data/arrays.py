"""Clips from NumPy archives."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.clips import Clip, Frame, to_rgb
from data.errors import DataError

KEYS = ("images", "robot", "actions")


def array_clips(path: Path, fps: float | None) -> list[Clip]:
    """The clips of an .npz archive.

    Keys: `images`, uint8 (T, H, W, 3) for one clip or (N, T, H, W, 3) for N of them, where the
    last axis may also be 4 (RGBA), 1 or, for one clip, missing (grey); and optionally `robot`
    (T, D) and `actions` (T, A), with N in front for N clips.

    Raises:
        DataError: the file is damaged or contains pickled objects, which could run any code, or
            an array is missing or of the wrong shape or type.
    """
    arrays = _load(path)
    if "images" not in arrays:
        raise DataError(f"{path} has no array 'images', only {', '.join(arrays) or 'nothing'}")
    images = arrays["images"]
    several = images.ndim == 5
    if not several and images.ndim != 3 and not (images.ndim == 4 and images.shape[3] in (1, 3, 4)):
        raise DataError(
            f"{path}: images have shape {images.shape}, but (T, H, W, 3), (N, T, H, W, 3) or grey "
            "(T, H, W) is needed"
        )
    for name in KEYS[1:]:
        if name in arrays:
            _check_rows(path, name, arrays[name], images.shape[: 2 if several else 1])
    if not several:
        arrays = {name: array[None] for name, array in arrays.items()}
    return [
        Clip(
            f"{path.name}[{number}]" if several else path.name,
            _frames(arrays["images"][number], str(path)),
            fps,
            *(arrays[name][number] if name in arrays else None for name in KEYS[1:]),
        )
        for number in range(len(arrays["images"]))
    ]


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # An archive from a stranger must never be unpickled.
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in KEYS}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path} contains pickled objects, which are refused as they can run code: save "
                "plain arrays, one length for all clips"
            ) from error
        raise DataError(f"{path} is damaged or no .npz archive ({error})") from error


def _check_rows(path: Path, name: str, array: NDArray[Any], leading: tuple[int, ...]) -> None:
    numeric = np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_
    if array.shape[:-1] != leading or not numeric:
        needed = ", ".join(map(str, leading))
        raise DataError(
            f"{path}: {name} is {array.dtype} {array.shape}, but numbers of shape ({needed}, D) "
            "are needed, one row per frame"
        )


def _frames(images: NDArray[Any], origin: str) -> Iterator[Frame]:
    for image in images:
        yield Frame(to_rgb(image, origin), origin)
