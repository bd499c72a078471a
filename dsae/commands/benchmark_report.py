"""What a benchmark leaves behind: results.json, table.md, report.html and a printed summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsae import charts, report
from dsae.charts import Curve, Rate
from dsae.checkpoint import write_atomically
from dsae.commands import benchmark_tables, circumstances, runs, standings, tables
from dsae.commands.standings import Board, Standing
from dsae.commands.tables import Table
from dsae.plots import Kind

CURVE_POINTS = 50  # of a learning curve, at most
PRINTED = ("success", "distance", "minus.blind")
"""The columns that are printed, by their paths."""


def write(folder: Path, facts: dict[str, Any], boards: Sequence[Board]) -> None:
    """Write results.json, table.md and report.html."""
    facts = {**facts, **circumstances.here()}
    target = facts["target"]
    figures = {
        board.task: {one.name: standings.as_json(one, board, target) for one in board.standings}
        for board in boards
    }
    every = {name: one._asdict() for name, one in standings.overall(boards).items()}
    runs.save_json(folder / "results.json", {**facts, "results": figures, "overall": every})
    found = [benchmark_tables.table(board, target) for board in boards]
    over = benchmark_tables.overview(boards)
    numbers = _numbers(boards)
    listed = [over, *found] if over else found
    heading = f"# {_heading(boards)}\n\n`{facts['command']}`, {facts['date']}\n\n"
    text = heading + benchmark_tables.markdown(listed)
    write_atomically(folder / "table.md", text.encode())
    report.write_report(
        folder / "report.html",
        "benchmark.html.j2",
        facts=facts,
        heading=_heading(boards),
        overview=over,
        sections=[_section(*pair, numbers) for pair in zip(boards, found, strict=True)],
        legend=benchmark_tables.legend(found),
        failures=_failures(boards),
        anchors={},
        kinds={},
    )


def summary(boards: Sequence[Board], target: float) -> str:
    """Return the most important columns of every task as text."""
    parts = []
    for board in boards:
        found = benchmark_tables.table(board, target)
        shown = [i for i, column in enumerate(found.columns) if column.path in PRINTED]
        heads = [found.heads[i] for i in shown]
        lines = [[board.task, *heads, ""]]
        for row in found.rows:
            if row.kind == "failed":
                lines.append([row.name, "failed", *[""] * len(heads)])
                continue
            name = row.name if row.kind == "contestant" else f"({row.name})"
            lines.append([name, *(row.cells[i].whole for i in shown), row.note])
        # The notes are held left.
        aligned = tables.aligned([line[:-1] for line in lines])
        parts += [
            "",
            *(f"{a}  {line[-1]}".rstrip() for a, line in zip(aligned, lines, strict=True)),
        ]
    return "\n".join(parts)


def _heading(boards: Sequence[Board]) -> str:
    states = {one.name for board in boards for one in board.standings}
    on = boards[0].task if len(boards) == 1 else f"{len(boards)} tasks"
    return f"{len(states)} state{'s' * (len(states) > 1)} to learn {on} from"


def _failures(boards: Sequence[Board]) -> list[tuple[str, str, int, str]]:
    found = []
    for board in boards:
        for one in board.standings:
            found += [(board.task, one.name, *failure) for failure in one.failures.items()]
            found += [
                (board.task, one.name, seed, f"from {count} demonstrations: {line}")
                for (seed, count), line in one.fewer_failures.items()
            ]
    return found


def _numbers(boards: Sequence[Board]) -> dict[str, int]:
    """Return a number for each state, controls and contestants counted apart, for its colour."""
    states = {one.name: one.contestant for board in boards for one in board.standings}
    controls = [name for name, one in states.items() if one.control]
    others = [name for name, one in states.items() if not one.control]
    return {name: i for names in (controls, others) for i, name in enumerate(names)}


def _section(board: Board, found: Table, numbers: dict[str, int]) -> dict[str, Any]:
    """Return what the page shows of a task."""
    measured = board.measured
    key, axis = _over(measured)
    drawn = [drawn for one in measured if (drawn := _curve(one, key, numbers[one.name])).points]
    return {
        "task": board.task,
        "table": found,
        "rates": charts.rates([_rate(one) for one in measured], x="success") if measured else "",
        "curves": charts.curves(drawn, x=axis, y="success") if drawn else "",
        "marked": set(board.marks.values()),
    }


def _rate(one: Standing) -> Rate:
    kind: Kind = "control" if one.contestant.control else "spatial"
    single = tuple(one.rates.values())
    return Rate(one.name, one.success.value, one.success.interval, single, kind)


def _over(measured: Sequence[Standing]) -> tuple[str, str]:
    """Return what success is drawn over, as a row's key and in words.

    Demonstrations, where it was learned from fewer, too; else samples, unless they are the same in
    all rows of a policy.
    """
    if any(one.fewer for one in measured):
        return "demonstrations", "demonstrations"
    taken = [
        {row["samples"] for row in rows if "samples" in row}
        for one in measured
        for rows in one.on_the_way.values()
    ]
    if any(len(values) > 1 for values in taken):
        return "samples", "samples (steps of the task)"
    return "step", "progress (epochs or iterations of the learner)"


def _curve(one: Standing, key: str, number: int) -> Curve:
    points = list(standings.curve(one, key))
    if len(points) > CURVE_POINTS:
        kept = np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int)
        points = [points[i] for i in kept]
    pairs = tuple((place, estimate.value) for place, estimate in points)
    intervals = tuple(estimate.interval for _, estimate in points if estimate.interval)
    # There are none with one seed.
    band = intervals if len(intervals) == len(points) else ()
    return Curve(one.name, pairs, band, number, bool(one.contestant.control))
