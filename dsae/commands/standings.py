"""The figures of a benchmark: every policy's, and over the seeds their estimates and marks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from dsae.commands import results
from dsae.commands.contestants import Contestant
from dsae.commands.grid import Grid
from dsae.commands.results import Result
from policies import statistics
from policies.evaluation import wilson_interval
from policies.statistics import Estimate

BOOTSTRAP_SEED = 0
"""Each interval has a generator of its own: it does not depend on which others there are."""
REFERENCES = ("oracle", "blind")
"""What every state is compared with."""
Mark = Literal["best", "close"]


class Reached(NamedTuple):
    """When the target was first seen while learning."""

    median: float | None
    """Over the seeds; None unless all of them got there."""
    seeds: int
    """How many got there."""


@dataclass(frozen=True)
class Standing:
    """One state on one task, over the seeds."""

    contestant: Contestant
    results: dict[int, Result] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    """What went wrong, by seed."""
    fewer: dict[int, dict[int, Result]] = field(default_factory=dict)
    """By seed what was learned from fewer demonstrations, by their number, rising."""
    fewer_failures: dict[tuple[int, int], str] = field(default_factory=dict)
    """What went wrong there, by seed and number of demonstrations."""
    shown: int = 0
    """Demonstrations that there are."""

    @property
    def name(self) -> str:
        """The state's."""
        return self.contestant.name

    @property
    def rates(self) -> dict[int, float]:
        """Success rate by seed."""
        return {seed: float(result.success.mean()) for seed, result in self.results.items()}

    @cached_property
    def success(self) -> Estimate:
        """The interquartile mean of the seeds' rates; of one seed, Wilson's interval."""
        if len(self.results) == 1:
            (only,) = self.results.values()
            interval = wilson_interval(int(only.success.sum()), len(only.success))
            return Estimate(float(only.success.mean()), interval)
        return statistics.stratified(np.array([*self.rates.values()])[:, None], _generator())

    @property
    def distance(self) -> float:
        """The median over all episodes of all seeds, in metres."""
        return float(np.median(np.concatenate([r.distance for r in self.results.values()])))

    def minus(self, other: "Standing") -> Estimate | None:
        """Return by how much its success is higher than another's, paired; None if it cannot be."""
        seeds = sorted(self.results.keys() & other.results.keys())
        if not seeds:
            return None
        ours, theirs = ([one.results[s].success for s in seeds] for one in (self, other))
        return statistics.paired_difference(ours, theirs, _generator())

    def share_of(self, other: "Standing") -> float | None:
        """Return its success as a share of another's over the seeds that both have."""
        seeds = self.results.keys() & other.results.keys()
        whole = sum(other.rates[seed] for seed in seeds)
        return sum(self.rates[seed] for seed in seeds) / whole if whole else None

    @property
    def on_the_way(self) -> dict[int, list[dict[str, float]]]:
        """Rows of `success` by seed: of what was learned from few and from all `demonstrations`.

        Where nothing was learned from fewer: those logged while learning that hold a success.
        """
        if self.fewer:
            return {
                seed: [
                    _row(n, r) for n, r in {**self.fewer.get(seed, {}), self.shown: all_}.items()
                ]
                for seed, all_ in self.results.items()
            }
        watched = {
            seed: [row for row in result.rows if "success" in row]
            for seed, result in self.results.items()
        }
        return {seed: rows for seed, rows in watched.items() if rows}

    def reached(self, target: float, key: str) -> Reached | None:
        """Return the `key` of the first row of success `target`; None if rows lack one of them."""
        tried = [*self.on_the_way.values()]
        if not tried or not all(key in row for rows in tried for row in rows):
            return None
        found = [
            next((row[key] for row in rows if row["success"] >= target), None) for rows in tried
        ]
        there = [value for value in found if value is not None]
        everywhere = len(there) == len(self.results)
        return Reached(float(np.median(there)) if everywhere else None, len(there))


@dataclass(frozen=True)
class Board:
    """One task."""

    task: str
    standings: list[Standing]

    @property
    def measured(self) -> list[Standing]:
        """Those that have results: contestants, best first, then controls."""
        there = [one for one in self.standings if one.results]
        return sorted(there, key=lambda s: (bool(s.contestant.control), -s.success.value, s.name))

    @property
    def references(self) -> dict[str, Standing]:
        """The states that others are compared with, by name."""
        return {one.name: one for one in self.measured if one.name in REFERENCES}

    @cached_property
    def marks(self) -> dict[str, Mark]:
        """Who is best among the contestants, and who cannot be told from the best.

        One alone is `best`: if its paired differences to all others have intervals above zero.
        Else it is `close`, with all those that its seeds and episodes do not set it apart from.
        """
        rivals = [one for one in self.measured if not one.contestant.control]
        if len(rivals) < 2 or rivals[0].success.value == rivals[-1].success.value:
            return {}
        top = rivals[0]
        near = [one.name for one in rivals[1:] if not _above(top.minus(one))]
        return dict.fromkeys([top.name, *near], "close") if near else {top.name: "best"}


