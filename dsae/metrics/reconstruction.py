"""How well an encoder draws what it has seen; needs no ground truth."""

from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import Encoder, as_float
from dsae.nn.background import shrink

CHUNK = 256  # images decoded at once


class Reconstruction(NamedTuple):
    """Mean squared errors per pixel and channel, values in [0, 1], at the decoder's resolution."""

    mse: float
    """Of the decoder's images."""
    mean_image_mse: float
    """Of always drawing the mean image: the control."""


@torch.no_grad()
def reconstruction_error(encoder: Encoder, images: np.ndarray) -> Reconstruction | None:
    """Score images, uint8 (N, H, W, C); None for an encoder that cannot draw."""
    drawn, targets = [], []
    for start in range(0, len(images), CHUNK):
        chunk = torch.from_numpy(images[start : start + CHUNK])
        try:
            drawn.append(encoder.decode(encoder.encode(chunk).features).cpu())
        except NotImplementedError:
            return None
        _, channels, height, width = drawn[-1].shape
        targets.append(shrink(as_float(chunk), (channels, height, width)))
    picture, target = torch.cat(drawn), torch.cat(targets)
    return Reconstruction(
        float(((picture - target) ** 2).mean()),
        float(((target - target.mean(dim=0)) ** 2).mean()),
    )
