"""Progress of long work: how fast, how long still, and the figure that matters."""

import sys
from typing import Self

from tqdm import tqdm


class Bar:
    """A progress bar; where nobody watches (a pipe, a file) it prints a line now and then."""

    def __init__(self, what: str, total: int, unit: str, done: int = 0) -> None:
        watched = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=what,
            unit=unit,
            dynamic_ncols=watched,
            mininterval=0.2 if watched else 15.0,
            smoothing=0.1,
        )

    def show(self, done: int, figure: str = "") -> None:
        """Report that `done` units are done, with the figure to watch."""
        if figure:
            self._bar.set_postfix_str(figure, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
