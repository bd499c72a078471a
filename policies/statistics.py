"""How sure is a success rate that a few training seeds gave? Interquartile means and bootstraps.

Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice": report
the interquartile mean over all runs with an interval from a bootstrap stratified by task, not the
best seed or a bare mean.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policies.errors import PolicyError

CONFIDENCE = 0.95
RESAMPLES = 2000
TRIMMED = 0.25  # share of the values that is cut off at either end


class Estimate(NamedTuple):
    """A figure and how far it may be off."""

    value: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval; None where there is nothing to resample."""


def interquartile_mean(values: ArrayLike) -> float:
    """Return the mean of the middle half of n values: ⌊n / 4⌋ are cut off at either end.

    So it is the plain mean of fewer than four. Raises PolicyError if there are none.
    """
    return float(_interquartile_means(np.ravel(_filled(values))[None])[0])


def stratified(scores: ArrayLike, rng: np.random.Generator) -> Estimate:
    """Return the interquartile mean of scores (seeds, tasks), bootstrapped in strata of tasks.

    Each resample draws, for every task by itself, as many seeds as there are, with replacement;
    the interval is between percentiles. None for a single seed.
    """
    table = np.atleast_2d(_filled(scores))
    seeds, tasks = table.shape
    value = interquartile_mean(table)
    if seeds < 2:
        return Estimate(value, None)
    drawn = rng.integers(seeds, size=(RESAMPLES, seeds, tasks))
    resampled = np.take_along_axis(table[None], drawn, axis=1)  # (R, seeds, tasks)
    return Estimate(value, _percentiles(_interquartile_means(resampled.reshape(RESAMPLES, -1))))


def paired_difference(ours: ArrayLike, theirs: ArrayLike, rng: np.random.Generator) -> Estimate:
    """Return the mean of ours − theirs, (seeds, episodes) each, with its bootstrap interval.

    The same seed was trained and the same episode was rolled out in the same place of both: a
    resample draws seeds and episodes, with replacement, once for the two. Episodes alone are drawn
    where there is one seed. Raises PolicyError if the shapes differ or nothing is there.
    """
    first, second = (np.atleast_2d(_filled(values)) for values in (ours, theirs))
    if first.shape != second.shape:
        raise PolicyError(f"results of {first.shape} and {second.shape} cannot be paired")
    differences = first - second
    seeds, episodes = differences.shape
    if seeds * episodes < 2:
        return Estimate(float(differences.mean()), None)
    drawn = _weights(seeds, rng) @ differences  # (R, episodes), means over the seeds drawn
    means = (drawn * _weights(episodes, rng)).sum(axis=1)
    return Estimate(float(differences.mean()), _percentiles(means))


def _weights(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each of `count` things is drawn in each resample, as shares (R, count)."""
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count


def _interquartile_means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interquartile mean of each row of (R, n)."""
    cut = int(TRIMMED * rows.shape[1])
    kept: NDArray[np.float64] = np.sort(rows, axis=1)[:, cut : rows.shape[1] - cut]
    return kept.mean(axis=1)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _filled(values: ArrayLike) -> NDArray[np.float64]:
    """Return numbers as an array; PolicyError if there are none, or not all are finite."""
    array = np.asarray(values, np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise PolicyError("statistics need numbers, all of them finite")
    return array
