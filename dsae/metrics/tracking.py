"""Tracking error: how far from a true point is the feature point that follows it best?

For every true keypoint, one feature point and one affine map from it to pixels are chosen on
training episodes; the error is the mean distance on held-out episodes. Fitting and scoring on
different episodes is a departure from SAE-RL (L4DC 2024), which does both on the same data.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1e-6  # keeps the fit defined for a point that never moves
MIN_SAMPLES = 20  # frames on which a keypoint must be visible to be scored
TRACKED = 0.008  # of the image's width, an error below which is tracking: half a pixel of 64, a
# twelfth of the 6 pixels that the objects of our tasks measure there
SAE_RL_TRACKED = 0.015  # SAE-RL's limit on the mean squared error in [−1, 1]², 3.9 pixels of 64


class Tracking(NamedTuple):
    """How one keypoint is tracked."""

    error: float
    """Mean distance on held-out frames, in pixels; NaN if it is too rarely visible."""
    point: int
    """The feature point that was chosen on the training frames."""
    affine: np.ndarray
    """Map (3, 2) from (x, y, 1) of that point to pixels."""
    squared: np.ndarray
    """Mean squared error along x and along y, in pixels², shape (2,)."""


def tracking_errors(
    train_points: np.ndarray,
    train_keypoints: np.ndarray,
    test_points: np.ndarray,
    test_keypoints: np.ndarray,
) -> list[Tracking]:
    """Score every keypoint.

    Points are (N, K, 2); keypoints (N, P, 3) are x and y in pixels and whether visible; frames on
    which a keypoint is not visible count neither in its fit nor in its score.
    """
    return [
        _track(train_points, train_keypoints[:, i], test_points, test_keypoints[:, i])
        for i in range(train_keypoints.shape[1])
    ]


def constant_errors(train_keypoints: np.ndarray, test_keypoints: np.ndarray) -> list[float]:
    """Return the errors of always answering with the training frames' mean place.

    Keypoints are (N, P, E + 1), E coordinates and whether visible; errors are in their unit.
    """
    errors = []
    for i in range(train_keypoints.shape[1]):
        seen, scored = train_keypoints[:, i, -1] > 0.5, test_keypoints[:, i, -1] > 0.5
        if seen.sum() < MIN_SAMPLES or scored.sum() < MIN_SAMPLES:
            errors.append(float("nan"))
            continue
        mean = train_keypoints[seen, i, :-1].mean(axis=0, dtype=np.float64)
        distance = np.linalg.norm(test_keypoints[scored, i, :-1] - mean, axis=1)
        errors.append(float(distance.mean()))
    return errors


class Shares(NamedTuple):
    """How many of the keypoints that move are tracked; NaN if none moves."""

    tracked: float
    """By an error below `TRACKED` of the image's width."""
    sae_rl: float
    """By SAE-RL's looser limit."""
    counted: int
    """Number of keypoints that are scored and that a constant does not track already."""


def tracked_shares(
    results: Sequence[Tracking], constant: Sequence[float], height: int, width: int
) -> Shares:
    """Return the shares of keypoints tracked, given what a constant scores, for H × W images.

    A keypoint that hardly moves is followed by any point, even a dead one, and does not count.
    """
    moving = [
        result
        for result, blind in zip(results, constant, strict=True)
        if np.isfinite(result.error) and blind >= TRACKED * width
    ]
    if not moving:
        return Shares(float("nan"), float("nan"), 0)
    scale = 2 / np.array([width, height])  # from pixels to [−1, 1]
    loose = [float((result.squared * scale**2).mean()) < SAE_RL_TRACKED for result in moving]
    tight = [result.error < TRACKED * width for result in moving]
    return Shares(float(np.mean(tight)), float(np.mean(loose)), len(moving))


def _track(
    train_points: np.ndarray, train_truth: np.ndarray, points: np.ndarray, truth: np.ndarray
) -> Tracking:
    seen, scored = train_truth[:, 2] > 0.5, truth[:, 2] > 0.5
    if seen.sum() < MIN_SAMPLES or scored.sum() < MIN_SAMPLES:
        return Tracking(float("nan"), -1, np.full((3, 2), np.nan), np.full(2, np.nan))
    target = train_truth[seen, :2]
    inputs = _with_one(train_points[seen].transpose(1, 0, 2))  # (K, n, 3)
    gram = inputs.transpose(0, 2, 1) @ inputs + RIDGE * np.diag([1.0, 1.0, 0.0])
    maps = np.linalg.solve(gram, inputs.transpose(0, 2, 1) @ target)  # (K, 3, 2)
    fits = np.linalg.norm(inputs @ maps - target, axis=2).mean(axis=1)
    best = int(np.argmin(fits))
    missed = _with_one(points[scored, best]) @ maps[best] - truth[scored, :2]
    error = np.linalg.norm(missed, axis=1).mean()
    return Tracking(float(error), best, maps[best], (missed**2).mean(axis=0))


def _with_one(points: np.ndarray) -> np.ndarray:
    points = points.astype(np.float64)
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
