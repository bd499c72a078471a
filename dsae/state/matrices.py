"""Stacks of small matrices, (..., n, n): what a filter of many tracks does to all at once."""

from collections.abc import Callable

import numpy as np


def inverse(matrices: np.ndarray) -> np.ndarray:
    """Return the inverses, in closed form up to 2×2: of a stack numpy takes them one by one."""
    size = matrices.shape[-1]
    if size == 1:
        return 1 / matrices
    if size > 2:
        return np.linalg.inv(matrices)
    inverted = np.empty_like(matrices)
    inverted[..., 0, 0], inverted[..., 1, 1] = matrices[..., 1, 1], matrices[..., 0, 0]
    inverted[..., 0, 1], inverted[..., 1, 0] = -matrices[..., 0, 1], -matrices[..., 1, 0]
    determinant = inverted[..., 0, 0] * inverted[..., 1, 1]
    determinant -= inverted[..., 0, 1] * inverted[..., 1, 0]
    inverted /= determinant[..., None, None]
    return inverted


def apply(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return A v for vectors (..., n)."""
    return (matrices @ vectors[..., None])[..., 0]


def transpose(matrices: np.ndarray) -> np.ndarray:
    """Return Aᵀ."""
    return np.swapaxes(matrices, -1, -2)


def sandwich(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return A M Aᵀ."""
    return outer @ inner @ transpose(outer)


def symmetric(matrices: np.ndarray) -> np.ndarray:
    """Return the symmetric part, ½ (A + Aᵀ)."""
    return 0.5 * (matrices + transpose(matrices))


def kron(weights: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Return weights ⊗ M for each matrix M, (K, d, d) to (K, m·d, m·d)."""
    size = len(weights) * matrices.shape[-1]
    blocks = weights[:, None, :, None] * matrices[:, None, :, None, :]  # (K, m, d, m, d)
    return blocks.reshape(len(matrices), size, size)


def spectral(matrices: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return f(M) of symmetric matrices: the function of their eigenvalues, (..., n)."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * function(values)[..., None, :]) @ transpose(vectors)
