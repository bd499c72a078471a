"""Probes: how well does a map of the whole code predict each keypoint?

They need no feature points, so that a VAE's code compares with a spatial autoencoder's. The linear
one is a ridge regression; the small MLP shows what is in the code but not laid out linearly. Both
are fitted on training episodes and scored on held-out ones.

A target is a place (E coordinates: pixels, metres, or both side by side) and whether it is visible;
frames on which a keypoint is not visible count neither in its fit nor in its score.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from dsae.metrics.tracking import MIN_SAMPLES

RIDGE = 1e-3  # per sample, on features scaled to unit variance
HIDDEN = 64  # width of the MLP's two hidden layers
EPOCHS = 60
BATCH = 128
RATE = 3e-3  # Adam's first rate, falling to zero along a cosine
WEIGHT_DECAY = 1e-4
STILL = 1e-6  # share of a number's size below which its changes are rounding
STOPPING_SHARE = 0.1  # of the training frames, the last ones: the MLP keeps the epoch best on them


class Halves(NamedTuple):
    """Codes and targets of training and held-out frames."""

    train_features: np.ndarray
    """(N, D)."""
    train_keypoints: np.ndarray
    """(N, P, E + 1): coordinates and, last, whether visible."""
    test_features: np.ndarray
    test_keypoints: np.ndarray


class Probe(Protocol):
    """A regression of all keypoints' coordinates on the code."""

    def __call__(self, halves: Halves, /) -> np.ndarray:
        """Return the coordinates that the held-out codes give, (M, P, E)."""


def probe_errors(
    train_features: np.ndarray,
    train_keypoints: np.ndarray,
    test_features: np.ndarray,
    test_keypoints: np.ndarray,
) -> list[float]:
    """Return each keypoint's mean held-out distance after a ridge regression, in their unit.

    Shapes as in `Halves`; NaN for a keypoint that is too rarely visible.
    """
    halves = Halves(train_features, train_keypoints, test_features, test_keypoints)
    return distances(linear(halves), halves)


def distances(
    predicted: np.ndarray, halves: Halves, coordinates: slice | list[int] = slice(None)
) -> list[float]:
    """Return each keypoint's mean distance, over `coordinates`, from a prediction (M, P, E)."""
    errors = []
    for i in range(predicted.shape[1]):
        if not _enough(halves, i):
            errors.append(float("nan"))
            continue
        scored = halves.test_keypoints[:, i, -1] > 0.5
        missed = predicted[scored, i] - halves.test_keypoints[scored, i, :-1]
        errors.append(float(np.linalg.norm(missed[:, coordinates], axis=1).mean()))
    return errors


def linear(halves: Halves) -> np.ndarray:
    """Predict by a ridge regression on standardised codes, with an intercept; NaN where too few."""
    train, test = (
        np.column_stack([features, np.ones(len(features))]) for features in _standardised(halves)
    )
    truth = halves.train_keypoints
    predicted = np.full((len(test), truth.shape[1], truth.shape[2] - 1), np.nan)
    for i in range(truth.shape[1]):
        if not _enough(halves, i):
            continue
        seen = truth[:, i, -1] > 0.5
        inputs, target = train[seen], truth[seen, i, :-1]
        penalty = RIDGE * len(inputs) * np.eye(inputs.shape[1])
        penalty[-1, -1] = 0.0
        weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ target)
        predicted[:, i] = test @ weights
    return predicted


