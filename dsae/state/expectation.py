"""One step of expectation maximisation of a Kalman filter's noise, for all tracks at once.

Shumway & Stoffer (1982), in the form of the disturbance smoother (Koopman 1993): a backward pass,

    r⁻ = Hᵀ W v + (1 − KH)ᵀ r,   N⁻ = Hᵀ W H + (1 − KH)ᵀ N (1 − KH),   r ← Fᵀ r⁻,   N ← Fᵀ N⁻ F,

with the innovation v, the inverse W of its covariance and the gain K, gives what is expected of the
accelerations, of the errors of measurement and of the first velocities, given all frames, and so

    S ← S + ½ S ⟨Σ_ij q_ij (r⁻ r⁻ᵀ − N⁻)_ij⟩ S     (Q = q ⊗ S; ij: blocks of position and velocity)
    R ← R + R ⟨u uᵀ − D⟩ R                         (u = W v − Kᵀ r,  D = W + Kᵀ N K)
    V ← V + V ⟨r_v r_vᵀ − N_vv⟩ V                  (V: `Noise.velocity`; at a track's first frame),

⟨⟩ being means over frames and episodes. Noises are stacked here, (3, K, d, d) of S, R and V.
"""

from typing import NamedTuple

import numpy as np

from dsae.state.kalman import Filter, Noise, motion, remainder
from dsae.state.matrices import apply, sandwich, spectral, symmetric, transpose

# The filter takes the errors of measurement to be white, those of an encoder are not: they drift
# with the place, and part of them looks like motion. Unbounded, the estimate follows points more
# closely than is good for their velocities (docs/results/filtering.md).
EXACT = 0.005  # of a track's standard deviation: no measurement is taken to be better
TINY = 1e-6  # standard deviation that a track has at least: the rounding of float32
MEMORY = 50  # frames after which even a track that never accelerated is forgotten


class Tracks(NamedTuple):
    """Pieces of episodes side by side; shorter ones end with frames on which nothing is present."""

    places: np.ndarray
    """(T, E, K, d), finite."""
    present: np.ndarray
    """bool (T, E, K)."""
    dt: float
    """Seconds between two frames."""
    exact: float = EXACT
    """Least deviation of a measurement, as a share of its track's."""

    @property
    def first(self) -> np.ndarray:
        """The frames on which tracks are first present, bool (T, E, K)."""
        return self.present & (np.cumsum(self.present, axis=0) == 1)

    @property
    def moved(self) -> np.ndarray:
        """The frames before which an acceleration is asked for: between the first and last."""
        begun = np.cumsum(self.present, axis=0) > 0
        over = np.cumsum(self.present[::-1], axis=0)[::-1] == 0
        moved = begun & ~over
        moved[1:] &= begun[:-1]
        moved[0] = False
        return moved

    @property
    def frames(self) -> np.ndarray:
        """How many measurements of each track a prediction can be compared with, (K,)."""
        return (self.present & ~self.first).sum(axis=(0, 1))

    @property
    def least(self) -> np.ndarray:
        """The least variance of a measurement, (K,)."""
        weights = self.present / np.maximum(self.present.sum(axis=(0, 1)), 1)
        mean = np.einsum("tek,tekd->kd", weights, self.places)
        variance = np.einsum("tek,tekd->kd", weights, (self.places - mean) ** 2).mean(axis=1)
        return np.maximum(self.exact**2 * variance, TINY**2)


class Step(NamedTuple):
    """What one pass over the tracks gives."""

    noise: np.ndarray
    """Of higher likelihood than the one it was made with, (3, K, d, d)."""
    likelihood: np.ndarray
    """Of that one: the logarithm, but for a constant, (K,)."""
    weights: np.ndarray
    """How much each frame counts, (T, E, K): 1 without Student's t."""


class _Pass(NamedTuple):
    """What the filter leaves for the backward pass, T leading."""

    gain: np.ndarray
    precision: np.ndarray
    innovation: np.ndarray


