"""A thing that nobody moves but that stands elsewhere each time, such as a hook to hang things on.

Before learning it is put elsewhere some times by known ways, as a person would do by hand, and
looked at: what answers shows where it stands, and a linear map of that how far it is from where it
stood when the way was shown (`locating.standing`). Since it stands still, it is looked at once, in
the beginning, before anything hides it (`Sight.held`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from data.controllers import task_name
from policies.errors import PolicyError
from policies.evaluation import elsewhere

LOOKS = 24
"""Times that it is put elsewhere and looked at, the arm standing a little elsewhere, too."""
ALIKE = 0.02
"""Share of the widest way by which a point that stands with it may seem to move otherwise."""
LOOK = 4
"""Stream of random numbers."""


class Landmark(NamedTuple):
    """What stands elsewhere, and how it looks there."""

    option: str
    """The reset option that says where it stands."""
    spread: np.ndarray
    """Half-widths by which that is changed, in metres; as long as the option."""
    ways: np.ndarray
    """By how much it was put elsewhere along x, y and z, (N, 3) in metres."""
    looks: np.ndarray
    """State vectors of these beginnings, (N, D)."""
    objects: tuple[str, ...]
    """Named points that moved with it."""


def choose(
    env: gymnasium.Env[np.ndarray, Any],
    options: Mapping[str, Any],
    tracks: Mapping[str, np.ndarray],
    hand: str,
    still: float,
) -> str:
    """Return the option of what stood still, the nearest one to where the hand ended.

    `tracks` are the ways (T + 1, 3) of named points while a way was shown; what moved by less than
    `still` along each axis stood still. Raises PolicyError if nothing did.
    """
    stood = [
        name
        for name, place in options.items()
        if name in tracks and np.size(place) >= 2 and np.ptp(tracks[name], axis=0).max() < still
    ]
    if not stood:
        raise PolicyError(
            f"{task_name(env)} has nothing that stands still and can be put elsewhere: leave "
            "spread out"
        )
    end = tracks[hand][-1]
    return min(stood, key=lambda name: float(np.linalg.norm(tracks[name][-1] - end)))


def measure(
    env: gymnasium.Env[np.ndarray, Any],
    seed: int,
    options: Mapping[str, Any],
    option: str,
    spread: Sequence[float],
) -> Landmark:
    """Put a landmark elsewhere within `spread` metres to both sides along each axis, and look.

    Its option begins with its place along as many axes. Raises PolicyError if that has fewer, or
    if it is put elsewhere along none.
    """
    place = np.array(options[option], np.float64)
    if len(spread) > min(3, len(place)):
        raise PolicyError(f"'{option}' has {len(place)} numbers: spread = {tuple(spread)} has more")
    if not np.any(spread):
        raise PolicyError(f"spread = {tuple(spread)}: one number, at least, must be positive")
    half = np.append(spread, np.zeros(len(place) - len(spread)))
    world: Any = env.unwrapped
    env.reset(seed=seed, options=dict(options))
    begun = world.points()
    rng = np.random.default_rng([LOOK, seed])
    ways, looks, alike = [], [], set(begun)
    for look in range(LOOKS):
        there = elsewhere(options, {option: half}, rng)
        way = np.zeros(3)
        way[: len(spread)] = (there[option] - place)[: len(spread)]
        state, _ = env.reset(seed=seed + look, options=there)
        ways.append(way)
        looks.append(state.astype(np.float64))
        points = world.points()
        alike &= {
            name
            for name in points
            if np.linalg.norm(points[name] - begun[name] - way) < ALIKE * half.max()
        }
    return Landmark(option, half, np.stack(ways), np.stack(looks), tuple(sorted(alike)))