def mlp(halves: Halves, *, seed: int = 0) -> np.ndarray:
    """Predict by a linear map and one small network beside it, D–64–64–P·E, for all keypoints.

    The network learns what a ridge regression leaves over, so that a code that is linear in a place
    is read as exactly as by `linear`; a plain network of this size is worse there. Inputs and
    targets are standardised; its squared error counts visible keypoints alone; each keypoint's
    prediction is that of the epoch which was best for it on the last training frames. Everything
    random follows from `seed`. Where there are too few visible frames it says nothing of use.
    """
    kept = max(1, int(STOPPING_SHARE * len(halves.train_features)))
    fitted = len(halves.train_features) - kept
    inputs = torch.from_numpy(np.concatenate(_standardised(halves))).float()
    base = torch.from_numpy(_ridge_of_all_frames(halves, fitted))  # (N + M, P, E)
    seen = torch.from_numpy(halves.train_keypoints[..., -1:] > 0.5)  # (N, P, 1)
    places = torch.tensor(halves.train_keypoints[..., :-1], dtype=torch.float64)
    residual = (places - base[: len(places)]).where(seen, 0.0)
    scale = ((residual[:fitted] ** 2).sum(dim=0) / seen[:fitted].sum(dim=0).clamp(min=1)).sqrt()
    rounding = STILL * places.where(seen, 0.0).abs().amax(dim=0)  # all that a constant leaves over
    scale = scale.where(scale > rounding, 0.0)
    target = (residual.where(scale > 0, 0.0) / scale.where(scale > 0, 1.0)).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(inputs.shape[1], HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, target[0].numel()),
            nn.Unflatten(1, target.shape[1:]),
        )
    more = _fit(network, inputs, target, seen, fitted, torch.Generator().manual_seed(seed))
    return (base[len(places) :] + more.double() * scale).numpy()


def _fit(
    network: nn.Module,
    inputs: torch.Tensor,
    target: torch.Tensor,
    seen: torch.Tensor,
    fitted: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Train on the first `fitted` frames; return what the inputs after the targets give, (M, P, E).

    For each keypoint, of the epoch that was best on the remaining frames with a target; zero, the
    linear map alone, if none was better.
    """
    frames = len(target)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-fitted // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = (target[fitted:] ** 2).sum(dim=(0, 2))  # (P,), of the linear map
    answer = torch.zeros(len(inputs) - frames, *target.shape[1:])
    for _ in range(EPOCHS):
        for rows in torch.randperm(fitted, generator=generator).split(BATCH):
            missed = (network(inputs[rows]) - target[rows]) ** 2 * seen[rows]
            loss = missed.sum() / (seen[rows].sum() * target.shape[2]).clamp(min=1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            now = network(inputs[fitted:])
        missed = (now[: frames - fitted] - target[fitted:]) ** 2 * seen[fitted:]
        better = missed.sum(dim=(0, 2)) < best
        best = best.where(~better, missed.sum(dim=(0, 2)))
        answer = answer.where(~better[:, None], now[frames - fitted :])
    return answer


def _ridge_of_all_frames(halves: Halves, fitted: int) -> np.ndarray:
    """Return what a ridge regression on the first `fitted` frames says of all, 0 where too few."""
    train, test = halves.train_features, halves.test_features
    truth = halves.train_keypoints
    blank = np.ones((len(train) + len(test), *truth.shape[1:]))
    part = Halves(train[:fitted], truth[:fitted], np.concatenate([train, test]), blank)
    return np.nan_to_num(linear(part))


def _standardised(halves: Halves) -> tuple[np.ndarray, np.ndarray]:
    """Return both halves' codes, scaled by the training half's mean and deviation.

    A feature that did not vary in training says nothing, whatever it does afterwards: 0.
    """
    mean = halves.train_features.mean(axis=0, dtype=np.float64)
    deviation = halves.train_features.std(axis=0, dtype=np.float64)
    size = np.maximum(np.abs(mean), deviation.max(initial=0.0))
    scale = np.where(deviation > STILL * size, deviation, np.inf)
    train, test = (
        (features - mean) / scale for features in (halves.train_features, halves.test_features)
    )
    return train, test


def _enough(halves: Halves, keypoint: int) -> bool:
    """Whether a keypoint is visible on enough frames of both halves."""
    return all(
        (half[:, keypoint, -1] > 0.5).sum() >= MIN_SAMPLES
        for half in (halves.train_keypoints, halves.test_keypoints)
    )
