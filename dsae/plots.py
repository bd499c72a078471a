"""Two kinds of plot as SVG text, to stand inside a page: labelled dots, and curves."""

import math
from collections.abc import Sequence
from html import escape
from typing import Literal, NamedTuple

Kind = Literal["spatial", "other", "control"]
COLOURS: dict[Kind, str] = {"spatial": "#1f5fd0", "other": "#c2571a", "control": "#77818c"}
SERIES = ("#1f5fd0", "#c2571a", "#2c8a57", "#8a4fbf", "#9a7b00")
INK, SOFT, FAINT, LINE = "#1d2733", "#5b6876", "#b4bdc8", "#dfe4ea"

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


class Axis(NamedTuple):
    """Values to pixels, both ways of counting: linear or logarithmic."""

    low: float
    high: float
    begin: float
    """Pixel of `low`."""
    end: float
    logarithmic: bool

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; outside of the axis that of its end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Return round values on the axis: 1, 2 and 5 times powers of ten, or even steps."""
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            every = [step * 10.0**d for d in decades for step in (1, 2, 5)]
            kept = [value for value in every if self.low <= value <= self.high]
            if len(kept) > 10:
                return [v for v in kept if abs(math.log10(v) - round(math.log10(v))) < 1e-6]
            return kept
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def dots(
    points: Sequence[Dot], *, x: str, y: str, reference: tuple[str, float] | None = None
) -> str:
    """Return dots with their labels, none on another, over a logarithmic x axis, as SVG.

    `x` and `y` name the axes, `reference` is a labelled level of y. x must be positive.
    """
    width, height = SIZE
    ends = [end for dot in points for end in (dot.y, *(dot.interval or ()))]
    levels = [*ends, reference[1]] if reference else ends
    across = _axis([dot.x for dot in points], 64, width - 150, logarithmic=True)
    smallest = min(dot.y for dot in points)
    wide = smallest > 0 and max(levels) / smallest > LOG_RATIO
    # An interval may reach below zero, where an error cannot be.
    shown = [level for level in levels if level >= (0.5 * smallest if wide else 0.0)]
    up = _axis([*shown, *([] if wide else [0.0])], height - 46, 16, logarithmic=wide)
    parts = _frame(SIZE, across, up, x, y, marks=[dot.x for dot in points])
    if reference:
        level = up(reference[1])
        parts.append(
            f'<line x1="{across.begin:.1f}" x2="{width:.1f}" y1="{level:.1f}" y2="{level:.1f}" '
            f'stroke="{SOFT}" stroke-dasharray="5 4"/>'
        )
        parts.append(_text(across.begin + 4, level - 5, reference[0], colour=SOFT))
    places = [(across(dot.x), up(dot.y)) for dot in points]
    taken = [Box(a - RADIUS, b - RADIUS, a + RADIUS, b + RADIUS) for a, b in places]
    for dot, (a, _) in zip(points, places, strict=True):
        if dot.interval:
            low, high = (up(level) for level in dot.interval)
            parts.append(_path([(a, low), (a, high)], COLOURS[dot.kind], opacity=0.45))
    labels = place_labels([dot.label for dot in points], places, taken, SIZE)
    drawn = [_dot(*each) for each in zip(points, places, labels, strict=True)]
    parts += [part for layer in zip(*drawn, strict=True) for part in layer]  # text above all else
    return _svg(SIZE, parts, f"{y} against {x}")


def curves(series: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x: str, y: str) -> str:
    """Return a small plot of named curves, each (x, y) pairs, as SVG.

    y is logarithmic where all of it is positive and it spans a lot.
    """
    width, height = SMALL
    everything = [pair for _, pairs in series for pair in pairs]
    levels = [level for _, level in everything]
    wide = min(levels) > 0 and max(levels) / min(levels) > LOG_RATIO
    across = _axis([a for a, _ in everything], 54, width - 8, logarithmic=False, margin=0.0)
    up = _axis(levels, height - 34, 8, logarithmic=wide)
    parts = _frame(SMALL, across, up, x, y, letters=10)
    for index, (name, pairs) in enumerate(series):
        colour = SERIES[index % len(SERIES)]
        parts.append(_path([(across(a), up(b)) for a, b in pairs], colour, width=1.4))
        if len(series) > 1:
            place = width - 10 - 44 * (len(series) - 1 - index)
            parts.append(_text(place, 14, name, colour=colour, size=10, anchor="end"))
    return _svg(SMALL, parts, f"{y} over {x}")


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
    line = _path([place, near], FAINT, width=1.0) if math.dist(near, place) > 14 else ""
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
        _text(sides[anchor], box.bottom - 3, dot.label, colour=colour, anchor=anchor),
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


def _axis(
    values: Sequence[float], begin: float, end: float, *, logarithmic: bool, margin: float = 0.06
) -> Axis:
    """Return an axis that holds all values, with a margin at both ends (not below a zero)."""
    low, high = min(values), max(values)
    if logarithmic:
        spare = max((high / low) ** margin, 1.2 if margin else 1.0 + 1e-9)
        return Axis(low / spare, high * spare, begin, end, True)
    spare = margin * (high - low) or (0.0 if high > low else max(abs(high), 1.0) * 0.1)
    return Axis(low - spare * (low != 0), high + spare, begin, end, False)


def _frame(
    size: tuple[float, float],
    across: Axis,
    up: Axis,
    x: str,
    y: str,
    *,
    letters: int = 12,
    marks: Sequence[float] = (),
) -> list[str]:
    """Return grid lines, ticks (of x: at the `marks` as far as there is room) and axes' names."""
    bottom, right = up.begin, size[0]
    parts = []
    for tick in up.ticks():
        level = up(tick)
        parts.append(_path([(across.begin, level), (right, level)], LINE, width=1))
        place = across.begin - 6, level + 0.35 * letters
        parts.append(_text(*place, f"{tick:.4g}", colour=SOFT, size=letters, anchor="end"))
    for tick in _apart(marks, across) if marks else across.ticks():
        place = across(tick), bottom + 1.3 * letters
        parts.append(_path([(place[0], bottom), (place[0], bottom + 4)], SOFT, width=1))
        parts.append(_text(*place, f"{tick:.4g}", colour=SOFT, size=letters, anchor="middle"))
    parts.append(_path([(across.begin, bottom), (right, bottom)], SOFT, width=1))
    middle = (across.begin + across.end) / 2, size[1] - 5
    parts.append(_text(*middle, x, colour=INK, size=letters, anchor="middle"))
    height = (up.begin + up.end) / 2
    parts.append(
        f'<g transform="translate({letters + 1},{height:.1f}) rotate(-90)">'
        + _text(0, 0, y, size=letters, anchor="middle")
        + "</g>"
    )
    return parts


def _apart(values: Sequence[float], axis: Axis) -> list[float]:
    """Return the values whose pixels are not too near those of smaller ones."""
    kept: list[float] = []
    for value in sorted(set(values)):
        if not kept or abs(axis(value) - axis(kept[-1])) > 30:
            kept.append(value)
    return kept


def _path(
    pairs: Sequence[tuple[float, float]], colour: str, width: float = 1.5, opacity: float = 1.0
) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-opacity="{opacity}" stroke-linejoin="round"/>'
    )


def _text(
    x: float, y: float, text: str, *, colour: str = INK, size: int = 12, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}" stroke="#fff" stroke-width="3" paint-order="stroke">'
        f"{escape(text)}</text>"
    )


def _svg(size: tuple[float, float], parts: Sequence[str], title: str) -> str:
    width, height = size
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" class="plot" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
        + "".join(parts)
        + "</svg>"
    )
