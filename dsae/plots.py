"""Two kinds of plot as SVG text, to stand inside a page: labelled dots, and curves."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from dsae import svg

Kind = Literal["spatial", "other", "control"]
COLOURS: dict[Kind, str] = {"spatial": "#1f5fd0", "other": "#c2571a", "control": "#77818c"}
SERIES = ("#1f5fd0", "#c2571a", "#2c8a57", "#8a4fbf", "#9a7b00")

SIZE = (900.0, 470.0)  # of the dots' plot, in its own pixels
SMALL = (300.0, 150.0)  # of the curves' plot
RADIUS = 5.0
CHARACTER, TEXT_HEIGHT = 7.3, 14.0  # of a label's letters, on average, at 12 pixels
REACH = (8.0, 16.0, 28.0, 42.0, 58.0, 76.0, 96.0, 120.0, 150.0)  # distances of a label from its dot
TURNS = (0.0, math.pi, -0.6, 0.6, math.pi + 0.6, math.pi - 0.6, -1.57, 1.57)
LOG_RATIO = 15.0  # of the largest to the smallest value, from which on an axis is logarithmic


class Dot(NamedTuple):
    """One thing in the plot of dots."""

    label: str
    x: float
    y: float
    kind: Kind = "other"
    interval: tuple[float, float] | None = None
    """Of y."""


class Box(NamedTuple):
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def dots(
    points: Sequence[Dot], *, x: str, y: str, reference: tuple[str, float] | None = None
) -> str:
    """Return dots with their labels, none on another, over a logarithmic x axis, as SVG.

    `x` and `y` name the axes, `reference` is a labelled level of y. x must be positive.
    """
    width, height = SIZE
    ends = [end for dot in points for end in (dot.y, *(dot.interval or ()))]
    levels = [*ends, reference[1]] if reference else ends
    across = svg.axis([dot.x for dot in points], 64, width - 150, logarithmic=True)
    smallest = min(dot.y for dot in points)
    wide = smallest > 0 and max(levels) / smallest > LOG_RATIO
    # An interval may reach below zero, where an error cannot be.
    shown = [level for level in levels if level >= (0.5 * smallest if wide else 0.0)]
    up = svg.axis([*shown, *([] if wide else [0.0])], height - 46, 16, logarithmic=wide)
    parts = svg.frame(SIZE, across, up, x, y, marks=[dot.x for dot in points])
    if reference:
        level = up(reference[1])
        parts.append(
            f'<line x1="{across.begin:.1f}" x2="{width:.1f}" y1="{level:.1f}" y2="{level:.1f}" '
            f'stroke="{svg.SOFT}" stroke-dasharray="5 4"/>'
        )
        parts.append(svg.text(across.begin + 4, level - 5, reference[0], colour=svg.SOFT))
    places = [(across(dot.x), up(dot.y)) for dot in points]
    taken = [Box(a - RADIUS, b - RADIUS, a + RADIUS, b + RADIUS) for a, b in places]
    for dot, (a, _) in zip(points, places, strict=True):
        if dot.interval:
            low, high = (up(level) for level in dot.interval)
            parts.append(svg.path([(a, low), (a, high)], COLOURS[dot.kind], opacity=0.45))
    labels = place_labels([dot.label for dot in points], places, taken, SIZE)
    drawn = [_dot(*each) for each in zip(points, places, labels, strict=True)]
    parts += [part for layer in zip(*drawn, strict=True) for part in layer]  # text above all else
    return svg.drawing(SIZE, parts, f"{y} against {x}")


def curves(series: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x: str, y: str) -> str:
    """Return a small plot of named curves, each (x, y) pairs, as SVG.

    y is logarithmic where all of it is positive and it spans a lot.
    """
    width, height = SMALL
    everything = [pair for _, pairs in series for pair in pairs]
    levels = [level for _, level in everything]
    wide = min(levels) > 0 and max(levels) / min(levels) > LOG_RATIO
    across = svg.axis([a for a, _ in everything], 54, width - 8, logarithmic=False, margin=0.0)
    up = svg.axis(levels, height - 34, 8, logarithmic=wide)
    parts = svg.frame(SMALL, across, up, x, y, letters=10)
    for index, (name, pairs) in enumerate(series):
        colour = SERIES[index % len(SERIES)]
        parts.append(svg.path([(across(a), up(b)) for a, b in pairs], colour, width=1.4))
        if len(series) > 1:
            place = width - 10 - 44 * (len(series) - 1 - index)
            parts.append(svg.text(place, 14, name, colour=colour, size=10, anchor="end"))
    return svg.drawing(SMALL, parts, f"{y} over {x}")


def place_labels(
    labels: Sequence[str],
    places: Sequence[tuple[float, float]],
    taken: Sequence[Box],
    size: tuple[float, float],
) -> list[Box]:
    """Return where labels stand: each as near its dot as nothing else is already.

    The dots that are crowded most choose first. Where there is no room the label covers something.
    """
    crowd = [sum(math.dist(one, other) < 60 for other in places) for one in places]
    boxes: dict[int, Box] = {}
    for index in sorted(range(len(labels)), key=lambda i: (-crowd[i], places[i][1], i)):
        others = [*taken, *boxes.values()]
        found = [
            box
            for box in _candidates(labels[index], places[index])
            if box.left >= 0 and box.top >= 0 and box.right <= size[0] and box.bottom <= size[1]
        ]
        free = (box for box in found if not any(box.meets(other) for other in others))
        boxes[index] = next(free, found[0])
    return [boxes[index] for index in range(len(labels))]


def _dot(dot: Dot, place: tuple[float, float], box: Box) -> tuple[str, str, str]:
    """Return a line between dot and label if they are far apart, the dot, its label in `box`."""
    colour = COLOURS[dot.kind]
    near = min(max(place[0], box.left), box.right), (box.top + box.bottom) / 2
    line = svg.path([place, near], svg.FAINT, width=1.0) if math.dist(near, place) > 14 else ""
    fill = "#fff" if dot.kind == "control" else colour
    circle = (
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{RADIUS}" fill="{fill}" '
        f'stroke="{colour}" stroke-width="1.5"/>'
    )
    # Held at the end that is nearer the dot, whatever the width of the page's letters.
    sides = {"start": box.left, "end": box.right}
    anchor = min(sides, key=lambda side: abs(sides[side] - place[0]))
    return (
        line,
        circle,
        svg.text(sides[anchor], box.bottom - 3, dot.label, colour=colour, anchor=anchor),
    )


def _candidates(label: str, place: tuple[float, float]) -> list[Box]:
    """Return places for a label around its dot, the nearest first."""
    width = CHARACTER * len(label)
    boxes = []
    for reach in REACH:
        for turn in TURNS:
            x, y = place[0] + reach * math.cos(turn), place[1] + reach * math.sin(turn)
            # The end of the label that is nearer the dot stands there.
            left = x - (
                0.0 if math.cos(turn) > 0.1 else width if math.cos(turn) < -0.1 else width / 2
            )
            top = y - TEXT_HEIGHT / 2
            boxes.append(Box(left, top, left + width, top + TEXT_HEIGHT))
    return boxes
