"""The states that a benchmark compares, by name, and what it takes to make them.

A name is one of `policies.state.NAMED`, NAME[:preset] of an encoder, or that with `+state`: what
`dsae state` makes of the encoder. `pixels` is the image as the learner itself sees it, not the
encoder of that name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dsae import encoders
from dsae.commands.errors import UsageError
from dsae.errors import EncoderError
from policies.state import NAMED

FILTERED = "+state"
CONTROLS = {"oracle": "ceiling", "oracle_pose": "ceiling", "blind": "floor"}
"""Of the named states: what is told the truth, and what sees nothing."""


@dataclass(frozen=True)
class Contestant:
    """One state to learn on."""

    name: str
    encoder: str = ""
    """NAME[:preset] of what looks at the frames; nothing for a named state."""
    filtered: bool = False
    """Whether it is what `dsae state` makes of the encoder."""

    @property
    def control(self) -> str:
        """`floor` (nothing is learned or seen), `ceiling` (the truth is told), or nothing."""
        return encoders.kind(self.encoder).control if self.encoder else CONTROLS.get(self.name, "")

    @property
    def slug(self) -> str:
        """What its files are called."""
        return slug(self.name)


def slug(name: str) -> str:
    """Return a name as part of a file's."""
    return name.replace(":", "-")


def contestants(names: Sequence[str], *, all_filtered: str = "") -> tuple[Contestant, ...]:
    """Return the states of these names.

    `all_filtered` tells in words why every encoder's goes through a filter, where that is so.

    Raises UsageError, listing what there is, for an unknown name, and for a state named twice.
    """
    found: dict[tuple[str, bool], Contestant] = {}
    for name in names:
        one = _contestant(name, bool(all_filtered))
        key = (one.encoder or one.name, one.filtered)
        if key in found:
            other = found[key].name
            raise UsageError(
                f"benchmark: {name} is named twice"
                if other == name
                else f"benchmark: {name} is the same as {other} {all_filtered}"
            )
        found[key] = one
    return tuple(found.values())


def _contestant(name: str, filtered: bool) -> Contestant:
    if name in NAMED:
        return Contestant(name)
    encoder = name.removesuffix(FILTERED)
    try:
        if encoder in NAMED:
            raise EncoderError(f"'{encoder}' is no encoder's")
        encoders.kind(encoder)
    except EncoderError as error:
        there = ", ".join([*NAMED, *(found for found in encoders.names() if found not in NAMED)])
        raise UsageError(
            f"unknown state '{name}': choose from {there}, an encoder's with or without {FILTERED}"
        ) from error
    return Contestant(name, encoder, filtered or name != encoder)
