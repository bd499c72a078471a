"""Clips from folders of images."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.clips import Clip, Frame, to_rgb
from data.errors import DataError

# Each format ends with a mark of its own, and a decoder may paint what is missing grey.
END_MARKS = {
    ".png": b"IEND",
    ".jpg": b"\xff\xd9",
    ".jpeg": b"\xff\xd9",
}
SUFFIXES = tuple(END_MARKS)

_TAIL = 4096
"""Bytes; cameras append their notes after the end mark."""


def image_clip(folder: Path, paths: Sequence[Path], fps: float | None) -> Clip:
    """The images at `paths`, in order, as one clip that was recorded at `fps`."""
    return Clip(folder.name, _frames(paths), fps)


def image_paths(folder: Path) -> list[Path]:
    """The png and jpg files in `folder`, in natural order: frame2 before frame10."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_order)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """A sorting key under which runs of digits count as numbers."""
    pieces = re.split(r"(\d+)", path.name)
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one image as RGB (H, W, 3), turned as its EXIF data says.

    Grey, palette, transparent and 16-bit images become 8-bit RGB.

    Raises:
        DataError: the file is unreadable or was cut short.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    if END_MARKS[path.suffix.lower()] not in content[-_TAIL:]:
        raise DataError(f"{path} is damaged or no {path.suffix} image: remove or replace it")
    encoded = np.frombuffer(content, np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise DataError(f"{path} is damaged or no {path.suffix} image: remove or replace it")
    if path.suffix.lower() == ".png":  # the only one of these formats with transparency
        stored = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.ndim == 3 and stored.shape[2] == 4:
            if stored.dtype == np.uint16:
                stored = (stored // 256).astype(np.uint8)
            return to_rgb(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), str(path))
    return to_rgb(np.asarray(pixels), str(path))


def _frames(paths: Sequence[Path]) -> Iterator[Frame]:
    for path in paths:
        yield Frame(read_image(path), str(path))
