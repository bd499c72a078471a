"""The parts of a state vector, by name and in order."""

from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """A run of numbers in a state vector."""

    name: str
    size: int


def slices(layout: Iterable[Part]) -> dict[str, slice]:
    """Return where each part of a vector lies."""
    places, begin = {}, 0
    for name, size in layout:
        places[name] = slice(begin, begin + size)
        begin += size
    return places
