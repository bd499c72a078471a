"""Limits of the numbers in a configuration."""

import math
from typing import Any

from dsae.errors import DsaeError


def check_ranges(config: Any, **limits: tuple[float, float]) -> None:
    """Raise DsaeError unless each named field lies within its limits, ends included.

    Of a field that is a tuple every number must; None is a number that was left open.
    """
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not low <= number <= high:
                allowed = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
                raise DsaeError(f"{name} = {number:g}: it must be {allowed}")
