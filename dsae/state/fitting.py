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
from dsae.state.noise import estimate_noise
from dsae.state.perception import Percept, Perception, places_of
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

    def __post_init__(self) -> None:
        check_ranges(self, presence=(0, math.inf), nothing=(0, math.inf))


def fit(
    encoder: Encoder, episodes: Sequence[Episode], rate: float, config: Config = Config()
) -> Fitted:
    """Calibrate presence, estimate the filter's noise and choose points, from some episodes.

    `rate` is in frames per second. Raises DsaeError if there is nothing to fit on or no point is
    worth keeping.
    """
    if not episodes:
        raise DsaeError("there are no episodes to fit a state on")
    seen = [places_of(encoder, episode.frames) for episode in episodes]
    limits = nothing = None
    rises = _joined([one.rise for one in seen])
    if rises is not None:
        nothing = share_of_seen(rises, config.nothing)
        seen = [one.against(nothing) for one in seen]
        limits = share_of_seen(np.concatenate([_mass(one) for one in seen]), config.presence)
        seen = [one._replace(present=_mass(one) >= limits) for one in seen]
    noise = estimate_noise([(one.places, one.present) for one in seen], 1 / rate)
    places = np.concatenate([one.places for one in seen])
    present = np.concatenate([one.present for one in seen])
    pruning = None
    if limits is not None and config.prune:
        height, width, _ = encoder.image_shape
        pruning = prune(
            places,
            np.repeat(np.arange(len(episodes)), [len(one.places) for one in seen]),
            present=present,
            mass=np.concatenate([_mass(one) for one in seen]),
            robot=_joined([episode.robot for episode in episodes]),
            actions=_joined([episode.actions for episode in episodes]),
            effector=_joined([episode.effector for episode in episodes]),
            height=height,
            width=width,
        )
        if not pruning.kept.any():
            why = ", ".join(f"{n} {name}" for name, n in Counter(pruning.categories).items())
            raise DsaeError(
                f"no feature point is worth controlling with ({why}): train longer, or keep all "
                "with prune=false"
            )
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
        ),
        pruning,
    )


def _mass(seen: Percept) -> np.ndarray:
    assert seen.mass is not None
    return seen.mass


def _joined(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
