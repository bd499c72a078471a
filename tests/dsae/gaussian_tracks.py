"""Tracks drawn from the filter's own model, and their exact posterior by dense linear algebra."""

from typing import NamedTuple

import numpy as np

from dsae.state.kalman import Noise


class Model(NamedTuple):
    """The matrices of one track, written out."""

    transition: np.ndarray
    disturbance: np.ndarray
    observation: np.ndarray
    measurement: np.ndarray
    velocity: np.ndarray

    @classmethod
    def of(cls, noise: Noise, track: int, dt: float) -> "Model":
        s, r, v = (np.asarray(value[track]) for value in noise)
        d = len(s)
        one, zero = np.eye(d), np.zeros((d, d))
        return cls(
            np.block([[one, dt * one], [zero, one]]),
            np.block([[dt**3 / 3 * s, dt**2 / 2 * s], [dt**2 / 2 * s, dt * s]]),
            np.block([one, zero]),
            r,
            v,
        )


def covariances(count: int, size: int, scale: float, seed: int) -> np.ndarray:
    """Return random covariances (count, size, size), far from round, of about scale²."""
    roots = np.random.default_rng(seed).normal(size=(count, size, size))
    return scale**2 * (roots @ roots.swapaxes(1, 2) + 0.2 * np.eye(size))


def some_noise(count: int, size: int, seed: int = 0) -> Noise:
    return Noise(
        covariances(count, size, 0.5, seed),
        covariances(count, size, 0.02, seed + 1),
        covariances(count, size, 0.3, seed + 2),
    )


class Drawn(NamedTuple):
    """Simulated tracks: states (T, E, K, 2d), places (T, E, K, d) and present (T, E, K)."""

    states: np.ndarray
    places: np.ndarray
    present: np.ndarray

    def episodes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(self.places[:, e], self.present[:, e]) for e in range(self.places.shape[1])]


def draw(
    noise: Noise, dt: float, frames: int, episodes: int, absent: float = 0.0, seed: int = 0
) -> Drawn:
    """Draw tracks as the model says, absent on a share of the frames, never on the first."""
    rng = np.random.default_rng(seed)
    count, size, _ = noise.measurement.shape
    states = np.zeros((frames, episodes, count, 2 * size))
    places = np.zeros((frames, episodes, count, size))
    for k in range(count):
        model = Model.of(noise, k, dt)
        state = np.concatenate(
            [
                rng.uniform(-0.5, 0.5, (episodes, size)),
                rng.multivariate_normal(np.zeros(size), model.velocity, episodes),
            ],
            axis=1,
        )
        for t in range(frames):
            if t:
                pushed = rng.multivariate_normal(np.zeros(2 * size), model.disturbance, episodes)
                state = state @ model.transition.T + pushed
            states[t, :, k] = state
            missed = rng.multivariate_normal(np.zeros(size), model.measurement, episodes)
            places[t, :, k] = state[:, :size] + missed
    present = rng.random(places.shape[:-1]) >= absent
    present[0] = True
    return Drawn(states, places, present)


def posterior(
    model: Model, places: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (T, 2d) and covariance (T, 2d, T, 2d) of all states given all measurements.

    One linear system: the precisions of all transitions and measurements, with none for where the
    track begins. The first frame must be present.
    """
    frames, size = places.shape
    states = 2 * size
    precision = np.zeros((frames, states, frames, states))
    pull = np.zeros((frames, states))
    precision[0, size:, 0, size:] += np.linalg.inv(model.velocity)
    between = np.linalg.inv(model.disturbance)
    seen = np.linalg.inv(model.measurement)
    f, h = model.transition, model.observation
    for t in range(frames):
        if t:
            precision[t, :, t] += between
            precision[t - 1, :, t - 1] += f.T @ between @ f
            precision[t, :, t - 1] -= between @ f
            precision[t - 1, :, t] -= f.T @ between
        if present[t]:
            precision[t, :, t] += h.T @ seen @ h
            pull[t] += h.T @ seen @ places[t]
    covariance = np.linalg.inv(precision.reshape(frames * states, frames * states))
    mean = (covariance @ pull.ravel()).reshape(frames, states)
    return mean, covariance.reshape(frames, states, frames, states)
