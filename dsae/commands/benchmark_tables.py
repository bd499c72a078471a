"""The tables of a benchmark: one for each task, and one over all of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dsae.commands import standings, tables
from dsae.commands.columns import Group, Measure
from dsae.commands.standings import Board, Reached, Standing
from dsae.commands.tables import DASH, Cell, Row, Table
from policies.statistics import Estimate

NOTES = {
    "oracle": "told where the objects are",
    "oracle_pose": "told where the objects are and how they are turned",
    "blind": "sees no objects",
}
"""What is said of the named controls; of encoders that are controls: `tables.KINDS`."""
MARKS = {"best": "best", "close": "among the best"}


class Column(NamedTuple):
    """A measure, and how its cell is made."""

    measure: Measure
    cell: Callable[[Standing, Board], Cell]


def columns(target: float) -> list[Column]:
    """Return all columns that a task's table may have."""
    percent = f"{100 * target:g}\N{NO-BREAK SPACE}%"
    return [
        Column(
            Measure(path="success", title="success", unit="%", better="higher",
                    meaning="Success at an episode's last step: the interquartile mean over the "
                    "seeds (of fewer than four their mean) with its 95 % bootstrap interval, which "
                    "has no width where all seeds agree; of a single seed Wilson's interval."),
            _success,
        ),
        Column(
            Measure(path="distance", title="distance", unit="cm", better="lower",
                    meaning="What was left to the goal at the end, median over all episodes of all "
                    "seeds."),
            lambda one, board: _number(100 * one.distance, 1),
        ),
        *(
            Column(
                Measure(path=f"minus.{name}", title=f"minus {name}", unit="points",
                        meaning=f"By how much success is higher than {name}'s, in percentage "
                        "points, paired by seed and episode: the mean over all, with an interval "
                        "from a bootstrap over both."),
                lambda one, board, name=name: _minus(one, board, name),  # type: ignore[misc]
            )
            for name in standings.REFERENCES
        ),
        Column(
            Measure(path="share", title="of oracle", unit="%",
                    meaning="Success as a share of oracle's."),
            _share,
        ),
        Column(
            Measure(path="samples_to_target", title=f"samples to {percent}",
                    meaning=f"Steps of the task until {percent} success was first seen while "
                    "learning (of demonstrations: the fewest that gave it), median over the "
                    "seeds."),
            lambda one, board: _reached(one, target, "samples"),
        ),
        Column(
            Measure(path="seconds_to_target", title=f"time to {percent}", unit="s",
                    meaning="Seconds of learning until then (from so few), evaluations on the way "
                    "included."),
            lambda one, board: _reached(one, target, "seconds"),
        ),
        Column(
            Measure(path="samples", title="samples",
                    meaning="Steps of the task that were taken to learn, those of the "
                    "demonstrations that were learned from included, mean over the seeds. What an "
                    "encoder alone was trained on is not counted."),
            lambda one, board: _mean([r.samples for r in one.results.values()]),
        ),
        Column(
            Measure(path="learn_seconds", title="learning", unit="s",
                    meaning="Time of learning, mean over the seeds."),
            lambda one, board: _mean([r.learn_seconds for r in one.results.values()]),
        ),
        Column(
            Measure(path="encoder_seconds", title="encoder", unit="s",
                    meaning="Time of training the encoder (and fitting its filter) before, mean "
                    "over the seeds."),
            lambda one, board: _mean([r.encoder_seconds for r in one.results.values()]),
        ),
        Column(
            Measure(path="state_size", title="numbers", meaning="Length of the state vector."),
            lambda one, board: _mean([r.state_size for r in one.results.values()]),
        ),
    ]  # fmt: skip


def table(board: Board, target: float) -> Table:
    """Return the table of a task; columns that nobody has a figure in are left out."""
    measured = board.measured
    there = []
    for column in columns(target):
        cells = [column.cell(one, board) for one in measured]
        if any(cell.text != DASH for cell in cells):
            there.append((column.measure, cells))
    rows = [
        Row(one.name, _kind(one), tuple(cells[i] for _, cells in there), note(one, board))
        for i, one in enumerate(measured)
    ]
    rows += [
        Row(one.name, "failed", (), "failed: " + "; ".join(dict.fromkeys(one.failures.values())))
        for one in board.standings
        if not one.results
    ]
    group = Group(title=board.task, text="", measures=(), subject="state")
    return Table(group, tuple(measure for measure, _ in there), tuple(rows))


