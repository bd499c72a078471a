"""What a camera's frames say of where things are: an encoder, and when to believe its points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import ENCODE_CHUNK, Encoder
from dsae.errors import DsaeError
from dsae.state.kalman import Noise
from dsae.state.presence import beside_nothing, rise, softmax_mass


class Percept(NamedTuple):
    """What B frames show, before any filter."""

    places: np.ndarray
    """(B, K, d): feature points, d = 2, or the numbers of a code without points, d = 1."""
    present: np.ndarray
    """Whether each is there, bool (B, K)."""
    mass: np.ndarray | None
    """Softmax mass around each point, (B, K); None for a code without points."""
    rise: np.ndarray | None = None
    """How far each map rises above its mean, (B, K) in nats (`dsae.state.presence.rise`)."""

    @classmethod
    def joined(cls, parts: Sequence["Percept"]) -> "Percept":
        """Put frames after each other."""
        return cls(
            np.concatenate([one.places for one in parts]),
            np.concatenate([one.present for one in parts]),
            joined([one.mass for one in parts]),
            joined([one.rise for one in parts]),
        )

    def against(self, nothing: np.ndarray) -> "Percept":
        """Return the same with the mass that is left beside a cell for nothing, `nothing` (K,)."""
        if self.mass is None or self.rise is None:
            return self
        return self._replace(mass=beside_nothing(self.mass, self.rise, nothing))


class Perception:
    """An encoder with what was learned about its points after training, all without labels.

    A code without feature points has no presence: `thresholds` is None, and every number counts
    as present in every frame.

    Args:
        encoder: ready for use.
        thresholds: softmax mass below which each point is absent, (K,).
        noise: of each track, for the Kalman filter.
        nothing: how high above a map's mean its cell for nothing lies, (K,) in nats; without it the
            mass is that of the map alone.
        usual: mean place of each track, (K, d), which stands for it until it is first present.
        kept: the points that are worth controlling with, bool (K,); all if left out.
        movable: those of them that a goal may be about, bool (K,): not what lies still in every
            episode; all that are kept if left out.
        told: share of each place that an affine map of the end effector's position tells, (K,) in
            [0, 1]: near 1 for the robot's own points; 0 if left out.
        slopes: matrix of that map for each point, (K, d, 3) in places per metre; 0 if left out.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        thresholds: np.ndarray | None,
        noise: Noise,
        usual: np.ndarray,
        nothing: np.ndarray | None = None,
        kept: np.ndarray | None = None,
        movable: np.ndarray | None = None,
        told: np.ndarray | None = None,
        slopes: np.ndarray | None = None,
    ) -> None:
        self.encoder = encoder
        self.thresholds = thresholds
        self.nothing = nothing
        self.noise = noise
        self.usual = usual
        self.kept = np.ones(len(noise.measurement), bool) if kept is None else kept
        self.movable = self.kept if movable is None else movable & self.kept
        self.told = np.zeros(len(self.kept)) if told is None else told
        self.slopes = np.zeros((*usual.shape, 3)) if slopes is None else slopes
        if not self.kept.any():
            raise DsaeError("no feature point is kept: there is nothing to make a state of")

    @property
    def has_presence(self) -> bool:
        """Whether a point can say that it is absent."""
        return self.thresholds is not None

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the d coordinates of a place."""
        return ("x", "y") if self.noise.measurement.shape[-1] == 2 else ("value",)

    def see(self, frames: np.ndarray) -> Percept:
        """Encode frames, uint8 (B, H, W, C)."""
        seen = places_of(self.encoder, frames)
        if self.nothing is not None:
            seen = seen.against(self.nothing)
        if seen.mass is None or self.thresholds is None:
            return seen
        return seen._replace(present=seen.mass >= self.thresholds)


def places_of(encoder: Encoder, frames: np.ndarray) -> Percept:
    """Encode frames, uint8 (B, H, W, C), all points being taken as present."""
    parts = [_places_of(encoder, chunk) for chunk in torch.as_tensor(frames).split(ENCODE_CHUNK)]
    return Percept.joined(parts)


def joined(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Join arrays along the first axis; None if one is missing."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _places_of(encoder: Encoder, frames: torch.Tensor) -> Percept:
    code = encoder.encode(frames)
    if code.points is None or code.maps is None:
        places = code.features.cpu().double().numpy()[..., None]  # (B, D, 1)
        return Percept(places, np.ones(places.shape[:2], bool), None)
    places = code.points.cpu().double().numpy()
    mass = softmax_mass(code.points, code.maps, encoder.point_grid).cpu().double().numpy()
    rises = rise(code.maps).cpu().double().numpy()
    return Percept(places, np.ones(places.shape[:2], bool), mass, rises)
