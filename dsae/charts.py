"""Plots of rates with their intervals, as SVG text: one beside the other, and over time."""

from collections.abc import Sequence
from typing import NamedTuple

from dsae import svg
from dsae.plots import COLOURS, Kind

WIDTH = 900.0  # of both plots, in their own pixels
ROW, LEFT, RIGHT = 30.0, 190.0, 70.0  # height of a rate's row, room for its name and its figure
CURVES_HEIGHT, NAMES_WIDTH = 360.0, 190.0
NAME_DISTANCE = 15.0  # between the names at the ends of two curves
PALETTE = ("#1f5fd0", "#c2571a", "#2c8a57", "#8a4fbf", "#9a7b00", "#c2337a", "#0f8a94", "#6b4a2b")
DASHES = ("", "7 4", "2 3")  # of the first curves, and of those beyond the palette
GREYS = ("#4f5965", "#77818c", "#a3acb6")  # of controls


class Rate(NamedTuple):
    """A rate in [0, 1] with its 95 % interval, if there is one, and those it was made of."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    single: tuple[float, ...] = ()
    kind: Kind = "other"


class Curve(NamedTuple):
    """A rate, or another number that is never negative, over something that rises."""

    label: str
    points: tuple[tuple[float, float], ...]
    """(x, y), x rising."""
    band: tuple[tuple[float, float], ...] = ()
    """The 95 % interval at each point; empty if there is none."""
    number: int = 0
    """Decides colour and dashes, so that they can be the same in another plot."""
    control: bool = False


def rates(rows: Sequence[Rate], *, x: str) -> str:
    """Return a row for each rate: its dot, its interval, and a tick for each of its parts."""
    height = ROW * len(rows) + 60
    across = svg.Axis(0.0, 1.0, LEFT, WIDTH - RIGHT, False)
    bottom = height - 46
    parts = _percent_grid(across, bottom)
    for number, row in enumerate(rows):
        level, colour = 14 + ROW * (number + 0.5), COLOURS[row.kind]
        parts.append(svg.text(LEFT - 14, level + 4, row.label, colour=colour, size=13,
                              anchor="end"))  # fmt: skip
        if row.interval:
            ends = [(across(end), level) for end in row.interval]
            parts.append(svg.path(ends, colour, width=7, opacity=0.3))
        for one in row.single if len(row.single) > 1 else ():
            tick = [(across(one), level - 7), (across(one), level + 7)]
            parts.append(svg.path(tick, colour, width=1.5, opacity=0.7))
        fill = "#fff" if row.kind == "control" else colour
        parts.append(
            f'<circle cx="{across(row.value):.1f}" cy="{level:.1f}" r="5.5" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )
        figure = f"{100 * row.value:.0f} %"
        parts.append(svg.text(WIDTH - 4, level + 4, figure, size=13, anchor="end"))
    middle = (across.begin + across.end) / 2
    parts.append(svg.text(middle, height - 8, x, anchor="middle"))
    return svg.drawing((WIDTH, height), parts, f"{x} with 95 % intervals")


def curves(series: Sequence[Curve], *, x: str, y: str, top: float = 1.0) -> str:
    """Return curves over x with their intervals as bands, each named at its end.

    `top` is where the y axis ends: 1 for rates.
    """
    size = WIDTH, CURVES_HEIGHT
    everything = [a for curve in series for a, _ in curve.points]
    across = svg.axis(everything, 64, WIDTH - NAMES_WIDTH, logarithmic=False, margin=0.02)
    up = svg.Axis(0.0, top, CURVES_HEIGHT - 46, 14, False)
    parts = svg.frame(size, across, up, x, y)
    styles = [_style(curve) for curve in series]
    for curve, (colour, _) in zip(series, styles, strict=True):
        if len(curve.points) > 1 and curve.band:
            parts.append(_band(curve, across, up, colour))
    for curve, (colour, dash) in zip(series, styles, strict=True):
        places = [(across(a), up(b)) for a, b in curve.points]
        parts.append(svg.path(places, colour, width=2, dash=dash))
        if len(places) == 1:
            parts.append(
                f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3.5" fill="{colour}"/>'
            )
    return svg.drawing(size, [*parts, *_names(series, styles, across, up)], f"{y} over {x}")


def _percent_grid(across: svg.Axis, bottom: float) -> list[str]:
    parts = []
    for percent in range(0, 101, 20):
        place = across(percent / 100)
        parts.append(svg.path([(place, 8), (place, bottom)], svg.LINE, width=1))
        parts.append(svg.text(place, bottom + 16, f"{percent} %", colour=svg.SOFT,
                              anchor="middle"))  # fmt: skip
    return parts


def _style(curve: Curve) -> tuple[str, str]:
    """Return colour and dashes; no two of 24 contestants are alike."""
    colours = GREYS if curve.control else PALETTE
    turn = curve.number if curve.control else curve.number // len(PALETTE)
    return colours[curve.number % len(colours)], DASHES[turn % len(DASHES)]


def _band(curve: Curve, across: svg.Axis, up: svg.Axis, colour: str) -> str:
    places = [across(a) for a, _ in curve.points]
    lower = [(a, up(low)) for a, (low, _) in zip(places, curve.band, strict=True)]
    upper = [(a, up(high)) for a, (_, high) in zip(places, curve.band, strict=True)]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*lower, *reversed(upper)])
    return f'<polygon points="{points}" fill="{colour}" fill-opacity="0.13"/>'


def _names(
    series: Sequence[Curve],
    styles: Sequence[tuple[str, str]],
    across: svg.Axis,
    up: svg.Axis,
) -> list[str]:
    """Return the curves' names beside their ends, moved apart where they would meet."""
    ends = [curve.points[-1] for curve in series]
    order = sorted(range(len(series)), key=lambda i: up(ends[i][1]))
    levels: list[float] = []
    for i in order:
        levels.append(max(up(ends[i][1]), levels[-1] + NAME_DISTANCE if levels else 0.0))
    # What was pushed out below goes up again, and pushes what is above it.
    limit = up.begin
    for place in reversed(range(len(levels))):
        levels[place] = min(levels[place], limit)
        limit = levels[place] - NAME_DISTANCE
    parts = []
    for i, level in zip(order, levels, strict=True):
        end, beside = (across(ends[i][0]), up(ends[i][1])), (across.end + 14, level)
        parts.append(svg.path([end, beside], styles[i][0], width=0.8, opacity=0.6))
        parts.append(svg.text(across.end + 18, level + 4, series[i].label, colour=styles[i][0]))
    return parts
