"""List the encoders, or one with its settings.

Example:
    dsae encoders vae

A name is NAME[:preset]; a preset is the encoder with other settings. What `--set` changes in a
training is what this lists.
"""

import dataclasses
import inspect
import sys
from dataclasses import dataclass

from dsae import encoders
from dsae.commands import runs
from dsae.commands.options import argument, field_docstrings


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which."""

    name: str | None = argument(None)
    """NAME[:preset]; all, a line each, if left out."""


def run(options: Options) -> int:
    """Print."""
    if options.name is None:
        for name in encoders.names():
            runs.say(f"{name:26}{summary(name)}")
        return 0
    runs.say(about(options.name))
    runs.say("\nsettings:")
    config = encoders.config(options.name)
    texts = field_docstrings(type(config))
    for field in dataclasses.fields(config):
        text = texts.get(field.name)  # a person's own file may say nothing of it
        runs.say(
            f"  {field.name} = {getattr(config, field.name)!r}" + (f": {text}" if text else "")
        )
    return 0


def about(name: str) -> str:
    """Return what the file of an encoder says about it."""
    config = encoders.config(name)
    return inspect.cleandoc(sys.modules[type(config).__module__].__doc__ or "")


def summary(name: str) -> str:
    """Return one line: the first sentence of the file, or what a preset changes."""
    family, _, preset = name.partition(":")
    if not preset:
        return " ".join(about(name).partition("\n\n")[0].split())
    plain, chosen = (vars(encoders.config(which)) for which in (family, name))
    changed = {key: chosen[key] for key in chosen if chosen[key] != plain[key]}
    return ", ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in changed.items()
    )
