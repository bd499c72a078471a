"""The tables of a comparison, for a page and for text: cells, what is best, what is near it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from dsae.commands.column_groups import GROUPS, OVERVIEW
from dsae.commands.columns import Better, Group, Measure, expand
from dsae.commands.comparison import Outcome, Summary, ranked, shared

MOST_DIGITS = 5  # decimals
ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "": ""}
DASH = "–"
GAP = 2  # characters between two columns of text
REFERENCES = {"constant": "constant guess", "truth": "the true state"}
"""Rows of what no encoder is needed for: the field of `Measure` with its path, and the name."""


class Cell(NamedTuple):
    """One figure as text."""

    text: str
    spread: str = ""
    """Half the 95 % interval."""
    interval: str = ""
    """The interval itself, where it reaches further to one side."""
    best: bool = False
    close: bool = False
    """Not the best, but its interval reaches that of the best."""

    @property
    def whole(self) -> str:
        """The figure with what belongs to it."""
        text = " ± ".join(filter(None, (self.text, self.spread)))
        return f"{text} [{self.interval}]" if self.interval else text


class Row(NamedTuple):
    """One encoder, or something that encoders are compared with."""

    name: str
    kind: str
    """`contestant`, `floor`, `ceiling`, `reference` or `failed`."""
    cells: tuple[Cell, ...]
    note: str = ""


class Table(NamedTuple):
    """One group of measures, all encoders."""

    group: Group
    columns: tuple[Measure, ...]
    rows: tuple[Row, ...]

    @property
    def heads(self) -> list[str]:
        """Title, unit and direction of each column."""
        return [
            " ".join(filter(None, (m.title, m.unit and f"[{m.unit}]", ARROWS[m.better])))
            for m in self.columns
        ]

    @property
    def legend(self) -> list[Measure]:
        """The columns to explain, those of single keypoints left out: their mean says it."""
        return [m for m in self.columns if m.meaning and not m.path.startswith("keypoints.")]


def tables(outcomes: Sequence[Outcome]) -> list[Table]:
    """Return the overview and a table for each group that has figures."""
    return [found for group in (OVERVIEW, *GROUPS) if (found := table(group, outcomes))]


def table(group: Group, outcomes: Sequence[Outcome]) -> Table | None:
    """Return the table of a group; None if there is no figure in it."""
    every = shared(outcomes)
    units = {e["state"].get("unit") for o in outcomes for e in o.evaluations.values()}
    unit = next((found for found in units if found), "")
    paths = {path for outcome in outcomes for path in outcome.summaries}
    columns = tuple(column for m in group.measures for column in expand(m, paths, unit))
    if not columns:
        return None
    outcomes = [
        outcome
        for outcome in ranked(outcomes)
        if (group.everyone and outcome.evaluations)
        or (group is OVERVIEW and outcome.failures)  # those are listed once
        or any(column.path in outcome.summaries for column in columns)
    ]
    cells = [_column(column, outcomes) for column in columns]
    rows = [
        Row(
            outcome.name,
            _kind(outcome),
            tuple(column[i] for column in cells),
            _note(outcome, columns),
        )
        for i, outcome in enumerate(outcomes)
    ]
    for name, title in REFERENCES.items():
        values = [every.get(getattr(column, name)) for column in columns]
        if any(value is not None for value in values):
            texts = [
                Cell(DASH if value is None else _text(value, column, _digits(column, outcomes)))
                for value, column in zip(values, columns, strict=True)
            ]
            rows.append(Row(title, "reference", tuple(texts)))
    order = ("contestant", "floor", "ceiling", "reference", "failed")
    return Table(group, columns, tuple(sorted(rows, key=lambda row: order.index(row.kind))))


def markdown(found: Sequence[Table]) -> str:
    """Return the tables as Markdown; what is best is bold."""
    parts = []
    for one in found:
        parts += [f"## {one.group.title}\n", *([f"{one.group.text}\n"] if one.group.text else [])]
        parts.append(markdown_row([one.group.subject, *one.heads]))
        parts.append(markdown_row(["---", *["---:"] * len(one.columns)]))
        for row in one.rows:
            texts = [cell.whole for cell in row.cells]
            bold = [f"**{t}**" if c.best else t for t, c in zip(texts, row.cells, strict=True)]
            note = "; ".join(filter(None, (KINDS.get(row.kind), row.note)))
            parts.append(markdown_row([row.name + f" ({note})" * bool(note), *bold]))
        parts.append("")
        if one.group is not OVERVIEW:
            parts += [*(f"- *{m.title}*: {m.meaning}" for m in one.legend), ""]
    return "\n".join(parts)


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines of text in columns, the first held left, the others right."""
    widths = [max(map(len, column)) + GAP for column in zip(*lines, strict=True)]
    return [
        "".join([f"{line[0]:{widths[0]}}", *map(str.rjust, line[1:], widths[1:])]) for line in lines
    ]


