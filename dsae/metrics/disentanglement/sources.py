"""Where the metrics that hold a factor fixed get their codes from: a generator or arrays."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import numpy as np

from dsae.metrics.disentanglement.discrete import check_arrays, discretise, halves


class Source(Protocol):
    """Draws codes of observations whose factors of variation are known."""

    @property
    def factor_count(self) -> int:
        """F, the number of factors."""

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return codes (count, D) of independent observations."""

    def sharing(self, rng: np.random.Generator, factor: int, groups: int, size: int) -> np.ndarray:
        """Return codes (groups, size, D); within a group one factor is shared, the rest is free."""


class Generated:
    """Observations made on demand, for a data set whose every combination of factors exists.

    `encode` maps factors, int (N, F), each below its size, to codes (N, D).
    """

    def __init__(
        self, factor_sizes: Sequence[int], encode: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._sizes = np.array(factor_sizes)
        self._encode = encode

    @property
    def factor_count(self) -> int:
        """F, the number of factors."""
        return len(self._sizes)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return codes (count, D) of observations with uniform, independent factors."""
        return self._encode(rng.integers(self._sizes, size=(count, len(self._sizes))))

    def sharing(self, rng: np.random.Generator, factor: int, groups: int, size: int) -> np.ndarray:
        """Return codes (groups, size, D) of observations that share `factor` within a group."""
        factors = rng.integers(self._sizes, size=(groups, size, len(self._sizes)))
        factors[..., factor] = factors[:, :1, factor]
        return self._encode(factors.reshape(groups * size, -1)).reshape(groups, size, -1)


class Recorded:
    """Observations that were recorded: codes (N, D) and, beside them, factors (N, F).

    Those that share a factor are found among the rows; where a factor has too many values, the
    same quantile counts as the same value (`discretise`). The other factors of rows that share
    one are as free as the data is.

    Raises DsaeError if the arrays do not fit together.
    """

    def __init__(self, codes: np.ndarray, factors: np.ndarray) -> None:
        self.codes, self.factors = check_arrays(codes, factors)
        classes = discretise(self.factors)
        self._order = np.argsort(classes, axis=0, kind="stable")  # (N, F) rows, class by class
        self._rank = np.argsort(self._order, axis=0, kind="stable")  # (N, F) a row's place there
        counts = [np.bincount(column) for column in classes.T]
        # (N, F): where a row's class begins in the order, and how many rows it has.
        self._first = np.stack(
            [(np.cumsum(c) - c)[column] for c, column in zip(counts, classes.T, strict=True)], 1
        )
        self._count = np.stack([c[column] for c, column in zip(counts, classes.T, strict=True)], 1)
        # For each factor, the rows that share their value with another one; all if none does.
        shared = [np.flatnonzero(count > 1) for count in self._count.T]
        self._leaders = [rows if len(rows) else np.arange(len(codes)) for rows in shared]

    @property
    def factor_count(self) -> int:
        """F, the number of factors."""
        return self.factors.shape[1]

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return codes (count, D) of random rows."""
        return self.codes[rng.integers(len(self.codes), size=count)]

    def sharing(self, rng: np.random.Generator, factor: int, groups: int, size: int) -> np.ndarray:
        """Return codes (groups, size, D): a random row, then others with its value of `factor`."""
        first, count = self._first[:, factor], self._count[:, factor]
        leaders = rng.choice(self._leaders[factor], groups)
        first, count = first[leaders, None], count[leaders, None]  # (groups, 1)
        # Steps from the leader, all around the rows of its class, that never end at itself.
        steps = 1 + np.floor(rng.random((groups, size)) * (count - 1)).astype(np.int64)
        steps[:, 0] = 0
        places = (self._rank[leaders, factor, None] - first + steps) % count
        return self.codes[self._order[first + places, factor]]

    def halves(
        self, rng: np.random.Generator, fitted: np.ndarray | None = None
    ) -> tuple[Self, Self]:
        """Return two sources that share no row: random halves, or what is `fitted` and what not.

        See `discrete.halves`.
        """
        parts = halves(len(self.codes), rng, fitted)
        one, other = (type(self)(self.codes[part], self.factors[part]) for part in parts)
        return one, other
