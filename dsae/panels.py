"""Films of several things side by side, each with its title and what its symbols mean."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dsae import marks, overlay
from dsae.checkpoint import write_atomically
from dsae.marks import Colour

INK: Colour = (150, 150, 150)
"""Of a symbol in a legend that stands for all colours."""
LETTERS: Colour = (235, 235, 235)
GROUND: Colour = (38, 38, 38)
SIZE = 0.4  # of letters
LINE, PADDING = 20, 5  # pixels
SYMBOL = 24  # pixels for a symbol, before its text
GAP = 14  # pixels between two entries
STILLS = 5  # frames of each panel where a still picture has several


class Entry(NamedTuple):
    """A symbol and what it means."""

    mark: Callable[[np.ndarray, np.ndarray], None]
    """Draws it in a picture, around a place (x, y)."""
    text: str
    """ASCII."""


class Panel(NamedTuple):
    """One of the films."""

    frames: np.ndarray
    """uint8 (T, h, w, 3)."""
    title: str = ""
    legend: Sequence[Entry] = ()


def write(path: Path, panels: Sequence[Panel], *, fps: float) -> None:
    """Write panels: side by side in a film, some frames of each in a .png (`overlay.write`)."""
    overlay.check_ending(path)
    if path.suffix == ".png":
        write_atomically(path, overlay.png_bytes(still(panels)))
    else:
        overlay.write(path, film(panels), fps=fps)


def film(panels: Sequence[Panel]) -> np.ndarray:
    """Return the panels side by side, uint8 (T, h, w, 3) with even sides; all have T frames."""
    parts = []
    for panel in panels:
        width = panel.frames.shape[2]
        above, below = title_strip(panel.title, width), legend_strip(panel.legend, width)
        count = len(panel.frames)
        strips = [np.broadcast_to(strip, (count, *strip.shape)) for strip in (above, below)]
        parts.append(np.concatenate([strips[0], panel.frames, strips[1]], axis=1))
    tallest = max(part.shape[1] for part in parts)
    padded = [_padded(part, tallest) for part in parts]
    gap = np.full((*padded[0].shape[:2], overlay.GAP, 3), GROUND, np.uint8)
    spaced = [piece for part in padded for piece in (gap, part)][1:]
    return _even(np.concatenate(spaced, axis=2))


def still(panels: Sequence[Panel]) -> np.ndarray:
    """Return some frames of each panel as one picture, uint8 (h, w, 3) with even sides.

    One panel is a grid of at most 16 frames; each of several is a row, all of the same frames.
    """
    parts = []
    for panel in panels:
        columns, most = (4, 16) if len(panels) == 1 else (STILLS, STILLS)
        count = len(panel.frames)
        chosen = np.linspace(0, count - 1, min(most, count)).round().astype(int)
        grid = overlay.grid(panel.frames[chosen], columns)
        width = grid.shape[1]
        parts += [title_strip(panel.title, width), grid, legend_strip(panel.legend, width)]
    widest = max(part.shape[1] for part in parts)
    return _even(np.concatenate([_widened(part, widest) for part in parts]))


def title_strip(title: str, width: int) -> np.ndarray:
    """Return one line of text as a picture, (h, width, 3), small enough to fit; none if empty."""
    if not title:
        return _blank(0, width)
    strip = _blank(LINE + 4, width)
    room = width - 2 * PADDING
    size = min(SIZE, SIZE * room / max(1, marks.text_size(title, SIZE)[0]))
    marks.text(strip, title, PADDING, len(strip) / 2, LETTERS, size)
    return strip


def legend_strip(entries: Sequence[Entry], width: int) -> np.ndarray:
    """Return symbols with their meaning as a picture, (h, width, 3), in as many lines as needed."""
    if not entries:
        return _blank(0, width)
    rows: list[list[tuple[int, Entry]]] = [[]]
    x = PADDING
    for entry in entries:
        needed = SYMBOL + marks.text_size(entry.text, SIZE)[0]
        if rows[-1] and x + needed > width - PADDING:
            rows.append([])
            x = PADDING
        rows[-1].append((x, entry))
        x += needed + GAP
    strip = _blank(len(rows) * LINE + 2 * PADDING, width)
    for number, row in enumerate(rows):
        middle = PADDING + (number + 0.5) * LINE
        for left, entry in row:
            entry.mark(strip, np.array([left + SYMBOL / 2 - 3, middle]))
            marks.text(strip, entry.text, left + SYMBOL, middle, LETTERS, SIZE)
    return strip


def _blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GROUND, np.uint8)


def _padded(frames: np.ndarray, height: int) -> np.ndarray:
    below = np.full((len(frames), height - frames.shape[1], *frames.shape[2:]), GROUND, np.uint8)
    return np.concatenate([frames, below], axis=1)


def _widened(picture: np.ndarray, width: int) -> np.ndarray:
    beside = np.full((len(picture), width - picture.shape[1], 3), GROUND, np.uint8)
    return np.concatenate([picture, beside], axis=1)


def _even(frames: np.ndarray) -> np.ndarray:
    """Repeat the last row or column of (..., h, w, 3) where their number is odd."""
    height, width = frames.shape[-3:-1]
    pad = [(0, 0)] * (frames.ndim - 3) + [(0, height % 2), (0, width % 2), (0, 0)]
    return np.pad(frames, pad, mode="edge")
