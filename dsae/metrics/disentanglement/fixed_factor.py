"""The metrics that hold one factor fixed and ask which one it was: β-VAE's and FactorVAE's."""

from typing import Literal

import numpy as np

from dsae.metrics.disentanglement.discrete import varies
from dsae.metrics.disentanglement.sources import Source

PAIRS = 64  # L, over which a difference is averaged, as in disentanglement_lib
TRAIN_POINTS = 5000  # that the β-VAE metric's classifier learns from
TEST_POINTS = 2000
VOTES = 800  # of the FactorVAE metric, and half as many to score it
GROUP = 64  # observations that a variance is taken of
GLOBAL = 10_000  # observations that the variances are compared with
CHUNK = 2**21  # numbers held at once
ADAGRAD_STEPS, ADAGRAD_BATCH, ADAGRAD_RATE = 10_000, 10, 1e-2

Classifier = Literal["converged", "adagrad"]


def beta_vae_score(
    train: Source,
    test: Source,
    rng: np.random.Generator,
    *,
    classifier: Classifier = "converged",
    pairs: int = PAIRS,
    train_points: int = TRAIN_POINTS,
    test_points: int = TEST_POINTS,
) -> float:
    """Return the β-VAE metric (Higgins et al. 2017): chance is 1/F, the best is 1.

    A point is 1/L Σ_l |z_a,l − z_b,l| over L pairs of observations that share one factor, drawn
    anew for each point; the score is the held-out accuracy with which a linear classifier tells
    which factor it was. A constant code scores about chance.

    `converged` is a logistic regression on standardised points, fitted to the end: the same for
    every scale of a dimension. `adagrad` is a softmax regression on the points as they are, by
    Adagrad with rate 0.01 in 10,000 batches of 10, as in public implementations of the paper's
    protocol; it prefers codes with large differences.
    """
    inputs, labels = _differences(train, rng, train_points, pairs)
    test_inputs, test_labels = _differences(test, rng, test_points, pairs)
    if classifier == "adagrad":
        predicted = _adagrad(inputs, labels, test_inputs, train.factor_count, rng)
    else:
        predicted = _converged(inputs, labels, test_inputs)
    return float((predicted == test_labels).mean())


def factor_vae_score(
    train: Source, test: Source, rng: np.random.Generator, *, votes: int = VOTES
) -> float:
    """Return the FactorVAE metric (Kim & Mnih 2018): chance is 1/F, the best is 1.

    A vote is argmin_d Var(z_d) / Var_all(z_d) over a group of observations that share one factor;
    a majority of the votes for a dimension decides which factor it stands for, and the score is
    the accuracy of that on held-out votes. Dimensions that are constant over all do not take part;
    without any other the score is 0.
    """
    spread = train.draw(rng, GLOBAL)
    active, variances = varies(spread), spread.var(axis=0, dtype=np.float64)
    if not active.any():
        return 0.0
    tables = []
    for source, count in ((train, votes), (test, votes // 2)):
        table = np.zeros((active.sum(), source.factor_count), np.int64)
        for factor in rng.integers(source.factor_count, size=count):
            group = source.sharing(rng, int(factor), 1, GROUP)[0][:, active]
            table[np.argmin(group.var(axis=0, dtype=np.float64) / variances[active]), factor] += 1
        tables.append(table)
    decided = tables[0].argmax(axis=1)
    return float(tables[1][np.arange(len(decided)), decided].sum() / tables[1].sum())


def _differences(
    source: Source, rng: np.random.Generator, count: int, pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points (count, D) and the factors, (count,), that their pairs share."""
    labels = rng.integers(source.factor_count, size=count)
    width = source.draw(rng, 1).shape[1]
    points = np.empty((count, width))
    at_once = max(1, CHUNK // (pairs * width))
    for factor in range(source.factor_count):
        rows = np.flatnonzero(labels == factor)
        for start in range(0, len(rows), at_once):
            chunk = rows[start : start + at_once]
            codes = source.sharing(rng, factor, len(chunk) * pairs, 2).astype(
                np.float64, copy=False
            )
            difference = abs(codes[:, 0] - codes[:, 1]).reshape(len(chunk), pairs, width)
            points[chunk] = difference.mean(axis=1)
    return points, labels


def _converged(inputs: np.ndarray, labels: np.ndarray, test_inputs: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    active = varies(inputs)
    if not active.any() or (labels == labels[0]).all():
        return np.full(len(test_inputs), np.bincount(labels).argmax())
    mean, scale = inputs.mean(axis=0)[active], inputs.std(axis=0)[active]
    model = LogisticRegression(max_iter=5000)
    model.fit((inputs[:, active] - mean) / scale, labels)
    return model.predict((test_inputs[:, active] - mean) / scale)


def _adagrad(
    inputs: np.ndarray,
    labels: np.ndarray,
    test_inputs: np.ndarray,
    classes: int,
    rng: np.random.Generator,
) -> np.ndarray:
    inputs, test_inputs = (np.column_stack([x, np.ones(len(x))]) for x in (inputs, test_inputs))
    targets = np.eye(classes)[labels]
    weights = np.zeros((inputs.shape[1], classes))
    squares = np.full(weights.shape, 0.1)  # the first value that libraries give it
    for _ in range(ADAGRAD_STEPS):
        rows = rng.integers(len(inputs), size=ADAGRAD_BATCH)
        scores = inputs[rows] @ weights
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = inputs[rows].T @ (chances - targets[rows]) / ADAGRAD_BATCH
        squares += gradient**2
        weights -= ADAGRAD_RATE * gradient / np.sqrt(squares)
    return (test_inputs @ weights).argmax(axis=1)
