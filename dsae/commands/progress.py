"""Progress of long work: how fast, how long still, and the figure that matters."""

import sys
from typing import Any, Self

from tqdm import tqdm


class Bar:
    """A progress bar; where nobody watches (a pipe, a file) it prints a line now and then."""

    def __init__(
        self, what: str, total: int, unit: str, done: int = 0, *, late: bool = False
    ) -> None:
        """Begin to show it; with `late` not before there is something to report."""
        self._bar: tqdm[Any] | None = None
        self._begin = lambda: _bar(what, total, unit, done)
        if not late:
            self._bar = self._begin()

    def show(self, done: int, figure: str = "") -> None:
        """Report that `done` units are done, with the figure to watch."""
        if self._bar is None:  # a bar at nothing counts as false
            self._bar = self._begin()
        if figure:
            self._bar.set_postfix_str(figure, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(what: str, total: int, unit: str, done: int) -> "tqdm[Any]":
    watched = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=what,
        unit=unit,
        dynamic_ncols=watched,
        mininterval=0.2 if watched else 15.0,
        smoothing=0.1,
    )
