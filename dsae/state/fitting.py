"""What is learned about an encoder's points after its training, from video without labels."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dsae.encoder import Encoder
from dsae.errors import DsaeError
from dsae.ranges import check_ranges
from dsae.state import judging
from dsae.state.noise import estimate_noise
from dsae.state.perception import Percept, Perception, joined, places_of
from dsae.state.predictability import slopes
from dsae.state.presence import share_of_seen
from dsae.state.pruning import Pruning, prune


class Episode(NamedTuple):
    """One recorded episode of T frames."""

    frames: np.ndarray
    """uint8 (T, H, W, C)."""
    robot: np.ndarray | None = None
    """The robot's own state, (T, R)."""
    actions: np.ndarray | None = None
    """(T, A), action t being applied after frame t."""
    effector: np.ndarray | None = None
    """Position of the robot's end effector, (T, 3)."""


class Fitted(NamedTuple):
    """What `fit` makes."""

    perception: Perception
    pruning: Pruning | None
    """Why each point was kept or dropped; None for a code without points, all of which is kept."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How points are judged."""

    presence: float = 0.85
    """Share of the softmax mass it has when seen well below which a point is absent."""
    nothing: float = 0.55
    """Share of a map's rise when its object is seen well at which nothing is as likely there."""
    prune: bool = True
    """Keep only the points that are worth controlling with."""
    per_thing: int = judging.Config.per_thing
    """Points kept on one thing: two also show how it turns, and the errors of many average out."""

    def __post_init__(self) -> None:
        check_ranges(self, presence=(0, math.inf), nothing=(0, 1), per_thing=(1, math.inf))


def fit(
    encoder: Encoder, episodes: Sequence[Episode], rate: float, config: Config = Config()
) -> Fitted:
    """Calibrate presence, estimate the filter's noise and choose points, from some episodes.

    `rate` is in frames per second. Raises DsaeError if there is nothing to fit on or no point is
    worth keeping.
    """
    if not episodes:
        raise DsaeError("there are no episodes to fit a state on")
    parts = [places_of(encoder, episode.frames) for episode in episodes]
    lengths = [len(one.places) for one in parts]
    seen = Percept.joined(parts)
    limits = nothing = None
    if seen.rise is not None:
        nothing = share_of_seen(seen.rise, config.nothing)
        seen = seen.against(nothing)
    if seen.mass is not None:
        limits = share_of_seen(seen.mass, config.presence)
        seen = seen._replace(present=seen.mass >= limits)
    places, present = seen.places, seen.present
    ends = np.cumsum(lengths)[:-1]
    apart = zip(np.split(places, ends), np.split(present, ends), strict=True)
    noise = estimate_noise(list(apart), 1 / rate)
    effector = joined([episode.effector for episode in episodes])
    pruning = None
    if limits is not None and config.prune:
        numbers = np.repeat(np.arange(len(episodes)), lengths)
        pruning = _pruned(encoder, episodes, seen, numbers, effector, config.per_thing)
    usual = (places * present[..., None]).sum(axis=0) / np.maximum(present.sum(axis=0), 1)[:, None]
    return Fitted(
        Perception(
            encoder,
            thresholds=limits,
            nothing=nothing,
            noise=noise,
            usual=usual,
            kept=None if pruning is None else pruning.kept,
            movable=None if pruning is None else pruning.movable,
            told=None if pruning is None else pruning.told,
            slopes=None if effector is None else slopes(places, present, effector),
        ),
        pruning,
    )


def _pruned(
    encoder: Encoder,
    episodes: Sequence[Episode],
    seen: Percept,
    numbers: np.ndarray,
    effector: np.ndarray | None,
    per_thing: int,
) -> Pruning:
    """Choose the points worth keeping; `numbers` (N,) tell each frame's episode.

    Raises DsaeError if there are none.
    """
    height, width, _ = encoder.image_shape
    pruning = prune(
        seen.places,
        numbers,
        present=seen.present,
        mass=seen.mass,
        robot=joined([episode.robot for episode in episodes]),
        actions=joined([episode.actions for episode in episodes]),
        effector=effector,
        height=height,
        width=width,
        config=judging.Config(per_thing=per_thing),
    )
    if not pruning.kept.any():
        why = ", ".join(f"{n} {name}" for name, n in Counter(pruning.categories).items())
        raise DsaeError(
            f"no feature point is worth controlling with ({why}): train longer, or keep all with "
            "prune=false"
        )
    return pruning
