"""A thing that nobody moves but that stands elsewhere each time, such as a hook to hang things on.

Before learning it is put elsewhere by a known way a few times, as a person would do by hand, and
looked at: so it is measured how the state answers, and, turned round, how far it stands from where
it stood when the way was shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from data.controllers import task_name
from policies.errors import PolicyError

CLEAR = 0.2
"""Share of the clearest direction's answer below which a direction counts as not seen."""


class Landmark(NamedTuple):
    """What stands elsewhere, and how the state answers."""

    option: str
    """The reset option that says where it stands."""
    answer: np.ndarray
    """Of the state vector at the beginning, (D, 3) per metre along x, y and z; zero along those
    along which it always stands alike."""
    spread: np.ndarray
    """Half-widths by which its option is changed, in metres; as long as the option."""
    objects: tuple[str, ...]
    """Named points that stand with it."""


class Displacement(NamedTuple):
    """How far a landmark stands from where it stood when the way was shown: M x + c, in metres."""

    matrix: np.ndarray
    """M, (3, X)."""
    shift: np.ndarray
    """c, (3,)."""
    names: tuple[str, ...]
    """The things and feature points that tell it."""


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
    """Put a landmark elsewhere by `spread` metres, to both sides along each axis, and look.

    Its option begins with its place along as many axes. Raises PolicyError if that has fewer, or
    if there is nothing to see of it along any.
    """
    place = np.array(options[option], np.float64)
    if len(spread) > len(place):
        raise PolicyError(f"'{option}' has {len(place)} numbers: spread = {tuple(spread)} has more")
    half = np.append(spread, np.zeros(len(place) - len(spread)))
    answer: np.ndarray | None = None
    alike: set[str] | None = None
    for axis in np.flatnonzero(half):
        way = np.eye(len(place))[axis] * half
        ends = []
        for there in (place + way, place - way):
            state, _ = env.reset(seed=seed, options={**options, option: there.tolist()})
            ends.append((state.astype(np.float64), env.unwrapped.points()))  # type: ignore[attr-defined]
        (ahead, far), (back, near) = ends
        answer = np.zeros((len(ahead), 3)) if answer is None else answer
        answer[:, axis] = (ahead - back) / (2 * half[axis])
        wanted = 2 * half[axis] * np.eye(3)[axis]
        moved = {n for n in far if np.linalg.norm(far[n] - near[n] - wanted) < 0.1 * half[axis]}
        alike = moved if alike is None else alike & moved
    if answer is None or alike is None:
        raise PolicyError(f"spread = {tuple(spread)}: one number, at least, must be positive")
    return Landmark(option, answer, half, tuple(sorted(alike)))


def displacement(
    answer: np.ndarray, places: Mapping[str, np.ndarray], start: np.ndarray
) -> Displacement | None:
    """Return how far a landmark stands from where it stood, as the controller's state tells.

    `answer` (X, 3) is the landmark's in the controller's state, `places` the numbers of it that are
    coordinates, by name, `start` (X,) the state in which it stands where it stood. None if it is
    not seen at all. A direction that is hardly seen counts as none.
    """
    size = {name: float(np.linalg.norm(answer[at])) for name, at in places.items()}
    clearest = max(size.values(), default=0.0)
    if clearest == 0:
        return None
    names = tuple(name for name, one in size.items() if one >= CLEAR * clearest)
    seen = np.concatenate([places[name] for name in names])
    matrix = np.zeros((3, len(answer)))
    matrix[:, seen] = np.linalg.pinv(answer[seen], rcond=CLEAR)
    return Displacement(matrix, -matrix @ start, names)
