"""What encoders that are ready after `prepare` share; of linear ones also the two maps."""

from collections.abc import Iterator
from typing import Any

import torch

from dsae.encoder import Batch, Data, Encoder, Encoding, ImageShape, as_float
from dsae.nn.background import shrink

# (pixels) Images of a longer shorter side are averaged down: 64×64×3 makes vectors of 12,288
# numbers, and 32 components of them 1.6 MB; at 240×240 both time and memory would be 14 times that.
LARGEST_SIDE = 64


class ReadyEncoder(Encoder):
    """An encoder without training steps."""

    learns = False

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Refuse: there is nothing to improve step by step."""
        raise NotImplementedError(f"{type(self).__module__} is ready after `prepare`: no loss")


class LinearEncoder(ReadyEncoder):
    """An affine code of the image's pixels, and the affine drawing of a code.

        z = A (x − m),   x̂ = m + Sᵀ z

    x is the image as a vector of P numbers, averaged down where its shorter side is longer than
    `LARGEST_SIDE`. A subclass's `prepare` fills m (P,), A (D, P) and S (D, P); dimensions that the
    data cannot fill are zero.
    """

    config: Any
    mean: torch.Tensor
    analysis: torch.Tensor
    synthesis: torch.Tensor

    def __init__(self, config: Any, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        scale = -(-min(height, width) // LARGEST_SIDE)
        self.target = (channels, height // scale, width // scale)
        size = channels * self.target[1] * self.target[2]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("analysis", torch.zeros(config.code, size))
        self.register_buffer("synthesis", torch.zeros(config.code, size))

    @property
    def feature_size(self) -> int:
        """D, the length of the code."""
        return self.config.code

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        return Encoding((self.vectors(images) - self.mean) @ self.analysis.T)

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images, shape (B, C, h, w), from codes (B, D); values may leave [0, 1]."""
        return (self.mean + features @ self.synthesis).unflatten(1, self.target)

    def vectors(self, images: torch.Tensor) -> torch.Tensor:
        """Return float images (B, C, H, W) as vectors (B, P)."""
        return shrink(images, self.target).flatten(1)

    def chunks(self, data: Data, size: int, limit: int) -> Iterator[torch.Tensor]:
        """Go through the data as vectors (n, P) on the CPU, n ≥ `size` where there are so many.

        At most `limit` images, spread over all; each chunk is spread over all of them as well, so
        that none shows a single episode.
        """
        images = data.images[:: -(-len(data.images) // limit)]
        count = max(1, len(images) // size)
        for index in range(count):
            yield self.vectors(as_float(torch.from_numpy(images[index::count].copy())))
