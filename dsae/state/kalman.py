"""A Kalman filter per track: where a point is, how fast it moves, and how sure that is.

Constant velocity driven by continuous white-noise acceleration (Bar-Shalom, Li & Kirubarajan 2001),
with the state x = [position (d), velocity (d)] of every track on its own:

    x_{t+1} = F x_t + w_t,  w ~ N(0, Q)      F = ⎡1 dt⎤ ⊗ I    Q = ⎡dt³/3 dt²/2⎤ ⊗ S
    z_t = H x_t + e_t,      e ~ N(0, R)          ⎣0  1⎦            ⎣dt²/2   dt ⎦

S is the spectral density of the acceleration, a d×d covariance per second, R the covariance of a
measurement. A frame on which a track is absent is predicted through, without a measurement.

Nothing is assumed about where a track will be seen first: until then it is *unknown*, at zero with
an infinite covariance of its position, and does not move. The first measurement begins it there,
with the covariance R, at rest give or take `Noise.velocity`. This is the exact posterior under a
flat prior of the position.

Tracks are feature points (d = 2, `dsae.coordinates`) or the numbers of a code (d = 1).
"""

from typing import NamedTuple

import numpy as np

from dsae.errors import DsaeError
from dsae.state.matrices import apply, inverse, kron, sandwich, symmetric, transpose

FASTEST = 100.0  # deviation of a first velocity that may be any, times √R / dt


class Noise(NamedTuple):
    """How K tracks move and how well they are measured; `dsae.state.noise` estimates it."""

    acceleration: np.ndarray
    """S, the spectral density of the acceleration, (K, d, d) in places² / s³."""
    measurement: np.ndarray
    """R, the covariance of a measurement, (K, d, d) in places²."""
    velocity: np.ndarray | None = None
    """Covariance of the velocity of a track that is first seen, (K, d, d) in places² / s².

    None: it may be any; after two measurements, their difference is believed.
    """


class Estimate(NamedTuple):
    """What is known of K tracks, under any leading dimensions."""

    position: np.ndarray
    """(..., K, d); zero while unknown."""
    velocity: np.ndarray
    """(..., K, d), in places per second."""
    covariance: np.ndarray
    """(..., K, 2d, 2d) of [position, velocity]; infinite in the position while unknown."""

    @property
    def known(self) -> np.ndarray:
        """Whether a track has ever been present, bool (..., K)."""
        return np.isfinite(self.covariance[..., 0, 0])


class Step(NamedTuple):
    """One step of the recursion, of tracks under any leading dimensions."""

    mean: np.ndarray
    """[position, velocity], (..., K, 2d)."""
    covariance: np.ndarray
    """(..., K, 2d, 2d)."""
    gain: np.ndarray
    """K, (..., K, 2d, d); zero where a track is absent."""
    innovation: np.ndarray
    """What was seen less what was predicted, (..., K, d); zero where a track is absent."""
    precision: np.ndarray
    """Inverse covariance of the innovation, (..., K, d, d)."""


