"""The learners: each file holds a `Config`, an `Actor` and a function `learn`.

A file in this folder is a learner by that alone.
"""

import importlib
import pkgutil
from typing import Any

from policies.errors import PolicyError


def names() -> tuple[str, ...]:
    """Return the names of all learners, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def module(name: str) -> Any:
    """Return the module of a learner; PolicyError, listing those there are, for another name."""
    if name not in names():
        raise PolicyError(f"unknown learner '{name}': choose from {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
