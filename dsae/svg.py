"""What a plot is drawn with, as SVG text to stand inside a page: axes, lines, letters."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

INK, SOFT, FAINT, LINE = "#1d2733", "#5b6876", "#b4bdc8", "#dfe4ea"


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


def axis(
    values: Sequence[float], begin: float, end: float, *, logarithmic: bool, margin: float = 0.06
) -> Axis:
    """Return an axis that holds all values, with a margin at both ends (not below a zero)."""
    low, high = min(values), max(values)
    if logarithmic:
        spare = max((high / low) ** margin, 1.2 if margin else 1.0 + 1e-9)
        return Axis(low / spare, high * spare, begin, end, True)
    spare = margin * (high - low) or (0.0 if high > low else max(abs(high), 1.0) * 0.1)
    return Axis(low - spare * (low != 0), high + spare, begin, end, False)


def frame(
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
        parts.append(path([(across.begin, level), (right, level)], LINE, width=1))
        place = across.begin - 6, level + 0.35 * letters
        parts.append(text(*place, _figure(tick), colour=SOFT, size=letters, anchor="end"))
    for tick in _apart(marks, across) if marks else across.ticks():
        place = across(tick), bottom + 1.3 * letters
        parts.append(path([(place[0], bottom), (place[0], bottom + 4)], SOFT, width=1))
        parts.append(text(*place, _figure(tick), colour=SOFT, size=letters, anchor="middle"))
    parts.append(path([(across.begin, bottom), (right, bottom)], SOFT, width=1))
    middle = (across.begin + across.end) / 2, size[1] - 5
    parts.append(text(*middle, x, colour=INK, size=letters, anchor="middle"))
    height = (up.begin + up.end) / 2
    parts.append(
        f'<g transform="translate({letters + 1},{height:.1f}) rotate(-90)">'
        + text(0, 0, y, size=letters, anchor="middle")
        + "</g>"
    )
    return parts


def _figure(value: float) -> str:
    """Return what stands beside a tick: large numbers with commas rather than powers of ten."""
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _apart(values: Sequence[float], axis: Axis) -> list[float]:
    """Return the values whose pixels are not too near those of smaller ones."""
    kept: list[float] = []
    for value in sorted(set(values)):
        if not kept or abs(axis(value) - axis(kept[-1])) > 30:
            kept.append(value)
    return kept


def path(
    pairs: Sequence[tuple[float, float]],
    colour: str,
    width: float = 1.5,
    opacity: float = 1.0,
    dash: str = "",
) -> str:
    """Return a line through pixels (x, y); `dash` as in SVG, such as `7 4`."""
    dashed = f'stroke-dasharray="{dash}" ' if dash else ""
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'{dashed}stroke-opacity="{opacity}" stroke-linejoin="round"/>'
    )


def text(
    x: float, y: float, words: str, *, colour: str = INK, size: int = 12, anchor: str = "start"
) -> str:
    """Return words that start, end or have their middle at a pixel, as `anchor` says."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}" stroke="#fff" stroke-width="3" paint-order="stroke">'
        f"{escape(words)}</text>"
    )


def drawing(size: tuple[float, float], parts: Sequence[str], title: str) -> str:
    """Return the whole of a plot of so many pixels; `title` is what is read out of it."""
    width, height = size
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" class="plot" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
        + "".join(parts)
        + "</svg>"
    )