class Filter:
    """Follows K tracks at a fixed time step, each on its own, in any number of environments.

    Args:
        noise: of the K tracks.
        dt: seconds between two frames.

    Raises:
        DsaeError: dt is not positive, or a covariance is of another shape, not symmetric, or not
            positive (S may be zero).
    """

    def __init__(self, noise: Noise, dt: float) -> None:
        self.dt = checked_step(dt)
        self.tracks, self.size = _checked_noise(noise)
        self.measurement = np.asarray(noise.measurement, np.float64)
        any_velocity = FASTEST**2 * self.measurement / dt**2
        self.transition, weights = motion(dt, self.size)
        self.disturbance = kron(weights, np.asarray(noise.acceleration, np.float64))
        self.start = np.zeros((self.tracks, 2 * self.size, 2 * self.size))
        self.start[:, : self.size, : self.size] = self.measurement
        self.start[:, self.size :, self.size :] = (
            any_velocity if noise.velocity is None else noise.velocity
        )

    def unknown(self, shape: tuple[int, ...] = ()) -> Estimate:
        """Return what is known of tracks that were never present; `shape` leads."""
        nothing = np.zeros((*shape, self.tracks, self.size))
        covariance = np.broadcast_to(self.start, (*shape, *self.start.shape)).copy()
        covariance[..., : self.size, : self.size] = np.diag(np.full(self.size, np.inf))
        return Estimate(nothing, nothing.copy(), covariance)

    def update(self, belief: Estimate | None, places: np.ndarray, present: np.ndarray) -> Estimate:
        """Return what is known one frame after `belief`, given what is seen in that frame.

        Places are (..., K, d), `present` is bool (..., K); what stands at the place of an absent
        track is not looked at. None begins: no track is known yet.

        Raises:
            DsaeError: a shape does not fit, or the place of a present track is not finite.
        """
        places, present = self._checked(places, present)
        if belief is None:
            belief = self.unknown(places.shape[:-2])
        elif (*belief.position.shape[:-1], self.size) != places.shape:
            raise DsaeError(
                f"the belief is of shape {belief.position.shape}, but the places of {places.shape}"
            )
        return self._next(belief, places, present)

    def run(self, places: np.ndarray, present: np.ndarray) -> Estimate:
        """Return the filtered estimates of whole episodes, places (T, ..., K, d), T leading.

        Errors as in `update`.
        """
        places, present = self._checked(places, present, frames=True)
        belief = self.unknown(places.shape[1:-2])
        steps = []
        for seen, there in zip(places, present, strict=True):
            belief = self._next(belief, seen, there)
            steps.append(belief)
        position, velocity, covariance = (np.stack(parts) for parts in zip(*steps, strict=True))
        return Estimate(position, velocity, covariance)

    def smooth(self, places: np.ndarray, present: np.ndarray) -> Estimate:
        """Return the estimates given whole episodes, past and future of each frame, as in `run`.

        Rauch, Tung & Striebel (1965): with P⁻ = F P Fᵀ + Q and the gain G = P Fᵀ (P⁻)⁻¹,

            x̂_t = x_t + G (x̂_{t+1} − F x_t),   P̂_t = (1 − GF) P_t (1 − GF)ᵀ + G (P̂_{t+1} + Q) Gᵀ,

        the latter equal to the usual P_t + G (P̂_{t+1} − P⁻) Gᵀ but never indefinite. Frames before
        a track is first present stay unknown.
        """
        filtered = self.run(places, present)
        known = filtered.known
        means = np.concatenate([filtered.position, filtered.velocity], axis=-1)
        covariances = filtered.covariance.copy()
        identity = np.eye(2 * self.size)
        for t in range(len(means) - 2, -1, -1):
            before = np.where(known[t, ..., None, None], covariances[t], self.start)
            after = np.where(known[t + 1, ..., None, None], covariances[t + 1], self.start)
            moved = self.transition @ before
            predicted = moved @ self.transition.T + self.disturbance
            gain = transpose(np.linalg.solve(predicted, moved))
            missed = means[t + 1] - means[t] @ self.transition.T
            kept = identity - gain @ self.transition
            smoothed = sandwich(kept, before) + sandwich(gain, after + self.disturbance)
            means[t] += np.where(known[t, ..., None], apply(gain, missed), 0)
            covariances[t] = np.where(
                known[t, ..., None, None], symmetric(smoothed), covariances[t]
            )
        return Estimate(means[..., : self.size], means[..., self.size :], covariances)

    def step(
        self,
        mean: np.ndarray,
        covariance: np.ndarray,
        known: np.ndarray,
        places: np.ndarray,
        present: np.ndarray,
        measurement: np.ndarray,
    ) -> Step:
        """Take one step of the recursion, with the covariance of this frame's measurements.

        Where a track is not `known`, its mean is zero and its covariance `start`: the gain [1, 0]
        then begins it at its first measurement.
        """
        mean = mean @ self.transition.T
        covariance = sandwich(self.transition, covariance) + self.disturbance
        precision = inverse(covariance[..., : self.size, : self.size] + measurement)
        gain = covariance[..., : self.size] @ precision
        if not known.all():
            covariance = np.where(known[..., None, None], covariance, self.start)
            gain = np.where(known[..., None, None], gain, np.eye(2 * self.size, self.size))
        gain = gain * present[..., None, None]
        innovation = np.where(present[..., None], places - mean[..., : self.size], 0)
        mean += apply(gain, innovation)
        # Joseph's form, (1 − KH) P (1 − KH)ᵀ + K R Kᵀ: a sum of positive matrices, however K is
        # rounded.
        covariance = sandwich(remainder(gain), covariance) + sandwich(gain, measurement)
        return Step(mean, symmetric(covariance), gain, innovation, precision)

    def _next(self, belief: Estimate, places: np.ndarray, present: np.ndarray) -> Estimate:
        known = belief.known
        covariance = belief.covariance
        if not known.all():  # infinities would turn into NaN
            covariance = np.where(known[..., None, None], covariance, self.start)
        mean = np.concatenate([belief.position, belief.velocity], axis=-1)
        done = self.step(mean, covariance, known, places, present, self.measurement)
        covariance = done.covariance
        if not (known := known | present).all():
            nothing = self.unknown(places.shape[:-2]).covariance
            covariance = np.where(known[..., None, None], covariance, nothing)
        return Estimate(done.mean[..., : self.size], done.mean[..., self.size :], covariance)

    def _checked(
        self, places: np.ndarray, present: np.ndarray, frames: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return arrays of the right types and shapes, and finite where present."""
        places, present = np.asarray(places, np.float64), np.asarray(present)
        shape = places.shape
        too_few = frames and (places.ndim < 3 or not len(places))
        if too_few or shape[-2:] != (self.tracks, self.size):
            lead = "(T, ..., " if frames else "(..., "
            raise DsaeError(f"places are of shape {shape}, not {lead}{self.tracks}, {self.size})")
        return places, checked_presence(places, present)


def motion(dt: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return F, (2d, 2d), and the 2×2 weights of S in Q."""
    step = np.array([[1.0, dt], [0.0, 1.0]])
    return np.kron(step, np.eye(size)), np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])