AIDED = "draws with the robot's true state given"
"""What is said of a contestant whose reconstruction does not compete."""
KINDS = {"floor": "nothing learned", "ceiling": "told the truth"}
"""What is said of a control."""


def markdown_row(cells: Sequence[str]) -> str:
    """Return one row of a GitHub table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(outcome: Outcome) -> str:
    return outcome.control or "contestant" if outcome.evaluations else "failed"


def _note(outcome: Outcome, columns: Sequence[Measure]) -> str:
    """Return what is to be known of an encoder that was helped, or whose seeds failed in part."""
    there = len(outcome.evaluations)
    if there:
        aided = any(m.path in outcome.summaries and not outcome.competes(m.path) for m in columns)
        seeds = f"{there} of {there + len(outcome.failures)} seeds"
        notes = {seeds: bool(outcome.failures), AIDED: outcome.told_robot and aided}
        return "; ".join(note for note, said in notes.items() if said)
    return "failed: " + "; ".join(dict.fromkeys(outcome.failures.values()))


def _column(column: Measure, outcomes: Sequence[Outcome]) -> list[Cell]:
    """Return the cells of a column, one for each outcome."""
    digits = _digits(column, outcomes)
    summaries = [outcome.summaries.get(column.path) for outcome in outcomes]
    cells = [_cell(summary, column, digits) for summary in summaries]
    rivals = [
        i
        for i, (outcome, summary) in enumerate(zip(outcomes, summaries, strict=True))
        if summary and outcome.competes(column.path)
    ]
    if len(rivals) < 2 or not column.better:
        return cells
    shown = {i: round(column.scale * s.mean, digits) for i in rivals if (s := summaries[i])}
    top = min(shown.values()) if column.better == "lower" else max(shown.values())
    winners = [i for i in rivals if shown[i] == top]
    if len(winners) == len(rivals):
        return cells
    for i in rivals:
        close = any(_meet(summaries[i], summaries[winner]) for winner in winners)
        cells[i] = cells[i]._replace(best=i in winners, close=close and i not in winners)
    return cells


def _meet(one: Summary | None, other: Summary | None) -> bool:
    """Whether two 95 % intervals have something in common."""
    if not one or not other or not one.interval or not other.interval:
        return False
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def _cell(summary: Summary | None, column: Measure, digits: int) -> Cell:
    if summary is None:
        return Cell(DASH)
    text = _text(summary.mean, column, digits)
    low, high = summary.interval or (0.0, 0.0)
    # Nothing random in it (the size of a code, say): there is no spread to speak of.
    return Cell(text, _text((high - low) / 2, column, digits) if high > low else "")


def _text(value: float, column: Measure, digits: int) -> str:
    return f"{column.scale * value:.{digits}f}"


def _digits(column: Measure, outcomes: Sequence[Outcome]) -> int:
    """Return how many decimals show two digits of the smallest figure of a column."""
    if column.digits is not None:
        return column.digits
    sizes = [
        abs(column.scale * summary.mean)
        for outcome in outcomes
        if (summary := outcome.summaries.get(column.path)) and summary.mean
    ]
    if not sizes:
        return 1
    return min(max(1 - math.floor(math.log10(min(sizes))), 0), MOST_DIGITS)
