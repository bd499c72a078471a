"""What a data set holds: figures, and a picture of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data import index
from data.dataset import Dataset, existing, spread, verify
from data.episode import read_header, read_images
from data.errors import DataError
from data.files import leftovers, write_atomically

SMALLEST_SIDE = 96
"""Pixels; smaller frames are enlarged by whole numbers."""

GAP = 4
"""Pixels between the frames of a contact sheet."""

LABEL_WIDTH = 44
"""Pixels for the episode's number, left of its frames."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a folder of episodes holds."""

    folder: Path
    episodes: int
    frames: int
    lengths: tuple[int, int]
    """Of the shortest and the longest episode."""

    image_shapes: dict[str, tuple[int, ...]]
    """(H, W, 3) by camera."""

    keys: dict[str, tuple[int, ...]]
    """Shape by key in the first episode, time first."""

    successes: int | None
    """Episodes that ended in success; None when no episode says."""

    total_bytes: int
    damaged: tuple[str, ...]
    """A message for each damaged file."""

    leftovers: tuple[Path, ...]
    """Unfinished files of an interrupted run; the next collection removes them."""


def describe(folder: str | Path, *, thorough: bool = False) -> Summary:
    """Summarise the whole episodes of a folder, and list what is damaged.

    Args:
        folder: of a data set; nothing in it is changed.
        thorough: read every byte to find damage, not only every header.

    Raises:
        DataError: the folder is missing, or there is no whole episode in it.
    """
    folder = existing(folder)
    entries, damaged = index.scan(folder)
    if thorough:
        damaged = verify(folder)
    if not entries:
        found = damaged[0] if damaged else "collect or import some into it first"
        raise DataError(f"{folder} holds no whole episodes: {found}")
    header = read_header(folder / entries[0].file)
    outcomes = [entry.success for entry in entries if entry.success is not None]
    lengths = [entry.length for entry in entries]
    return Summary(
        folder=folder,
        episodes=len(entries),
        frames=sum(lengths),
        lengths=(min(lengths), max(lengths)),
        image_shapes=dict(header["image_shapes"]),
        keys=header["keys"],
        successes=sum(outcomes) if outcomes else None,
        total_bytes=sum(entry.size for entry in entries),
        damaged=tuple(damaged),
        leftovers=tuple(leftovers(folder)),
    )


def contact_sheet(
    dataset: Dataset,
    path: str | Path,
    rows: int = 6,
    columns: int = 8,
    camera: str | None = None,
) -> None:
    """Write a PNG that shows the data set at a glance: one episode a row, time from left to right.

    Args:
        dataset: whose episodes; `rows` of them, from all over it.
        path: of the picture.
        rows: episodes at most.
        columns: frames of each, from its first to its last.
        camera: whose frames; the first camera when None.

    Raises:
        DataError: there is no such camera, a file is damaged, or the picture cannot be written.
    """
    camera = dataset.camera(camera)
    height, width, _ = dataset.image_shape(camera)
    scale = max(1, -(-SMALLEST_SIDE // min(height, width)))
    strips = []
    for number in spread(len(dataset), rows):
        frames = read_images(dataset.paths[number], camera)
        chosen = frames[spread(len(frames), columns)]
        enlarged = chosen.repeat(scale, axis=1).repeat(scale, axis=2)  # nearest neighbour
        label = _label(f"{number}", height * scale)
        blank = np.full_like(enlarged[0], 255)
        cells = [*enlarged, *[blank] * (columns - len(enlarged))]
        strips.append(_joined([label, *cells], axis=1))
    sheet = cv2.copyMakeBorder(
        _joined(strips, axis=0), GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_atomically(Path(path), encoded.tobytes())


def _label(text: str, height: int) -> NDArray[np.uint8]:
    """The text in grey on white, (height, LABEL_WIDTH, 3), to the right and half way down."""
    label = np.full((height, LABEL_WIDTH, 3), 255, np.uint8)
    (width, rise), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    origin = (LABEL_WIDTH - width - GAP, (height + rise) // 2)
    cv2.putText(label, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (90, 90, 90), 1, cv2.LINE_AA)
    return label


def _joined(parts: Iterable[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """The parts in a row (axis 1) or column (axis 0), white gaps between them."""
    pieces: list[NDArray[np.uint8]] = []
    for part in parts:
        shape = list(part.shape)
        shape[axis] = GAP
        pieces += [np.full(shape, 255, np.uint8), part] if pieces else [part]
    return np.concatenate(pieces, axis=axis)