def overview(boards: Sequence[Board]) -> Table | None:
    """Return the success of all states on all tasks; None for a single task."""
    if len(boards) < 2:
        return None
    every = standings.overall(boards)
    rows: dict[str, Row] = {}
    for one in (one for board in boards for one in board.measured):
        if one.name not in rows:
            cells = [_on(board, one.name) for board in boards]
            total = _estimate(every[one.name]) if one.name in every else Cell(DASH)
            rows[one.name] = Row(one.name, _kind(one), (*cells, total), _control_note(one))
    measures = [
        *(Measure(path=board.task, title=board.task, unit="%", meaning="") for board in boards),
        Measure(path="overall", title="all tasks", unit="%", meaning="", better="higher"),
    ]
    group = Group(
        title="All tasks",
        text="Success, the interquartile mean over seeds, and over seeds and tasks together, with "
        "95 % intervals from a bootstrap stratified by task.",
        measures=(),
        subject="state",
    )
    order = [*every, *(name for name in rows if name not in every)]
    return Table(group, tuple(measures), tuple(rows[name] for name in order))


def legend(found: Sequence[Table]) -> dict[str, str]:
    """Return what the columns of the tables mean, by title."""
    return {m.title: m.meaning for one in found for m in one.columns if m.meaning}


def markdown(found: Sequence[Table]) -> str:
    """Return the tables as Markdown, with what the columns mean once, at the end."""
    bare = [
        one._replace(columns=tuple(replace(measure, meaning="") for measure in one.columns))
        for one in found
    ]
    lines = [f"- *{title}*: {meaning}" for title, meaning in legend(found).items()]
    return "\n".join([tables.markdown(bare), *lines, ""])


def note(one: Standing, board: Board) -> str:
    """Return what is to be known of a state beside its figures."""
    there = len(one.results)
    mark = board.marks.get(one.name)
    notes = [
        _control_note(one),
        MARKS[mark] if mark else "",
        f"{there} of {there + len(one.failures)} seeds" if one.failures else "",
    ]
    return "; ".join(filter(None, notes))


def _control_note(one: Standing) -> str:
    control = one.contestant.control
    return NOTES.get(one.name) or tables.KINDS.get(control, "")


def _kind(one: Standing) -> str:
    return "reference" if one.contestant.control else "contestant"


def _success(one: Standing, board: Board) -> Cell:
    mark = board.marks.get(one.name)
    return _estimate(one.success)._replace(best=mark == "best", close=mark == "close")


def _on(board: Board, name: str) -> Cell:
    """Return the success of a state in a table of many tasks."""
    one = next((one for one in board.measured if one.name == name), None)
    return _success(one, board) if one else Cell(DASH)


def _minus(one: Standing, board: Board, name: str) -> Cell:
    other = board.references.get(name)
    difference = one.minus(other) if other and other.name != one.name else None
    return _estimate(difference, sign="+") if difference else Cell(DASH)


def _share(one: Standing, board: Board) -> Cell:
    oracle = board.references.get("oracle")
    share = one.share_of(oracle) if oracle and oracle is not one else None
    return Cell(DASH) if share is None else Cell(f"{100 * share:.0f}")


def _estimate(estimate: Estimate, sign: str = "") -> Cell:
    """Return a share as percent with its interval; `sign` is `+` for a difference."""
    text = _percent(estimate.value, sign)
    if not estimate.interval:
        return Cell(text)
    return Cell(text, interval=" to ".join(_percent(end, sign) for end in estimate.interval))


def _percent(value: float, sign: str) -> str:
    percent = round(100 * value)
    return f"{percent:{sign}d}" if percent else "0"


def _reached(one: Standing, target: float, key: str) -> Cell:
    reached: Reached | None = one.reached(target, key)
    if reached is None:
        return Cell(DASH)
    if reached.median is None:
        return Cell(f"in {reached.seeds} of {len(one.results)}" if reached.seeds else "never")
    return _number(reached.median, 0)


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return _number(float(np.mean(known)), 0) if known else Cell(DASH)


def _number(value: float, digits: int) -> Cell:
    return Cell(f"{value:.{digits}f}") if np.isfinite(value) else Cell(DASH)
