"""The command line that asks for what options say."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from typing import Any

from dsae.commands.options import PAIRS


def of(verb: str, options: Any) -> str:
    """Return the shortest command line that gives these options; `--overwrite` is left out."""
    parts = ["dsae", verb]
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.metadata.get("positional"):
            parts.append(str(value))
        elif field.name in PAIRS:
            parts += pairs(PAIRS[field.name], value)
        elif value != field.default and field.name != "overwrite":
            parts += _flag(field.name, value)
    return shlex.join(parts)


def pairs(flag: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments that give keys and values; none if there are none."""
    return (flag, *(f"{key}={_text(value)}" for key, value in values.items())) if values else ()


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    if isinstance(value, tuple):
        return [flag, ",".join(map(str, value))]
    return [flag, f"{value:g}" if isinstance(value, float) else str(value)]


def _text(value: Any) -> str:
    """Return a value as `--set` reads it: YAML, of which JSON is a part."""
    return value if isinstance(value, str) else json.dumps(value)
