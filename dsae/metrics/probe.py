"""Linear probe: how well does a linear map of the whole code predict each keypoint?

It needs no feature points, so that a VAE's code compares with a spatial autoencoder's.
"""

import numpy as np

from dsae.metrics.tracking import MIN_SAMPLES

RIDGE = 1e-3  # per sample, on features scaled to unit variance


def probe_errors(
    train_features: np.ndarray,
    train_keypoints: np.ndarray,
    test_features: np.ndarray,
    test_keypoints: np.ndarray,
) -> list[float]:
    """Return each keypoint's mean held-out distance in pixels after a ridge regression.

    Features are (N, D), keypoints (N, P, 3) as in `tracking.tracking_errors`; NaN for a keypoint
    that is too rarely visible.
    """
    mean, scale = train_features.mean(axis=0), train_features.std(axis=0) + 1e-8
    train, test = (
        np.column_stack([(features - mean) / scale, np.ones(len(features))]).astype(np.float64)
        for features in (train_features, test_features)
    )
    errors = []
    for i in range(train_keypoints.shape[1]):
        seen, scored = train_keypoints[:, i, 2] > 0.5, test_keypoints[:, i, 2] > 0.5
        if seen.sum() < MIN_SAMPLES or scored.sum() < MIN_SAMPLES:
            errors.append(float("nan"))
            continue
        inputs, target = train[seen], train_keypoints[seen, i, :2]
        penalty = RIDGE * len(inputs) * np.eye(inputs.shape[1])
        penalty[-1, -1] = 0.0
        weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ target)
        distance = np.linalg.norm(test[scored] @ weights - test_keypoints[scored, i, :2], axis=1)
        errors.append(float(distance.mean()))
    return errors