def remainder(gain: np.ndarray) -> np.ndarray:
    """Return 1 − KH, (..., 2d, 2d)."""
    rows, size = gain.shape[-2:]
    kept = np.zeros((*gain.shape[:-1], rows))
    kept[..., :size] = -gain
    kept += np.eye(rows)
    return kept


def checked_step(dt: float) -> float:
    """Return a time step in seconds; DsaeError if it is none."""
    if not (np.isfinite(dt) and dt > 0):
        raise DsaeError(f"dt = {dt}: the time between two frames must be positive, in seconds")
    return float(dt)


def checked_presence(places: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return which tracks are present; DsaeError unless every one of them has a finite place."""
    if present.dtype != bool or present.shape != places.shape[:-1]:
        raise DsaeError(
            f"present is {present.dtype} of shape {present.shape}, "
            f"not bool of shape {places.shape[:-1]}"
        )
    if not np.isfinite(places[present]).all():
        raise DsaeError("the place of a present track is not finite: mark the track as absent")
    return present


def _checked_noise(noise: Noise) -> tuple[int, int]:
    """Return the number of tracks and of their coordinates."""
    shape = np.shape(noise.measurement)
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] == 0:
        raise DsaeError(f"the measurement noise is of shape {shape}, not (K, d, d)")
    for name, value in noise._asdict().items():
        if value is None:
            continue
        if np.shape(value) != shape:
            raise DsaeError(f"the noise's {name} is of shape {np.shape(value)}, not {shape}")
        size = np.abs(value).max(axis=(1, 2))  # (K,)
        skew = np.abs(value - transpose(value)).max(axis=(1, 2))
        if not (np.isfinite(size).all() and (skew <= 1e-9 * size).all()):
            raise DsaeError(f"the noise's {name} must be finite and symmetric")
        lowest = np.linalg.eigvalsh(value).min(axis=1)
        allowed = lowest >= -1e-9 * size if name == "acceleration" else lowest > 0
        if not allowed.all():
            track = int(np.flatnonzero(~allowed)[0])
            raise DsaeError(f"the noise's {name} of track {track} is no positive covariance")
    return shape[0], shape[1]
