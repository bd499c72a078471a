"""Independent component analysis of the pixels: a linear code whose dimensions are independent.

    z = U P (x − x̄),   P the first D principal components, U found by FastICA

(Hyvärinen & Oja 2000; by scikit-learn.) Pixels are reduced to their D principal components first,
as is usual: FastICA itself then works with D numbers an image, whatever the image's size. The
sources have variance 1; their order and signs mean nothing and follow from the seed.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from dsae.encoder import Data, ImageShape
from dsae.encoders import pca
from dsae.ranges import check_ranges
from dsae.ready import LinearEncoder


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many sources, and how long to look for them."""

    code: int = 32
    """Number D of sources; where the data has fewer, the other features are zero."""
    iterations: int = 1000
    """FastICA's iterations at most."""

    def __post_init__(self) -> None:
        check_ranges(self, code=(1, math.inf), iterations=(1, math.inf))


class Encoder(LinearEncoder):
    """The independent sources."""

    config: Config
    start: torch.Tensor
    converged: torch.Tensor

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        # FastICA begins here: drawn with the encoder, so that its seed decides.
        self.register_buffer("start", torch.randn(config.code, config.code))
        self.register_buffer("converged", torch.tensor(False))

    @torch.no_grad()
    def prepare(self, data: Data) -> None:
        """Find the principal components in one pass, and the sources among them in another."""
        size = max(pca.CHUNK, self.config.code)
        mean, components, _, _ = pca.principal(
            self.chunks(data, size, pca.IMAGES), self.config.code
        )
        rank = len(components)
        self.mean.copy_(torch.from_numpy(mean))
        self.analysis.zero_()
        self.synthesis.zero_()
        self.converged.fill_(True)
        if rank == 0:  # all images are equal
            return
        chunks = self.chunks(data, size, pca.IMAGES)
        scores = np.concatenate([(chunk.numpy() - mean) @ components.T for chunk in chunks])
        separated, mixing, converged = self._separate(scores)
        self.mean += torch.from_numpy(scores.mean(axis=0) @ components)
        self.analysis[:rank] = torch.from_numpy(separated @ components)
        self.synthesis[:rank] = torch.from_numpy(mixing.T @ components)
        self.converged.fill_(converged)

    def _separate(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return U (k, k), its inverse, and whether FastICA converged, for scores (N, k)."""
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        rank = scores.shape[1]
        start = self.start[:rank, :rank].cpu().double().numpy()
        model = FastICA(whiten="unit-variance", w_init=start, max_iter=self.config.iterations)
        with warnings.catch_warnings():
            # Told by `converged`: sources that are nearly Gaussian have no best separation.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scores.astype(np.float64))
        return model.components_, model.mixing_, model.n_iter_ < self.config.iterations
