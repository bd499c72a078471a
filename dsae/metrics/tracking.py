"""Tracking error: how far from a true point is the feature point that follows it best?

For every true keypoint, one feature point and one affine map from it to pixels are chosen on
training episodes; the error is the mean distance on held-out episodes. Fitting and scoring on
different episodes is a departure from SAE-RL (L4DC 2024), which does both on the same data.
"""

from typing import NamedTuple

import numpy as np

RIDGE = 1e-6  # keeps the fit defined for a point that never moves
MIN_SAMPLES = 20  # frames on which a keypoint must be visible to be scored


class Tracking(NamedTuple):
    """How one keypoint is tracked."""

    error: float
    """Mean distance on held-out frames, in pixels; NaN if it is too rarely visible."""
    point: int
    """The feature point that was chosen on the training frames."""
    affine: np.ndarray
    """Map (3, 2) from (x, y, 1) of that point to pixels."""


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
    """Return the errors, in pixels, of always answering with the training frames' mean place."""
    blind = np.zeros((1, 1, 2))
    results = tracking_errors(
        np.broadcast_to(blind, (len(train_keypoints), 1, 2)),
        train_keypoints,
        np.broadcast_to(blind, (len(test_keypoints), 1, 2)),
        test_keypoints,
    )
    return [result.error for result in results]


def _track(
    train_points: np.ndarray, train_truth: np.ndarray, points: np.ndarray, truth: np.ndarray
) -> Tracking:
    seen, scored = train_truth[:, 2] > 0.5, truth[:, 2] > 0.5
    if seen.sum() < MIN_SAMPLES or scored.sum() < MIN_SAMPLES:
        return Tracking(float("nan"), -1, np.full((3, 2), np.nan))
    target = train_truth[seen, :2]
    inputs = _with_one(train_points[seen].transpose(1, 0, 2))  # (K, n, 3)
    gram = inputs.transpose(0, 2, 1) @ inputs + RIDGE * np.diag([1.0, 1.0, 0.0])
    maps = np.linalg.solve(gram, inputs.transpose(0, 2, 1) @ target)  # (K, 3, 2)
    fits = np.linalg.norm(inputs @ maps - target, axis=2).mean(axis=1)
    best = int(np.argmin(fits))
    predicted = _with_one(points[scored, best]) @ maps[best]
    error = np.linalg.norm(predicted - truth[scored, :2], axis=1).mean()
    return Tracking(float(error), best, maps[best])


def _with_one(points: np.ndarray) -> np.ndarray:
    points = points.astype(np.float64)
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
