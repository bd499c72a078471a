"""SAP and DCI: how well, and from how many dimensions, each factor is predicted."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from dsae.metrics.disentanglement.discrete import check_arrays, halves, varies

TREES = 10  # of a forest
LEAF = 10  # rows at least in a leaf: fewer, and trees fit noise with dimensions that know nothing


class DCI(NamedTuple):
    """What a code's dimensions are worth for predicting factors; each in [0, 1]."""

    disentanglement: float
    """1 if each dimension is of use for one factor alone."""
    completeness: float
    """1 if for each factor one dimension alone is of use."""
    informativeness: float
    """How well held-out factors are predicted: 0 for a guess, 1 for exact."""


def sap(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    categorical: Collection[int] = (),
    seed: int = 0,
    fitted: np.ndarray | None = None,
) -> float:
    """Return the separated attribute predictability (Kumar et al. 2018), in [0, 1].

    SAP = mean over f of S_(1)f − S_(2)f, the gap between the two dimensions that alone predict
    factor f best. S is R² of a linear regression for a factor with an order; for the columns in
    `categorical` it is the balanced accuracy, on held-out rows, of thresholds on the dimension
    (one for each class but one, found by a decision tree). Factors that do not vary do not count.
    Codes are (N, D), factors (N, F). `fitted`, bool (N,), says which rows are learned from (see
    `halves`); R² is then that of the others alone.
    """
    codes, factors = check_arrays(codes, factors)
    train, test = halves(len(codes), np.random.default_rng(seed), fitted)
    scored = slice(None) if fitted is None else test
    gaps = []
    for f in np.flatnonzero(varies(factors[train]) & varies(factors[test])):
        values = factors[:, f]
        if f in categorical:
            scores = [_thresholds(column, values, train, test, seed) for column in codes.T]
            worst = 1 / len(np.unique(values))
        else:
            scores, worst = list(_squared_correlations(codes[scored], values[scored])), 0.0
        # A code of one dimension is compared with a guess.
        first, second = sorted([*scores, worst], reverse=True)[:2]
        gaps.append(first - second)
    return float(np.mean(gaps)) if gaps else 0.0


def dci(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    categorical: Collection[int] = (),
    seed: int = 0,
    fitted: np.ndarray | None = None,
) -> DCI:
    """Return disentanglement, completeness and informativeness (Eastwood & Williams 2018).

    R_df is the importance of dimension d in predicting factor f, each factor's summing to 1.
    D = Σ_d ρ_d (1 − H_F(R_d· / Σ_f R_df)) with ρ_d = Σ_f R_df / Σ R, and
    C = mean over f of 1 − H_D(R_·f); entropies to the base F and D, factors without any use of
    the code counting 0. The predictors are random forests of 10 trees, one of the paper's two
    kinds (disentanglement_lib's boosted trees take a hundred times as long for factors of many
    values): a classifier for the columns in `categorical`, otherwise a regression. The rows of
    `fitted`, bool (N,), train them, without it a random half (see `halves`). Informativeness is
    R², for classes (accuracy − guess) / (1 − guess).
    Factors that do not vary do not count. Codes are (N, D), factors (N, F).
    """
    codes, factors = check_arrays(codes, factors)
    train, test = halves(len(codes), np.random.default_rng(seed), fitted)
    varying = np.flatnonzero(varies(factors[train]) & varies(factors[test]))
    if not varying.size:
        return DCI(0.0, 0.0, 0.0)
    # Of unit variance: trees ignore splits below an absolute width.
    scale = np.where(varies(codes), codes.std(axis=0), np.inf)
    codes = (codes - codes.mean(axis=0)) / scale
    importances, scores = [], []
    for f in varying:
        importance, score = _forest(codes, factors[:, f], f in categorical, train, test, seed)
        importances.append(importance)
        scores.append(score)
    matrix = np.array(importances).T  # (D, F)
    total = matrix.sum()
    disentanglement = 0.0
    if total > 0:
        shares = matrix.sum(axis=1) / total
        disentanglement = float(shares @ _concentration(matrix))
    return DCI(disentanglement, float(_concentration(matrix.T).mean()), float(np.mean(scores)))


def _concentration(matrix: np.ndarray) -> np.ndarray:
    """Return 1 − the entropy of each row, to the base of its length; 0 for a row of zeros."""
    sums = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    base = np.log(matrix.shape[1]) if matrix.shape[1] > 1 else 1.0
    return np.where(sums[:, 0] > 0, 1 + (shares * logs).sum(axis=1) / base, 0.0)


def _forest(
    codes: np.ndarray,
    values: np.ndarray,
    categorical: bool,
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Return each dimension's importance (D,) for one factor, and how well that is predicted."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    settings = {"n_estimators": TREES, "min_samples_leaf": LEAF, "random_state": seed}
    if categorical:
        model = RandomForestClassifier(**settings, max_features=None)
        accuracy = (
            model.fit(codes[train], values[train]).predict(codes[test]) == values[test]
        ).mean()
        found, counts = np.unique(values[train], return_counts=True)
        guess = (values[test] == found[counts.argmax()]).mean()
        score = (accuracy - guess) / (1 - guess) if guess < 1 else 0.0
    else:
        model = RandomForestRegressor(**settings, max_features=None)
        predicted = model.fit(codes[train], values[train]).predict(codes[test])
        score = 1 - ((predicted - values[test]) ** 2).mean() / values[test].var()
    return model.feature_importances_, float(np.clip(score, 0, 1))


def _thresholds(
    column: np.ndarray, values: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int
) -> float:
    """Return the balanced accuracy of telling classes apart by thresholds on one dimension."""
    from sklearn.tree import DecisionTreeClassifier

    found = np.unique(values)
    model = DecisionTreeClassifier(
        max_leaf_nodes=max(2, len(found)), class_weight="balanced", random_state=seed
    )
    predicted = model.fit(column[train, None], values[train]).predict(column[test, None])
    right = predicted == values[test]
    return float(np.mean([right[values[test] == v].mean() for v in np.unique(values[test])]))


def _squared_correlations(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return R² of a linear regression of the values on each dimension alone, shape (D,)."""
    active = varies(codes)
    codes, values = codes[:, active], values - values.mean()
    codes = codes - codes.mean(axis=0)
    found = np.zeros(len(active))
    found[active] = (values @ codes) ** 2 / ((codes**2).sum(axis=0) * (values @ values))
    return found
