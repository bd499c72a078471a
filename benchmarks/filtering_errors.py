"""What benchmarks/filtering.py measures: errors after black-outs, and of velocities."""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from dsae.metrics.tracking import Tracking
from dsae.state.kalman import Estimate, Filter, Noise

OUT = 10  # frames of the black-out
BEFORE = 5  # frames before it over which a motion must be steady as well
FAR = 1 / 32  # of the image's width, what a keypoint must move in the black-out to be moving
MOVES = 1 / 640  # of the image's width per frame, a speed at which something moves
STEPS = 8  # the last ones, that the best linear velocity is made of
RESAMPLED = 1000  # times, the held-out episodes, for the intervals


class Half(NamedTuple):
    """One keypoint and the point that follows it, on E episodes cut to T frames."""

    points: np.ndarray
    """(T, E, 1, 2)."""
    truth: np.ndarray
    """(T, E, 2), in pixels."""
    visible: np.ndarray
    """bool (T, E)."""

    @property
    def present(self) -> np.ndarray:
        return np.ones(self.points.shape[:-1], bool)

    @property
    def velocity(self) -> np.ndarray:
        """The true one of frames 1 to T − 2, in pixels per frame: central differences."""
        return (self.truth[2:] - self.truth[:-2]) / 2

    @property
    def counted(self) -> np.ndarray:
        """Where that is known: the keypoint can be seen, and a filter has had time to begin."""
        counted = self.visible[2:] & self.visible[1:-1] & self.visible[:-2]
        counted[: STEPS - 1] = False
        return counted


class Track(NamedTuple):
    """A keypoint that is tracked."""

    name: str
    tracking: Tracking
    noise: Noise
    unbounded: Noise
    """The same without a least error of measurement."""
    train: Half
    test: Half
    width: int
    """Of the image, in pixels."""
    dt: float

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 1, 2) in pixels, (..., 2)."""
        return points[..., 0, :] @ self.tracking.affine[:2] + self.tracking.affine[2]


class BlackOut(NamedTuple):
    """Errors at the end of black-outs, in pixels, all (W, E) by the last frame seen and episode."""

    filtered: np.ndarray
    held: np.ndarray
    """Of the point where it was last seen."""
    ideal: np.ndarray
    """Of the true place and the true velocity at that time, carried on."""
    deviation: np.ndarray
    """Of the truth from a constant velocity, as a share of the way."""
    far: np.ndarray
    """Whether the keypoint moved meanwhile."""
    counted: np.ndarray
    """Whether the keypoint could be seen before and at the end."""
    inside: np.ndarray
    """Whether the point at the end was within the 95 % ellipse that the filter gave."""

    def steady(self, share: float) -> np.ndarray:
        return self.counted & self.far & (self.deviation <= share)


def black_out(track: Track, noise: Noise) -> BlackOut:
    """Black out ten frames after every frame of the held-out episodes."""
    points, truth, visible = track.test
    follow = Filter(noise, track.dt)
    last = np.arange(BEFORE - 1, len(points) - OUT)  # frames that are seen last
    belief = Estimate(*(value[last] for value in follow.run(points, track.test.present)))
    nothing = np.full_like(belief.position, np.nan)
    for _ in range(OUT):
        belief = follow.update(belief, nothing, np.zeros(nothing.shape[:-1], bool))
    end = truth[last + OUT]
    ideal = truth[last] + OUT * np.gradient(truth, axis=0)[last]
    way = norm(end - truth[last])
    around = np.stack([truth[t - BEFORE + 1 : t + OUT + 1] for t in last])  # (W, n, E, 2)
    time = np.arange(around.shape[1]) - (around.shape[1] - 1) / 2
    centred = around - around.mean(axis=1, keepdims=True)
    slope = np.einsum("n,wned->wed", time, centred) / (time**2).sum()
    rest = centred - time[:, None, None] * slope[:, None]
    before = np.stack([visible[t - BEFORE + 1 : t + 1].all(axis=0) for t in last])
    missed = (points[last + OUT] - belief.position)[..., 0, :]
    spread = belief.covariance[..., 0, :2, :2] + follow.measurement[0]
    distance = np.einsum("wei,weij,wej->we", missed, np.linalg.inv(spread), missed)
    return BlackOut(
        norm(track.pixels(belief.position) - end),
        norm(track.pixels(points[last]) - end),
        norm(ideal - end),
        np.sqrt((rest**2).sum(axis=-1).mean(axis=1)) / np.maximum(way, 1e-9),
        way >= FAR * track.width,
        before & visible[last + OUT],
        distance < chi2.ppf(0.95, 2),
    )


class Velocities(NamedTuple):
    """Squared errors of velocities, in (pixels per frame)², (T − 2, E)."""

    filtered: np.ndarray
    step: np.ndarray
    """Of the point's last step."""
    linear: np.ndarray
    """Of the best sum of its last steps, its weights fitted to the truth of training episodes."""
    smoothed: np.ndarray
    central: np.ndarray
    """Of the mean of its last and its next step."""
    moving: np.ndarray
    """Whether the keypoint moves, bool."""


def velocities(track: Track, noise: Noise) -> Velocities:
    """Compare velocities of the held-out episodes with the true ones."""
    follow, half = Filter(noise, track.dt), track.test
    seen, later = (method(half.points, half.present) for method in (follow.run, follow.smooth))
    per_frame = track.tracking.affine[:2] * track.dt
    places = track.pixels(half.points)
    found = (
        seen.velocity[1:-1, :, 0] @ per_frame,
        places[1:-1] - places[:-2],
        _best_linear(track),
        later.velocity[1:-1, :, 0] @ per_frame,
        (places[2:] - places[:-2]) / 2,
    )
    squares = (((one - half.velocity) ** 2).sum(axis=-1) for one in found)
    return Velocities(*squares, norm(half.velocity) > MOVES * track.width)


def _best_linear(track: Track) -> np.ndarray:
    """Return velocities, (T − 2, E, 2), from the last steps by least squares for each axis."""

    def steps(half: Half) -> np.ndarray:
        found = np.diff(track.pixels(half.points), axis=0)[:-1]  # (T − 2, E, 2)
        return np.stack([np.roll(found, lag, axis=0) for lag in range(STEPS)], axis=-1)

    fitted, counted = steps(track.train), track.train.counted
    inputs = steps(track.test)
    velocity = np.zeros_like(inputs[..., 0])
    for axis in range(2):
        target = track.train.velocity[counted][:, axis]
        weights = np.linalg.lstsq(fitted[counted][:, axis], target, rcond=None)[0]
        velocity[..., axis] = inputs[:, :, axis] @ weights
    return velocity


def norm(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)


def ratio(upper: np.ndarray, lower: np.ndarray, mask: np.ndarray, *, root: bool = False) -> str:
    """Ratio of means (or of their roots) over (W, E), with its 95 % interval over episodes."""
    sums = np.stack([(values * mask).sum(axis=0) for values in (upper, lower)])  # (2, E)
    rng = np.random.default_rng(0)
    drawn = sums[:, rng.integers(mask.shape[1], size=(RESAMPLED, mask.shape[1]))].sum(axis=-1)
    drawn = drawn[:, (drawn > 0).all(axis=0)]
    ratios = np.concatenate([[sums[0].sum() / sums[1].sum()], drawn[0] / drawn[1]])
    ratios = np.sqrt(ratios) if root else ratios
    low, high = np.quantile(ratios[1:], [0.025, 0.975])
    digits = 3 if root else 2
    return f"{ratios[0]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
