"""Is the code a state? Neighbours, correlations and roughness, compared with the true state.

KNN-MSE and GTC are those of the S-RL Toolbox (Raffin et al. 2018): nothing is fitted, so that they
tell how directly the true state can be read from the code, and not only whether it can.
"""

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 5  # k, as in the S-RL Toolbox
QUERIES = 2000  # frames whose neighbours are looked for, evenly spaced; all frames are candidates
QUERY_CHUNK = 256
WHITE_NOISE_ROUGHNESS = 6.0  # of independent numbers of unit variance: 1 + 2² + 1
STILL = 1e-6  # a dimension whose deviation is a smaller share of the largest one does not move


class Neighbours(NamedTuple):
    """Squared distance of the true states of neighbouring codes, in squared units of the truth."""

    mse: float
    """KNN-MSE: among all frames, the frame itself excluded."""
    other_episodes: float
    """Among the frames of other episodes: NaN if there is but one."""


def knn_mse(
    codes: np.ndarray, truth: np.ndarray, episodes: np.ndarray, k: int = NEIGHBOURS
) -> Neighbours:
    """Compare each frame's true state with those of the k frames whose codes are nearest.

    KNN-MSE = mean over frames i and their k neighbours j of ‖s_i − s_j‖²

    (Raffin et al. 2018), with codes (N, D), true states (N, S), and each frame's episode (N,); the
    codes are taken as they are, by Euclidean distance. In a video the frames before and after are
    near in every code that is continuous, so the same is also said with other episodes' frames
    alone. The frame itself is left out by its number, where the Toolbox drops the nearest one
    found: the two differ only between frames of exactly the same code.
    """
    codes = codes.astype(np.float64)
    codes = codes - codes.mean(axis=0)  # keeps the expanded squares below exact
    truth = truth.astype(np.float64)
    norms = (codes**2).sum(axis=1)
    queries = np.arange(0, len(codes), -(-len(codes) // QUERIES))
    total = {"mse": 0.0, "other": 0.0}
    counted = {"mse": 0, "other": 0}
    for start in range(0, len(queries), QUERY_CHUNK):
        rows = queries[start : start + QUERY_CHUNK]
        distance = norms[rows, None] + norms - 2 * codes[rows] @ codes.T  # (Q, N)
        distance[np.arange(len(rows)), rows] = np.inf
        for kind in total:
            if kind == "other":
                distance[episodes[rows, None] == episodes] = np.inf
            near = np.argpartition(distance, min(k, len(codes) - 1), axis=1)[:, :k]
            valid = np.isfinite(np.take_along_axis(distance, near, axis=1))
            squared = ((truth[near] - truth[rows, None]) ** 2).sum(axis=2)
            total[kind] += float(squared[valid].sum())
            counted[kind] += int(valid.sum())
    return Neighbours(
        *(total[kind] / counted[kind] if counted[kind] else float("nan") for kind in total)
    )


def ground_truth_correlation(
    codes: np.ndarray, truth: np.ndarray, visible: np.ndarray | None = None
) -> np.ndarray:
    """Return GTC, shape (S,): each true dimension's highest correlation with a code dimension.

    GTC_i = max over j of |Pearson's ρ(s_i, z_j)|

    (Raffin et al. 2018), with codes (N, D) and true states (N, S), on the frames on which
    `visible` (N, S) says that the dimension can be seen. NaN for a dimension that does not vary;
    a code that does not vary correlates with nothing: 0. The mean over the dimensions that vary
    is GTC_mean.
    """
    result = np.full(truth.shape[1], np.nan)
    for i in range(truth.shape[1]):
        seen = slice(None) if visible is None else visible[:, i] > 0.5
        state = truth[seen, i].astype(np.float64)
        if len(state) < 2 or state.std() <= STILL * max(1.0, abs(state).max()):
            continue
        state = (state - state.mean()) / state.std()
        code = codes[seen].astype(np.float64)
        moving = _moves(code)
        code = code[:, moving] - code[:, moving].mean(axis=0)
        correlations = np.abs(state @ code) / (len(state) * code.std(axis=0))
        result[i] = correlations.max(initial=0.0)
    return result


def roughness(values: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    """Return how jerkily each dimension moves, shape (D,): the smaller, the smoother.

    R_j = mean over t of (z_{t+1} − 2 z_t + z_{t−1})_j² / Var(z_j)

    with three consecutive frames of one episode at a time; values are (N, D), each frame's episode
    (N,). It is the slowness penalty of Finn et al. (2016) made free of the code's scale: 0 for a
    constant velocity, 6 for white noise. The true state has some, too: less than that is no better.
    NaN for a dimension that does not vary.
    """
    values = values.astype(np.float64)
    together = episodes[2:] == episodes[:-2]
    change = (values[2:] - 2 * values[1:-1] + values[:-2])[together]
    result = np.full(values.shape[1], np.nan)
    moving = _moves(values)
    if len(change):
        result[moving] = (change[:, moving] ** 2).mean(axis=0) / values[:, moving].var(axis=0)
    return result


def mean_or_nan(values: np.ndarray) -> float:
    """Return the mean of what is not NaN; NaN if nothing is left."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _moves(codes: np.ndarray) -> np.ndarray:
    """Return which dimensions vary by more than rounding, bool (D,)."""
    deviation = codes.std(axis=0)
    largest = np.abs(codes).max(initial=0.0)
    return (deviation > STILL * deviation.max(initial=0.0)) & (deviation > STILL * largest)
