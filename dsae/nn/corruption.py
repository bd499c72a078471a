"""Corrupted input for denoising autoencoders (Vincent et al. 2010, Section 3.3)."""

from typing import Literal

import torch

Corruption = Literal["none", "gaussian", "masking", "salt_pepper"]


def corrupt(
    images: torch.Tensor, kind: Corruption, level: float, generator: torch.Generator
) -> torch.Tensor:
    """Return float images (B, C, H, W), in [0, 1], after a corruption.

    `gaussian` adds noise of standard deviation `level`; `masking` sets a share `level` of the
    pixels, all channels together, to black; `salt_pepper` sets it to black or white, half each.
    """
    if kind == "none":
        return images
    if kind == "gaussian":
        return images + level * torch.randn(images.shape, generator=generator).to(images)
    chance = torch.rand(images[:, :1].shape, generator=generator).to(images)  # (B, 1, H, W)
    if kind == "masking":
        return images.where(chance >= level, 0.0)
    return images.where(chance >= level, (chance < level / 2).to(images))
