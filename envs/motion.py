"""What scripted experts blend their motions with."""

import numpy as np


def ramp(value: float, low: float, high: float) -> float:
    """Return 0 at `low` and before, 1 at `high` and beyond, and a straight line between.

    `low` may be the larger of the two.
    """
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def at_most(velocity: np.ndarray, speed: float) -> np.ndarray:
    """Shorten a velocity, shape (N,), to `speed`, where it is longer."""
    return velocity * min(1.0, speed / (float(np.linalg.norm(velocity)) + 1e-9))
