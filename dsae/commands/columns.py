"""Columns of a comparison: what a measure is, and which columns it gives.

A measure's `path` leads to it in what `dsae evaluate` writes, or in what `comparison.figures_of`
adds to that. `*` in a path stands for each keypoint.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["lower", "higher", ""]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One column."""

    path: str
    title: str
    unit: str = ""
    better: Better = ""
    meaning: str
    scale: float = 1.0
    """What is shown is so many times the figure."""
    digits: int | None = None
    """Decimals; as many as the figures need if left out."""
    constant: str = ""
    """Path of the same measure for one that always says the same."""
    truth: str = ""
    """Path of the same measure for the true state itself."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One table."""

    title: str
    text: str
    measures: tuple[Measure, ...]
    everyone: bool = True
    """Whether encoders are listed that none of the measures applies to."""
    subject: str = "encoder"
    """What its rows are."""


def expand(measure: Measure, paths: set[str], unit: str) -> Iterator[Measure]:
    """Yield the columns of a measure as far as there are figures, for a `*` one for each name.

    `paths` are those of the figures, `unit` is that of the true state.
    """
    measure = replace(measure, unit=measure.unit.replace("{unit}", unit))
    before, star, after = measure.path.partition("*")
    if not star:
        if measure.path in paths:
            yield measure
        return
    for path in sorted(paths):
        name = path.removeprefix(before).removesuffix(after)
        if path == before + name + after and "." not in name and path.startswith(before):
            words = name.replace("_", " ")
            title = f"{measure.title}: {words}" if measure.title else words
            yield replace(
                measure,
                path=path,
                title=title,
                constant=measure.constant.replace("*", name),
                truth=measure.truth.replace("*", name),
            )
