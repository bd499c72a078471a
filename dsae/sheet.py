"""Many small pictures as one: enlarged, labelled, on white."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

CELL = 96  # pixels of a picture's shorter side on a sheet, at least
GAP = 4  # pixels between two pictures
LINE = 17  # pixels of a line of text
FONT, SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
INK = (40, 40, 40)

Labels = Sequence[str]


def sheet(
    pictures: np.ndarray,
    rows: Labels = (),
    columns: Labels | Sequence[Labels] = (),
    scale: int | None = None,
    title: str = "",
) -> np.ndarray:
    """Return pictures, uint8 (R, C, h, w, 3), as one, (H, W, 3) with even sides.

    Rows are labelled at their left, columns above the first row, or above every row if `columns`
    holds a list of labels for each. Labels are ASCII and may have several lines. Pixels are
    enlarged by the whole number `scale`, if left out until the shorter side has `CELL` of them.
    """
    scale = scale or max(1, -(-CELL // min(pictures.shape[2:4])))
    cells = pictures.repeat(scale, axis=2).repeat(scale, axis=3)
    height, width = cells.shape[2:4]
    spaced = np.pad(cells, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    bands = spaced.swapaxes(1, 2).reshape(len(cells), height + GAP, -1, 3)  # one for each row
    margin = max((_width(label) + 2 * GAP for label in rows), default=0)
    heads = [columns] if columns and isinstance(columns[0], str) else columns
    parts = []
    for row, band in enumerate(bands):
        head: Labels = heads[row] if row < len(heads) else ()  # type: ignore[assignment]
        top = LINE * max((len(label.splitlines()) for label in head), default=0)
        part = _white(top + len(band), margin + band.shape[1])
        part[top:, margin:] = band
        for column, label in enumerate(head):
            middle = margin + column * (width + GAP) + width // 2
            _write(part, label, middle, top // 2, limit=width)
        if rows:
            _write(part, rows[row], margin // 2, top + height // 2)
        parts.append(part)
    return _framed(np.concatenate(parts), title)


def arranged(pictures: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Return pictures (N, h, w, 3) in rows, (R, columns, h, w, 3), the last filled with white.

    Without `columns` there are `square(N)`.
    """
    columns = columns or square(len(pictures))
    padding = ((0, -len(pictures) % columns), (0, 0), (0, 0), (0, 0))
    padded = np.pad(pictures, padding, constant_values=255)
    return padded.reshape(-1, columns, *pictures.shape[1:])


def square(count: int) -> int:
    """Return the columns of a sheet that is about square, wider if no gap is left so."""
    least = math.ceil(math.sqrt(count))
    return next((c for c in range(least, 2 * least) if count % c == 0), least)


def _framed(picture: np.ndarray, title: str) -> np.ndarray:
    """Put a border around a picture that has one at its right and below, and a title above it."""
    height, width = len(picture), GAP + picture.shape[1]
    lines = _wrapped(title, width - 2 * GAP)
    top = LINE * len(lines) + (2 * GAP if lines else GAP)
    framed = _white(top + height + (top + height) % 2, width + width % 2)
    framed[top : top + height, GAP:width] = picture
    _write(framed, "\n".join(lines), width // 2, top // 2)
    return framed


def _wrapped(text: str, limit: int) -> list[str]:
    """Break a text into lines of at most `limit` pixels, where it has spaces."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer) <= limit:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(picture: np.ndarray, text: str, x: int, y: int, limit: int | None = None) -> None:
    """Write lines of text around (x, y), smaller where one is wider than `limit` pixels."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        size = min(SIZE, SIZE * limit / max(1, _width(line))) if limit else SIZE
        middle = y + round((number - (len(lines) - 1) / 2) * LINE)
        (width, height), _ = cv2.getTextSize(line, FONT, size, 1)
        place = (x - width // 2, middle + height // 2)
        cv2.putText(picture, line, place, FONT, size, INK, 1, cv2.LINE_AA)


def _width(text: str) -> int:
    return max(
        (cv2.getTextSize(line, FONT, SIZE, 1)[0][0] for line in text.splitlines()), default=0
    )


def _white(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)
