"""The encoder families: each file holds a `Config`, an `Encoder` and optionally `PRESETS`.

A file in this folder is an encoder by that alone; an encoder's name is `NAME[:preset]`.
"""

import dataclasses
import importlib
import pkgutil
from typing import Any

import torch

from dsae.encoder import Encoder, ImageShape
from dsae.errors import EncoderError


def names() -> tuple[str, ...]:
    """Return all encoder names, presets as `NAME:preset`, sorted."""
    found = []
    for family in _families():
        presets = getattr(_module(family), "PRESETS", {})
        found += [family, *(f"{family}:{preset}" for preset in sorted(presets))]
    return tuple(found)


def config(name: str, settings: dict[str, Any] | None = None) -> Any:
    """Return the `Config` of an encoder name, with `settings` replacing some of its fields.

    Raises EncoderError, listing what there is, for an unknown name, preset or setting.
    """
    family, _, preset = name.partition(":")
    if name not in names():
        raise EncoderError(f"unknown encoder '{name}': choose from {', '.join(names())}")
    module = _module(family)
    base = module.PRESETS[preset] if preset else module.Config()
    fields = [field.name for field in dataclasses.fields(base)]
    for key in settings or {}:
        if key not in fields:
            raise EncoderError(f"'{name}' has no setting '{key}': it has {', '.join(fields)}")
    return dataclasses.replace(base, **(settings or {}))


def create(
    name: str, image_shape: ImageShape, *, seed: int, settings: dict[str, Any] | None = None
) -> Encoder:
    """Build an untrained encoder whose first weights depend on `seed` alone."""
    family = name.partition(":")[0]
    chosen = config(name, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _module(family).Encoder(chosen, image_shape)


def restore(family: str, values: dict[str, Any], image_shape: ImageShape) -> Encoder:
    """Build the encoder that `family_of` and its config's values describe."""
    if family not in _families():
        raise EncoderError(f"unknown encoder '{family}': choose from {', '.join(_families())}")
    module = _module(family)
    return module.Encoder(module.Config(**values), image_shape)


def family_of(encoder: Encoder) -> str:
    """Return the name of the file that defines the encoder."""
    return type(encoder).__module__.rpartition(".")[2]


def _families() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def _module(family: str) -> Any:
    return importlib.import_module(f"{__name__}.{family}")
