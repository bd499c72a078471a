"""The encoder families: each file holds a `Config`, an `Encoder` and optionally `PRESETS`.

A file in this folder is an encoder by that alone; an encoder's name is `NAME[:preset]`.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import torch

from dsae.encoder import Encoder, ImageShape
from dsae.errors import EncoderError

WORDS = {"robot": "robot's own state", "truth": "ground truth"}


def names() -> tuple[str, ...]:
    """Return all encoder names, presets as `NAME:preset`, sorted."""
    found = []
    for family in _families():
        found += [family, *(f"{family}:{preset}" for preset in sorted(_presets(family)))]
    return tuple(found)


def config(name: str, settings: dict[str, Any] | None = None) -> Any:
    """Return the `Config` of an encoder name, with `settings` replacing some of its fields.

    Raises EncoderError, listing what there is, for an unknown name, preset or setting.
    """
    module = _module(_family(name))
    preset = name.partition(":")[2]
    base = module.PRESETS[preset] if preset else module.Config()
    fields = [field.name for field in dataclasses.fields(base)]
    for key in settings or {}:
        if key not in fields:
            raise EncoderError(f"'{name}' has no setting '{key}': it has {', '.join(fields)}")
    return dataclasses.replace(base, **(settings or {}))


def kind(name: str) -> type[Encoder]:
    """Return the class of an encoder; errors as in `config`."""
    return _module(_family(name)).Encoder


def create(
    name: str,
    image_shape: ImageShape,
    *,
    seed: int,
    settings: dict[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Encoder:
    """Build an untrained encoder whose first weights depend on `seed` alone.

    `sizes` are the lengths of what stands beside the frames, at least of what the encoder needs.
    """
    chosen = config(name, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(_family(name), chosen, image_shape, sizes or {})


def restore(
    family: str, values: dict[str, Any], image_shape: ImageShape, sizes: Mapping[str, int]
) -> Encoder:
    """Build the encoder that `family_of`, its config's values and its sizes describe."""
    module = _module(_family(family))
    # JSON knows no tuples.
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return _build(family, module.Config(**plain), image_shape, sizes)


def _build(family: str, config: Any, image_shape: ImageShape, sizes: Mapping[str, int]) -> Encoder:
    needs = kind(family).needs
    for need in needs:
        if need not in sizes:
            raise EncoderError(f"'{family}' needs the {WORDS[need]}, which the data does not have")
    given = {f"{need}_size": sizes[need] for need in needs}
    return kind(family)(config, image_shape, **given)


def family_of(encoder: Encoder) -> str:
    """Return the name of the file that defines the encoder."""
    return type(encoder).__module__.rpartition(".")[2]


def _family(name: str) -> str:
    """Return the family of NAME[:preset], which must both exist."""
    family, colon, preset = name.partition(":")
    if family not in _families() or (colon and preset not in _presets(family)):
        raise EncoderError(f"unknown encoder '{name}': choose from {', '.join(names())}")
    return family


def _presets(family: str) -> dict[str, Any]:
    return getattr(_module(family), "PRESETS", {})


def _families() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def _module(family: str) -> Any:
    return importlib.import_module(f"{__name__}.{family}")
