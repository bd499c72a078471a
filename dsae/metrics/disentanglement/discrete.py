"""Codes and factors as classes, and how much one says about the other."""

import numpy as np

from dsae.errors import DsaeError

BINS = 20  # of equal counts, for a column with many values
MAX_VALUES = 50  # more distinct values than this are many
ROWS = 100  # for each value; with fewer, chance alone looks like information
ROUNDING = 1e-12  # a standard deviation below this share of the root mean square is none


def check_arrays(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (N, D) and factors (N, F), both float64.

    Raises DsaeError unless both have two axes, the same N ≥ 2, a column and finite values alone.
    """
    codes, factors = np.asarray(codes), np.asarray(factors)
    shapes = f"codes (N, D) and factors (N, F) of the same N, got {codes.shape}, {factors.shape}"
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors):
        raise DsaeError(f"a disentanglement metric needs {shapes}")
    if len(codes) < 2 or not codes.shape[1] or not factors.shape[1]:
        raise DsaeError(
            f"a disentanglement metric needs two rows and one column at least: {shapes}"
        )
    codes, factors = codes.astype(np.float64), factors.astype(np.float64)
    if not (np.isfinite(codes).all() and np.isfinite(factors).all()):
        raise DsaeError("a disentanglement metric needs finite codes and factors")
    return codes, factors


def halves(
    rows: int, rng: np.random.Generator, fitted: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to learn from and of those to score, none in both.

    `fitted`, bool (N,), names the former. Without it they are a random half, which is fair for
    independent rows only: of neighbouring frames of a video one would fall in each half, and what
    was learned by heart would pass for knowledge. There, give the frames of some episodes.

    Raises DsaeError for a `fitted` of another shape, or without both kinds of rows.
    """
    if fitted is None:
        order = rng.permutation(rows)
        return order[: rows // 2], order[rows // 2 :]
    fitted = np.asarray(fitted)
    if fitted.shape != (rows,) or fitted.dtype != bool or fitted.all() or not fitted.any():
        raise DsaeError(
            f"a disentanglement metric learns from some of the {rows} rows and scores the others: "
            f"`fitted` is bool ({rows},) with both, got {fitted.dtype} {fitted.shape}"
        )
    return np.flatnonzero(fitted), np.flatnonzero(~fitted)


def varies(values: np.ndarray) -> np.ndarray:
    """Tell which columns of values (N, D) vary by more than rounding, bool (D,)."""
    size = np.sqrt((values.astype(np.float64) ** 2).mean(axis=0))
    return values.std(axis=0, dtype=np.float64) > ROUNDING * size


def discretise(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the class, int (N, D) counted from 0, of each value (N, D) within its column.

    A column that does not vary is one class, and one with few distinct values keeps them. One
    with many is cut into `bins` quantiles; a
    class then holds the same number of rows after any monotone map of the column, and an outlier
    empties none (disentanglement_lib cuts codes into bins of equal width).
    """
    classes = np.zeros(values.shape, np.int64)
    limit = max(bins, min(MAX_VALUES, len(values) // ROWS))
    for i in np.flatnonzero(varies(values)):
        column = values[:, i]
        edges = np.unique(column)
        if len(edges) > limit:
            edges = np.unique(np.quantile(column, np.arange(1, bins) / bins))
        classes[:, i] = np.unique(np.searchsorted(edges, column), return_inverse=True)[1]
    return classes


def mutual_information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return I(z_d; v_f) = Σ p(z, v) log(p(z, v) / p(z) p(v)) in nats, shape (D, F).

    Both are classes, as of `discretise`: (N, D) and (N, F).
    """
    sizes = codes.max(axis=0) + 1, factors.max(axis=0) + 1
    information = np.zeros((codes.shape[1], factors.shape[1]))
    for d, f in np.argwhere(np.minimum.outer(*sizes) > 1):
        cells = sizes[0][d], sizes[1][f]
        counts = np.bincount(codes[:, d] * cells[1] + factors[:, f], minlength=cells[0] * cells[1])
        joint = counts.reshape(cells) / len(codes)
        independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        seen = joint > 0
        information[d, f] = (joint[seen] * np.log(joint[seen] / independent[seen])).sum()
    return information.clip(min=0)


def entropy(classes: np.ndarray) -> np.ndarray:
    """Return the entropy of each column of classes (N, F), in nats, shape (F,)."""
    shares = [np.bincount(column) / len(column) for column in classes.T]
    return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in shares])
