"""Transporter: points at which features moved between frames explain them (Kulkarni et al. 2019).

    Φ(x_s, x_t) = (1 − H(Ψ(x_s))) (1 − H(Ψ(x_t))) Φ(x_s) + H(Ψ(x_t)) Φ(x_t)
    loss = ‖paint(Φ(x_s, x_t)) − x_t‖²

("Unsupervised learning of object keypoints for perception and control".) Ψ are the feature points,
H the union of their Gaussian maps, Φ features of the image, x_s the source and x_t the frame to be
drawn. As published, no gradient flows on the source's side.

Departures beside those of `dsae.keypoints`: a learned background image is added to what is painted,
since without it the points follow less closely; the error is balanced between foreground and
background; and source and target are by default frames of any two windows, where the paper takes
frames up to 20 steps apart of one episode. Our windows are three consecutive frames, in which
nothing shows the points what differs between episodes, such as a goal that is moved.
"""

from dataclasses import dataclass

import torch

from dsae import keypoints
from dsae.encoder import Batch, ImageShape, as_float
from dsae.nn.background import shrink
from dsae.nn.painter import painter
from dsae.nn.transport import transport, union

MOMENTUM = 0.01  # share of a batch in the running mean of the points' features
TINY = 1e-12  # mass of the Gaussian maps below which a place, or a map, counts as empty


@dataclass(frozen=True, kw_only=True)
class Config(keypoints.Config):
    """What a Transporter is made of."""


class Encoder(keypoints.KeypointEncoder):
    """Feature points, features of the image, and a painter of transported features."""

    config: Config
    looks: torch.Tensor

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        features = keypoints.APPEARANCE_CHANNELS
        self.appearance = keypoints.appearance(self.target)
        self.paint = painter(features, self.target)
        self.register_buffer("looks", torch.zeros(config.points, features))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Sketch images, shape (B, *target), from features (B, 2K).

        The method draws the target with the target's own features, which the code does not hold:
        here each point brings the mean of the features that it was on in training, and the median
        image is the source, without points of its own.
        """
        blobs = self.blobs(features.unflatten(1, (-1, 2)))
        source = self.appearance(self.median_source(len(features)))
        share = blobs / blobs.sum(dim=1, keepdim=True).clamp(min=TINY)
        target = torch.einsum("bkhw,kf->bfhw", share, self.looks)
        nowhere = torch.zeros_like(blobs[:, :1])
        return self.draw(source, nowhere, target, union(blobs))

    def draw(
        self,
        source: torch.Tensor,
        source_mask: torch.Tensor,
        target: torch.Tensor,
        target_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Draw images (B, *target) from both frames' features and masks; see `transport`."""
        return self.background(self.paint(transport(source, source_mask, target, target_mask)))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Reconstruction of every frame of the windows (B, 3, H, W, C) from its source."""
        images = as_float(batch.images.flatten(0, 1))
        target = shrink(images, self.target)
        encoding = self.features_of(images)
        assert encoding.points is not None
        blobs = self.blobs(encoding.points)
        features, mask = self.appearance(target), union(blobs)
        if self.training:
            self._remember(features.detach(), blobs.detach())
        source = self.sources(batch)
        drawn = self.draw(features[source].detach(), mask[source].detach(), features, mask)
        error = self.error(drawn, target)
        return {"loss": error, "reconstruction": error, "sigma": self.blobs.log_sigma.exp()}

    def _remember(self, features: torch.Tensor, blobs: torch.Tensor) -> None:
        """Update the running mean of the features at each point (K, F)."""
        share = blobs / blobs.sum(dim=(0, 2, 3), keepdim=True).clamp(min=TINY)
        self.looks.lerp_(torch.einsum("bkhw,bfhw->kf", share, features), MOMENTUM)
