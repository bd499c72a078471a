"""A thing that nobody moves but that stands elsewhere each time, such as a hook to hang things on.

Before learning it is put elsewhere by a known way a few times, as a person would do by hand, and
looked at: so it is measured how the state answers, and, turned round, how far it stands from where
it stood when the way was shown.
"""

from collections.abc import Mapping
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
    """Of the state vector at the beginning, (D, A) per metre along each axis: A = 2, on the table,
    or 3."""
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
    point: np.ndarray,
    way: float,
) -> Landmark:
    """Put a landmark elsewhere by so many metres, to both sides along each axis, and look.

    Its option is its place (3,), where that is what its named point (3,) is, or else its place on
    the table (2,) and what follows.
    """
    place = np.array(options[option], np.float64)
    axes = 3 if len(place) == 3 and np.allclose(place, point, atol=1e-3) else 2
    answers: list[np.ndarray] = []
    alike: set[str] | None = None
    for step in way * np.eye(len(place))[:axes]:
        ends = []
        for there in (place + step, place - step):
            state, _ = env.reset(seed=seed, options={**options, option: there.tolist()})
            ends.append((state.astype(np.float64), env.unwrapped.points()))  # type: ignore[attr-defined]
        (ahead, far), (back, near) = ends
        answers.append((ahead - back) / (2 * way))
        wanted = np.append(2 * step[:axes], np.zeros(3 - axes))
        moved = {n for n in far if np.linalg.norm(far[n] - near[n] - wanted) < 0.1 * way}
        alike = moved if alike is None else alike & moved
    return Landmark(option, np.stack(answers, axis=1), tuple(sorted(alike or ())))


def displacement(
    answer: np.ndarray, places: Mapping[str, np.ndarray], start: np.ndarray
) -> Displacement | None:
    """Return how far a landmark stands from where it stood, as the controller's state tells.

    `answer` (X, A) is the landmark's in the controller's state, `places` the numbers of it that are
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
    matrix[: answer.shape[1], seen] = np.linalg.pinv(answer[seen], rcond=CLEAR)
    return Displacement(matrix, -matrix @ start, names)
