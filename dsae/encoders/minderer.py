"""Keypoints with an intensity, on trajectories of their own (Minderer et al. 2019).

    R = softplus(trunk(I)),   x_k = Σ_ij R_kij u_ij / Σ_ij R_kij,   μ_k = mean_ij R_kij
    Î = I' + paint(μ g(x), Φ(I'), μ' g(x')),   loss = ‖Î − I‖² + λ_sep L_sep + λ_sparse L_sparse

("Unsupervised learning of object structure and dynamics from videos", its keypoint detector; the
variational recurrent network that predicts keypoints is no part of an encoder.) u_ij is the place
of a map's cell, g are Gaussian maps, Φ(I') is the appearance of the source, marked ′.
L_sep and L_sparse are `losses.separation` and `losses.sparsity`.

Departures beside those of `dsae.keypoints`: the source is by default a frame of any other window,
where the paper takes the first frame of a longer sequence; the trajectories that are to
differ run through all frames of the batch, since over our three consecutive frames nothing moves
far enough to tell two trajectories apart; the error is balanced between foreground and background;
and the trunk gets no extra channels with its cells' coordinates.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from dsae import keypoints, losses
from dsae.encoder import Batch, Encoding, ImageShape, as_float
from dsae.nn.background import shrink
from dsae.nn.painter import painter
from dsae.ranges import check_ranges

EPSILON = 1e-6  # of activations: keeps a map whose activations vanish defined


@dataclass(frozen=True, kw_only=True)
class Config(keypoints.Config):
    """What this keypoint detector is made of.

    The released code weighs the losses 10 and 5 against an error summed over 64×64 pixels and
    halved; ours is a mean, for which about the same balance is 0.002 and 0.001.
    """

    background: bool = False
    """Add a learned background image also; as published, only the source is added."""
    separation: float = 0.002
    """Weight λ_sep of the separation loss."""
    separation_sigma: float = 0.1
    """σ of the separation loss: how far apart trajectories count as different."""
    trajectories: Literal["batch", "window"] = "batch"
    """Whether trajectories run through all frames of the batch, or through each window's."""
    sparsity: float = 0.001
    """Weight λ_sparse of the sparsity loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            separation=(0, math.inf),
            separation_sigma=(1e-6, math.inf),
            sparsity=(0, math.inf),
        )


class Encoder(keypoints.KeypointEncoder):
    """Feature points with intensities, and a painter that gets them and another frame."""

    config: Config

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        self.softmax.log_temperature.requires_grad_(False)
        self.appearance = keypoints.appearance(self.target)
        self.paint = painter(keypoints.APPEARANCE_CHANNELS + 2 * config.points, self.target)

    @property
    def feature_size(self) -> int:
        """3K numbers: x₁ y₁ x₂ y₂ …, then the intensities μ₁ μ₂ …, the highest of which is 1."""
        return 3 * self.config.points

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        return self.detect(images)[0]

    def detect(self, images: torch.Tensor) -> tuple[Encoding, torch.Tensor]:
        """Encode float images (B, C, H, W); return the intensities (B, K) before scaling too.

        As in the released code, an image's intensities are divided by the highest of them, since
        the trunk could shrink what the painter enlarges.
        """
        activations = functional.softplus(self.trunk(images)) + EPSILON
        points, maps = self.softmax(activations.log())  # softmax(log R) = R / Σ R
        raw = activations.mean(dim=(-2, -1))  # (B, K)
        intensities = raw / raw.amax(dim=1, keepdim=True)
        return Encoding(torch.cat([points.flatten(1), intensities], dim=1), points, maps), raw

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images, shape (B, *target), from features (B, 3K).

        The source is the median image, with no points of its own.
        """
        blobs = self.scaled_blobs(features)
        return self.draw(blobs, self.median_source(len(features)), torch.zeros_like(blobs))

    def draw(
        self, blobs: torch.Tensor, source: torch.Tensor, source_blobs: torch.Tensor
    ) -> torch.Tensor:
        """Draw images (B, *target) from both frames' maps and the sources (B, *target)."""
        maps = torch.cat([self.appearance(source), blobs, source_blobs], dim=1)
        return self.background(source + self.paint(maps))

    def scaled_blobs(self, features: torch.Tensor) -> torch.Tensor:
        """Return Gaussian maps (B, K, h, w), scaled by the intensities, of features (B, 3K)."""
        flat, intensities = features.split([2 * self.config.points, self.config.points], dim=1)
        return self.blobs(flat.unflatten(1, (-1, 2))) * intensities[..., None, None]

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Reconstruction of every frame of the windows (B, 3, H, W, C), separation, sparsity."""
        images = as_float(batch.images.flatten(0, 1))
        target = shrink(images, self.target)
        encoding, raw = self.detect(images)
        assert encoding.points is not None
        blobs, source = self.scaled_blobs(encoding.features), self.sources(batch)
        error = self.error(self.draw(blobs, target[source], blobs[source]), target)
        whole = self.config.trajectories == "batch"
        steps = (1, -1) if whole else batch.images.shape[:2]
        separation = losses.separation(
            encoding.points.unflatten(0, steps), self.config.separation_sigma
        )
        sparsity = losses.sparsity(raw)
        return {
            "loss": error + self.config.separation * separation + self.config.sparsity * sparsity,
            "reconstruction": error,
            "separation": separation,
            "sparsity": sparsity,
            "sigma": self.blobs.log_sigma.exp(),
        }
