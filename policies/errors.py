"""What can be wrong with what a learner is given, and on the way."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager


class PolicyError(ValueError):
    """One line that says what does not fit and what is allowed."""


@contextmanager
def of_dead_workers() -> Iterator[None]:
    """Say in one line that a process died which acts in the task."""
    try:
        yield
    except BrokenProcessPool as error:
        raise PolicyError(
            "a process that acts in the task died (out of memory?): run the same command again, "
            "perhaps with fewer workers"
        ) from error
