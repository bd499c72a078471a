"""Marks on a picture: discs, rings, crosses, targets, arrows, outlines, each with a dark edge.

Pictures are uint8 (H, W, 3), RGB, and are drawn on in place; places are (x, y) in their pixels,
(0, 0) at the centre of the top-left one, and need not be whole numbers.
"""

from itertools import product

import cv2
import numpy as np

Colour = tuple[int, int, int]
EDGE: Colour = (20, 20, 20)
FONT = cv2.FONT_HERSHEY_SIMPLEX
SHIFT = 4  # bits behind the point: OpenCV draws at sixteenths of a pixel
FARTHEST = 20_000.0  # pixels, which OpenCV can still draw
FILL = 0.25  # opacity of the inside of an outline
PALER = 100.0  # pixels across, from which on it is paler
TIP = 5.0  # pixels, length of an arrow's two barbs


def disc(picture: np.ndarray, place: np.ndarray, colour: Colour, radius: int = 5) -> None:
    """Draw a filled disc; the radius includes the edge."""
    x, y = fixed(place).tolist()
    cv2.circle(picture, (x, y), radius << SHIFT, EDGE, -1, cv2.LINE_AA, SHIFT)
    cv2.circle(picture, (x, y), (radius - 2) << SHIFT, colour, -1, cv2.LINE_AA, SHIFT)


def ring(picture: np.ndarray, place: np.ndarray, colour: Colour, radius: int = 5) -> None:
    """Draw a circle that lets through what is below it."""
    x, y = fixed(place).tolist()
    for shade, width in ((EDGE, 4), (colour, 2)):
        cv2.circle(picture, (x, y), radius << SHIFT, shade, width, cv2.LINE_AA, SHIFT)


def cross(picture: np.ndarray, place: np.ndarray, colour: Colour, arm: float = 3.0) -> None:
    """Draw a small ×."""
    diagonals = arm * np.array([[[-1, -1], [1, 1]], [[-1, 1], [1, -1]]])
    lines(picture, [place + ends for ends in diagonals], colour, 1)


def plus(
    picture: np.ndarray, place: np.ndarray, colour: Colour, arm: float = 3.0, edge: bool = True
) -> None:
    """Draw a small +."""
    arms = arm * np.array([[[-1, 0], [1, 0]], [[0, -1], [0, 1]]])
    lines(picture, [place + ends for ends in arms], colour, 1, edge)


def target(picture: np.ndarray, place: np.ndarray, colour: Colour, radius: float = 11.0) -> None:
    """Draw a circle with four hairs that leave its middle free."""
    turn = np.linspace(0, 2 * np.pi, 33)
    circle = place + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    sides = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    hairs = [place + np.outer([0.7 * radius, 1.4 * radius], side) for side in sides]
    lines(picture, [circle, *hairs], colour, 2)


def arrow(picture: np.ndarray, start: np.ndarray, end: np.ndarray, colour: Colour) -> None:
    """Draw an arrow from one place to another; its tip is of the same size at any length."""
    along = (end - start) / max(1e-9, float(np.hypot(*(end - start))))
    across = np.array([-along[1], along[0]])
    barbs = [end + TIP * (side * across - 1.4 * along) for side in (0.7, -0.7)]
    lines(picture, [np.stack([start, end]), np.stack([barbs[0], end, barbs[1]])], colour, 2)


def outline(picture: np.ndarray, corners: np.ndarray, colour: Colour) -> None:
    """Draw a closed line through (N, 2) corners and tint what is inside, the larger the paler."""
    tinted = picture.copy()
    cv2.fillPoly(tinted, [fixed(corners)], colour, cv2.LINE_AA, SHIFT)
    opacity = FILL * min(1.0, PALER / max(1.0, float(np.ptp(corners, axis=0).max())))
    cv2.addWeighted(tinted, opacity, picture, 1 - opacity, 0, dst=picture)
    lines(picture, [np.concatenate([corners, corners[:1]])], colour, 1)


def lines(
    picture: np.ndarray, paths: list[np.ndarray], colour: Colour, width: int, edge: bool = True
) -> None:
    """Draw open lines through (N, 2) places each, above a common edge."""
    pieces = [fixed(path) for path in paths]
    if edge:
        cv2.polylines(picture, pieces, False, EDGE, width + 2, cv2.LINE_AA, SHIFT)
    cv2.polylines(picture, pieces, False, colour, width, cv2.LINE_AA, SHIFT)


def text(
    picture: np.ndarray, words: str, left: float, middle: float, colour: Colour, size: float
) -> None:
    """Write ASCII with a dark edge, its left end at x = `left`, centred on y = `middle`."""
    height = text_size(words, size)[1]
    x, y = round(left), round(middle + height / 2)
    for across, down in product((-1, 0, 1), repeat=2):  # no version draws thicker letters alike
        cv2.putText(picture, words, (x + across, y + down), FONT, size, EDGE, 1, cv2.LINE_AA)
    cv2.putText(picture, words, (x, y), FONT, size, colour, 1, cv2.LINE_AA)


def text_size(words: str, size: float) -> tuple[int, int]:
    """Return width and height in pixels of what `text` writes."""
    (width, height), _ = cv2.getTextSize(words, FONT, size, 1)
    return width, height


def fixed(places: np.ndarray) -> np.ndarray:
    """Return places (..., 2) as OpenCV takes them: whole sixteenths of a pixel."""
    limited = np.clip(places, -FARTHEST, FARTHEST)
    return np.round(limited * (1 << SHIFT)).astype(np.int32)
