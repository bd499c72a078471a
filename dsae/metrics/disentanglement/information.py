"""MIG and modularity: how the information about the factors is spread over the code."""

import numpy as np

from dsae.metrics.disentanglement.discrete import (
    BINS,
    check_arrays,
    discretise,
    entropy,
    mutual_information,
)


def mig(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> float:
    """Return the mutual information gap (Chen et al. 2018), in [0, 1].

    MIG = mean over f of (I(z_(1); v_f) − I(z_(2); v_f)) / H(v_f), where z_(1) and z_(2) are the
    dimensions that know most of the factor. Information is counted over classes (`discretise`),
    as in disentanglement_lib, not in closed form from posteriors, which arrays do not have.
    Factors that do not vary do not count. Codes are (N, D), factors (N, F).
    """
    codes, factors = check_arrays(codes, factors)
    classes = discretise(factors, bins)
    uncertainty = entropy(classes)
    varies = uncertainty > 0
    if not varies.any():
        return 0.0
    information = mutual_information(discretise(codes, bins), classes[:, varies])
    # A code of one dimension has nothing that knows second most.
    ranked = np.sort(np.vstack([information, np.zeros(varies.sum())]), axis=0)
    return float(((ranked[-1] - ranked[-2]) / uncertainty[varies]).mean())


def modularity(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> float:
    """Return the modularity (Ridgeway & Mozer 2018), in [0, 1].

    Mean over d of 1 − Σ_f≠best I(z_d; v_f)² / ((F − 1) max_f I(z_d; v_f)²): 1 if each dimension
    knows of one factor alone, however many dimensions share a factor. A dimension that knows of
    none scores 0, as in disentanglement_lib. Codes are (N, D), factors (N, F).
    """
    codes, factors = check_arrays(codes, factors)
    squares = mutual_information(discretise(codes, bins), discretise(factors, bins)) ** 2
    most = squares.max(axis=1)
    knows = most > 0
    others = max(1, squares.shape[1] - 1)
    scores = np.zeros(len(squares))
    scores[knows] = 1 - (squares[knows].sum(axis=1) - most[knows]) / (others * most[knows])
    return float(scores.mean())
