"""KeyNet: points that say where the things of one frame are in another (Jakab et al. 2018).

    Î = paint(Φ(I'), g(f(I))),   loss = ‖Î − I‖²

("Unsupervised learning of object landmarks through conditional image generation".) f(I) are the
feature points of the frame to be drawn, g their Gaussian maps, Φ(I') the appearance of the source.

Departures beside those of `dsae.keypoints`: a learned background image is added to what is painted,
since without it the painter learns the static scene first and the points come late; the
error is a squared one, balanced between foreground and background, not the distance in the features
of a pretrained VGG network; and source and target are by default frames of any two windows, where
the paper pairs frames of one video. Our windows are three consecutive frames, in which little
moves: a copy of the source is nearly right, and an object that mostly lies still is not found.
"""

from dataclasses import dataclass

import torch

from dsae import keypoints
from dsae.encoder import Batch, ImageShape, as_float
from dsae.nn.background import shrink
from dsae.nn.painter import painter


@dataclass(frozen=True, kw_only=True)
class Config(keypoints.Config):
    """What KeyNet is made of."""


class Encoder(keypoints.KeypointEncoder):
    """Feature points, and a painter that gets them and another frame's appearance."""

    config: Config

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        self.appearance = keypoints.appearance(self.target)
        self.paint = painter(keypoints.APPEARANCE_CHANNELS + config.points, self.target)

    def draw(self, points: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Draw images (B, *target) from points (B, K, 2) and sources (B, *target)."""
        maps = torch.cat([self.appearance(source), self.blobs(points)], dim=1)
        return self.background(self.paint(maps))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images, shape (B, *target), from features (B, 2K), the median being the source."""
        return self.draw(features.unflatten(1, (-1, 2)), self.median_source(len(features)))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Reconstruction of every frame of the windows (B, 3, H, W, C) from its source."""
        images = as_float(batch.images.flatten(0, 1))
        target = shrink(images, self.target)
        encoding = self.features_of(images)
        assert encoding.points is not None
        error = self.error(self.draw(encoding.points, target[self.sources(batch)]), target)
        return {"loss": error, "reconstruction": error, "sigma": self.blobs.log_sigma.exp()}
