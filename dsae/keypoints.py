"""What the keypoint encoders that learn from pairs of frames share.

Of the frame that is to be drawn only the feature points are known; how the scene looks comes from
another frame, its source. So the points need not say what things are, and must say where they are.

All share, as departures from their papers, what `dsae` is made of, so that a comparison shows the
principles and not the networks: its light trunk; a softmax over the whole map, where Jakab et al.
and Kulkarni et al. take one along each axis of the map's mean; Gaussian maps whose σ is trained
instead of fixed; and pictures drawn, and sources looked at, at the size of the softmax maps.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from dsae.encoder import Batch, ImageShape
from dsae.nn.background import Background
from dsae.nn.gaussian_maps import GaussianMaps
from dsae.nn.painter import Target, map_size
from dsae.nn.spatial_softmax import SpatialSoftmax
from dsae.nn.trunks import Layer, Trunk, light_layers
from dsae.ranges import check_ranges
from dsae.spatial import SpatialEncoder

Pairs = Literal["batch", "window"]

APPEARANCE_CHANNELS = 16  # features that say how a place of the source looks


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every keypoint encoder of this kind is made of."""

    points: int = 16
    """Number K of feature points."""
    pairs: Pairs = "batch"
    """Where a frame's source comes from: another window of the batch, or its own (`sources`).

    `batch` needs scenes of one fixed camera; without them (`Background.fault`) it is `window`.
    """
    background: bool = True
    """Add a learned background image, begun at the images' median, to what is drawn."""
    foreground_weight: float = 0.7
    """w of the foreground-balanced error; 0 is the plain squared error."""
    sigma: float = 0.1
    """First value of the Gaussian maps' σ, in the units of the points."""

    def __post_init__(self) -> None:
        check_ranges(self, points=(1, math.inf), foreground_weight=(0, 1), sigma=(1e-6, math.inf))


class KeypointEncoder(SpatialEncoder):
    """The trunk, softmax and Gaussian maps, the background and the pairing of frames."""

    config: Any

    def __init__(self, config: Config, image_shape: ImageShape) -> None:
        super().__init__(config, image_shape)
        height, width, channels = image_shape
        layers = light_layers(config.points, image_shape)
        stride = math.prod(layer.stride for layer in layers)
        self.target = (channels, height // stride, width // stride)
        self.trunk = Trunk(layers, image_shape, norm_last=False, bias=True)
        self.softmax = SpatialSoftmax(self.trunk.grid)
        self.blobs = GaussianMaps(*map_size(self.target), config.sigma)
        self.background = Background(*self.target, learned=config.background)

    def sources(self, batch: Batch) -> torch.Tensor:
        """Return the number of each frame's source, (B·L,), in a batch of windows (B, L, …)."""
        pairs: Pairs = "window" if self.background.fault else self.config.pairs
        windows, length = batch.images.shape[:2]
        return sources(windows, length, pairs).to(self.device)

    def median_source(self, count: int) -> torch.Tensor:
        """Return the median image `count` times: what stands in for a source where none is."""
        return self.background.median.expand(count, -1, -1, -1)

    def error(self, drawn: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the foreground-balanced squared error of images (B, *target)."""
        return self.background.error(drawn, target, self.config.foreground_weight)


def appearance(target: Target) -> Trunk:
    """Return a network from images (B, *target) to features (B, 16, *map_size(target))."""
    layers = Layer(3, 1, 1, APPEARANCE_CHANNELS), Layer(3, 2, 1, APPEARANCE_CHANNELS)
    channels, height, width = target
    return Trunk(layers, (height, width, channels), norm_last=True, bias=False)


def sources(windows: int, length: int, pairs: Pairs) -> torch.Tensor:
    """Return for each frame the number of the frame that it is drawn from, (windows · length,).

    Frames are numbered through the windows. `window`: the end of the frame's own window that is
    further away. `batch`: the following frame of the next window, which is of any episode.
    No frame is its own source unless it is the only one.
    """
    window, frame = torch.meshgrid(torch.arange(windows), torch.arange(length), indexing="ij")
    if pairs == "window":
        other = torch.where(2 * frame < length - 1, length - 1, 0)
    else:
        window, other = (window + 1) % windows, (frame + 1) % length
    return (window * length + other).flatten()