def step(
    tracks: Tracks,
    noise: np.ndarray,
    weights: np.ndarray | None = None,
    freedom: float = np.inf,
) -> Step:
    """Take one step from a noise (3, K, d, d).

    `weights` are those of the step before: the errors of a frame have the covariance R / weight.
    With errors of Student's t distribution of `freedom` ν they become (ν + d) / (ν + ⟨eᵀ R⁻¹ e⟩).
    """
    weights = np.ones(tracks.present.shape) if weights is None else weights.copy()
    passed, likelihood = _forward(tracks, noise, weights)
    frames, pieces, count, size = tracks.places.shape
    transition, share = motion(tracks.dt, size)
    first, moved, present = tracks.first, tracks.moved, tracks.present
    exact = np.linalg.inv(noise[1])
    sums = np.zeros_like(noise)
    r = np.zeros((pieces, count, 2 * size))
    n = np.zeros((pieces, count, 2 * size, 2 * size))
    for t in range(frames - 1, -1, -1):
        gain, precision, innovation = (part[t] for part in passed)
        pull = apply(precision, innovation)
        u = pull - apply(transpose(gain), r)
        d = precision + sandwich(transpose(gain), n)
        errors = noise[1] / weights[t, ..., None, None]
        squares = errors + sandwich(errors, _outer(u) - d)
        sums[1] += _total(squares * weights[t, ..., None, None], present[t])
        sums[2] += _total((_outer(r) - n)[..., size:, size:], first[t])
        if np.isfinite(freedom):
            misfit = np.einsum("kij,ekji->ek", exact, squares)
            weights[t] = np.where(present[t], (freedom + size) / (freedom + misfit), 1)
        rest = transpose(remainder(gain))
        r, n = apply(rest, r), sandwich(rest, n)
        r[..., :size] += pull
        n[..., :size, :size] += precision
        blocks = (_outer(r) - n).reshape(pieces, count, 2, size, 2, size)
        sums[0] += _total(np.einsum("ij,ekimjn->ekmn", share, blocks), moved[t])
        r, n = r @ transition, sandwich(transition.T, n)
    return Step(_updated(tracks, noise, sums), likelihood, weights)


def _forward(tracks: Tracks, noise: np.ndarray, weights: np.ndarray) -> tuple[_Pass, np.ndarray]:
    """Filter all pieces; a first measurement is compared with nothing."""
    follow = Filter(Noise(*noise), tracks.dt)
    _, pieces, count, size = tracks.places.shape
    mean = np.zeros((pieces, count, 2 * size))
    covariance = np.broadcast_to(follow.start, (pieces, *follow.start.shape))
    known = np.zeros((pieces, count), bool)
    parts = []
    for places, present, weight in zip(tracks.places, tracks.present, weights, strict=True):
        errors = noise[1] / weight[..., None, None]
        done = follow.step(mean, covariance, known, places, present, errors)
        used = (present & known)[..., None]
        parts.append((done.gain, done.precision * used[..., None], done.innovation * used))
        known = known | present
        mean = done.mean
        covariance = np.where(known[..., None, None], done.covariance, follow.start)
    passed = _Pass(*(np.stack(part) for part in zip(*parts, strict=True)))
    used = tracks.present & ~tracks.first
    volumes = np.linalg.slogdet(np.where(used[..., None, None], passed.precision, np.eye(size)))[1]
    distances = (passed.innovation * apply(passed.precision, passed.innovation)).sum(axis=-1)
    return passed, 0.5 * (volumes - distances).sum(axis=(0, 1))


def _updated(tracks: Tracks, noise: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the new noise from the sums over frames, not below what is plausible."""
    moved, present, first = (
        np.maximum(mask.sum(axis=(0, 1)), 1)[:, None, None]
        for mask in (tracks.moved, tracks.present, tracks.first)
    )
    measurement = _at_least(tracks.least, sums[1] / present)
    acceleration = _at_least(
        _variance(measurement) / tracks.dt**3 / MEMORY**4,
        noise[0] + 0.5 * sandwich(noise[0], sums[0] / moved),
    )
    # At rest, give or take what a frame's acceleration makes.
    velocity = _at_least(
        _variance(acceleration) * tracks.dt, noise[2] + sandwich(noise[2], sums[2] / first)
    )
    return np.stack([acceleration, measurement, velocity])


def _at_least(lowest: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Return matrices (K, d, d) whose eigenvalues are not below those, (K,)."""
    floor = lowest[:, None]
    return symmetric(spectral(symmetric(matrices), lambda values: np.maximum(values, floor)))


def _variance(matrices: np.ndarray) -> np.ndarray:
    """Return the mean variance of a coordinate, (K,)."""
    return np.trace(matrices, axis1=1, axis2=2) / matrices.shape[-1]


def _outer(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., :, None] * vectors[..., None, :]


def _total(matrices: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Sum matrices (E, K, d, d) over the pieces that count, bool (E, K)."""
    return (matrices * where[..., None, None]).sum(axis=0)
