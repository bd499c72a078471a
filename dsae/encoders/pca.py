"""Principal component analysis of the pixels: the best linear code under the squared error.

    z = W (x − x̄),   x̂ = x̄ + Wᵀ z,   the rows of W the eigenvectors of largest variance

(Pearson 1901; incremental as in Ross et al. 2008, by scikit-learn.) It is ready after one pass
over the data. Sampling draws z ~ N(0, variances): probabilistic PCA (Tipping & Bishop 1999) without
the noise of its pixels.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import Data, ImageShape
from dsae.ranges import check_ranges
from dsae.ready import LinearEncoder

IMAGES = 5_000  # that the components are taken of, at most, spread over the data
CHUNK = 128  # images at once; the time for a pass grows with it, the error falls a little
FLAT = 1e-7  # components of less than this share of the largest variance are rounding
ROUNDING = 1e-9  # variance of what is no change: one pixel's smallest step in 5,000 images is more


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many components, and their scale."""

    code: int = 32
    """Number D of components; where the data has fewer, the other features are zero."""
    whiten: bool = False
    """Scale every component to variance 1."""

    def __post_init__(self) -> None:
        check_ranges(self, code=(1, math.inf))


class Principal(NamedTuple):
    """The k components of largest variance of vectors of P numbers."""

    mean: np.ndarray
    """(P,)"""
    components: np.ndarray
    """Orthonormal rows, (k, P)."""
    variance: np.ndarray
    """(k,)"""
    share: np.ndarray
    """Of the data's whole variance, (k,)."""


class Encoder(LinearEncoder):
    """The scores of the principal components."""

    config: Config
    variance: torch.Tensor
    variance_share: torch.Tensor

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        self.register_buffer("variance", torch.zeros(config.code))
        self.register_buffer("variance_share", torch.zeros(config.code))

    @torch.no_grad()
    def prepare(self, data: Data) -> None:
        """Find the components in one pass over the data."""
        size = max(CHUNK, self.config.code)
        mean, components, variance, share = principal(
            self.chunks(data, size, IMAGES), self.config.code
        )
        rank = len(components)
        scale = np.sqrt(variance)[:, None] if self.config.whiten else 1.0
        self.mean.copy_(torch.from_numpy(mean))
        for buffer, values in (
            (self.analysis, components / scale),
            (self.synthesis, components * scale),
            (self.variance, variance),
            (self.variance_share, share),
        ):
            buffer.zero_()[:rank] = torch.from_numpy(values)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw images (count, C, h, w) of codes from the Gaussian of the components' variances."""
        codes = torch.randn(count, self.config.code, generator=generator).to(self.device)
        return self.decode(codes if self.config.whiten else codes * self.variance.sqrt())


def principal(chunks: Iterable[torch.Tensor], count: int) -> Principal:
    """Return at most `count` components of vectors that come in chunks (n, P), n ≥ `count`.

    A first chunk of fewer vectors than `count` lowers it, as do vectors that vary in fewer
    directions.
    """
    from sklearn.decomposition import IncrementalPCA

    model = None
    for chunk in chunks:
        model = model or IncrementalPCA(min(count, *chunk.shape))
        with np.errstate(divide="ignore", invalid="ignore"):  # of images that are all equal
            model.partial_fit(chunk.numpy(), check_input=False)
    assert model is not None, "no images"
    largest = model.explained_variance_[0]
    rank = int((model.explained_variance_ > max(FLAT * largest, ROUNDING)).sum())
    return Principal(
        model.mean_,
        model.components_[:rank],
        model.explained_variance_[:rank],
        model.explained_variance_ratio_[:rank],
    )
