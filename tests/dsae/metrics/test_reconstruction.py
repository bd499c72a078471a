import numpy as np
import pytest
import torch

from dsae.encoder import Batch, Encoder, Encoding
from dsae.metrics.reconstruction import CHUNK, reconstruction_error


class MeanColour(Encoder):
    """Keeps an image's mean colour, and draws it at half size."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__(None, (8, 12, 3))
        self.shift = torch.nn.Parameter(torch.tensor(shift))

    @property
    def feature_size(self) -> int:
        return 3

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(images.mean((2, 3)))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def decode(self, features: torch.Tensor) -> torch.Tensor:
        return (features + self.shift)[:, :, None, None].expand(-1, -1, 4, 6)


class Silent(MeanColour):
    def decode(self, features: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def plain_images(count: int = CHUNK + 10) -> np.ndarray:
    """Images of one colour each, more than are decoded at once."""
    colours = np.random.default_rng(0).integers(0, 200, (count, 1, 1, 3), dtype=np.uint8)
    return np.broadcast_to(colours, (count, 8, 12, 3)).copy()


def test_a_perfect_drawing_has_no_error_and_the_mean_image_has_the_variance() -> None:
    images = plain_images()
    result = reconstruction_error(MeanColour(), images)
    assert result is not None
    assert result.mse == pytest.approx(0, abs=1e-10)
    variance = (images[:, 0, 0] / 255.0).var(axis=0).mean()
    assert result.mean_image_mse == pytest.approx(variance, rel=1e-4)


def test_a_known_error_is_measured() -> None:
    result = reconstruction_error(MeanColour(shift=0.1), plain_images())
    assert result is not None
    assert result.mse == pytest.approx(0.01, rel=1e-4)


def test_an_encoder_that_cannot_draw_has_none() -> None:
    assert reconstruction_error(Silent(), plain_images(3)) is None
