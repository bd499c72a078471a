"""Meta data as JSON: NumPy numbers become plain ones, and equal content becomes equal text."""

import json

import numpy as np

from data.errors import DataError


def to_json(value: object, *, what: str, indent: int | None = None) -> str:
    """Return `value` as JSON text with sorted keys.

    Raises:
        DataError: JSON cannot hold it; the message begins with `what`.
    """
    try:
        return json.dumps(value, sort_keys=True, default=_plain, indent=indent)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must hold only what JSON can hold ({error})") from error


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not among that")