def gather(grid: Grid, failures: Mapping[str, str], demonstrations: int) -> list[Board]:
    """Read what the stages left; `failures` are by stage name, `demonstrations` those there are."""
    boards = {
        place: Board(place, [Standing(one, shown=demonstrations) for one in grid.contestants
                             if (place, one.name) not in grid.left_out])
        for place in grid.tasks
    }  # fmt: skip
    for cell in grid.cells():
        standings = boards[cell.folder.name].standings
        standing = next(one for one in standings if one.contestant == cell.contestant)
        line = next((failures[s] for s in cell.stages.values() if s in failures), None)
        if line and cell.shown:
            standing.fewer_failures[cell.seed, cell.shown] = line
        elif line:
            standing.failures[cell.seed] = line
        elif cell.shown:
            standing.fewer.setdefault(cell.seed, {})[cell.shown] = results.read(cell)
        else:
            standing.results[cell.seed] = results.read(cell)
    return list(boards.values())


def overall(boards: Sequence[Board]) -> dict[str, Estimate]:
    """Return the success over all tasks of every state that all seeds have on all of them."""
    if len(boards) < 2:
        return {}
    found = {}
    for name in {one.name: None for board in boards for one in board.measured}:
        rates = [one.rates for board in boards for one in board.measured if one.name == name]
        seeds = set.intersection(*(set(by_seed) for by_seed in rates))
        if len(rates) == len(boards) and all(len(by_seed) == len(seeds) for by_seed in rates):
            scores = [[by_seed[seed] for by_seed in rates] for seed in sorted(seeds)]
            found[name] = statistics.stratified(scores, _generator())
    return dict(sorted(found.items(), key=lambda pair: -pair[1].value))


def curve(standing: Standing, key: str) -> Iterator[tuple[float, Estimate]]:
    """Go through the success on the way, over the `key` of rows that all seeds have."""
    tables = [
        {row[key]: row["success"] for row in rows if key in row}
        for seed, rows in standing.on_the_way.items()
        if not standing.fewer or seed in standing.fewer
    ]
    for place in sorted(set.intersection(*map(set, tables)) if tables else ()):
        rates = np.array([[table[place]] for table in tables])
        yield place, statistics.stratified(rates, _generator())


def as_json(standing: Standing, board: Board, target: float) -> dict[str, Any]:
    """Return the figures of a state for results.json."""
    entry: dict[str, Any] = {
        "control": standing.contestant.control or None,
        "encoder": standing.contestant.encoder or None,
        "failures": standing.failures,
        "seeds": {seed: results.as_json(result) for seed, result in standing.results.items()},
        "fewer": {
            seed: {count: results.as_json(result) for count, result in few.items()}
            for seed, few in standing.fewer.items()
        },
    }
    if not standing.results:
        return entry
    against = board.references.items()
    return {
        **entry,
        "mark": board.marks.get(standing.name),
        "success": standing.success._asdict(),
        "median_distance_m": standing.distance,
        "minus": {n: _asdict(standing.minus(one)) for n, one in against if n != standing.name},
        "share_of_oracle": (
            standing.share_of(board.references["oracle"]) if "oracle" in board.references else None
        ),
        **{f"{key}_to_target": _asdict(standing.reached(target, key))
           for key in ("samples", "seconds")},
    }  # fmt: skip


def _row(demonstrations: int, result: Result) -> dict[str, float]:
    """Return what a policy came to from so many demonstrations, as one row of many."""
    samples = {} if result.samples is None else {"samples": result.samples}
    success, seconds = float(result.success.mean()), result.learn_seconds
    return {"demonstrations": demonstrations, "success": success, "seconds": seconds, **samples}


def _above(difference: Estimate | None) -> bool:
    """Whether a difference is one: its interval lies above zero."""
    return bool(difference and difference.interval and difference.interval[0] > 0)


def _asdict(value: Estimate | Reached | None) -> dict[str, Any] | None:
    return None if value is None else value._asdict()


def _generator() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)
