"""How well an encoder draws what it has seen, and what moves in it; needs no ground truth.

    PSNR = −10 log₁₀ MSE  (values in [0, 1], MSE pooled over all images)
    SSIM = (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂))

(Wang et al. 2004; c₁ = 0.01², c₂ = 0.03²; means and sample covariances over windows of 7 × 7 pixels
of equal weight, averaged over the windows that lie within the image, over channels and images:
scikit-image's `structural_similarity` with its defaults.) The small objects that a controller
needs are a few per cent of the pixels, so each figure is also given on the foreground alone.

Every encoder is measured against the frame itself, at its size and with its channels, whatever its
decoder draws: a smaller drawing is enlarged bilinearly, a grey one repeated in every channel. What
a decoder leaves out by drawing small or grey counts as error, and figures of encoders compare.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from dsae.encoder import Encoder, as_float
from dsae.nn.background import BACKGROUND_IMAGES, Background, shrink

CHUNK = 256  # images decoded at once, at most
CHUNK_NUMBERS = 2**22  # colours of pixels held as floats at once, some ten times in SSIM
SSIM_NUMBERS = 25_000_000  # colours of pixels that SSIM is taken of, at most; images evenly spaced
BACKGROUND_NUMBERS = 25_000_000  # colours of pixels that the median is taken of, at most
SSIM_WINDOW = 7  # pixels
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


class Reconstruction(NamedTuple):
    """Errors per pixel and channel of the frames, values in [0, 1].

    What cannot be said is NaN: the foreground's figures without a model of the background or
    without a foreground, SSIM of pictures smaller than its window.
    """

    mse: float
    """Mean squared error of the decoder's images."""
    mean_image_mse: float
    """Of always drawing the training frames' mean: the control, the same for every encoder."""
    psnr: float = math.nan
    """In dB; infinite for a perfect drawing."""
    ssim: float = math.nan
    """Of evenly spaced images where there are many."""
    foreground_mse: float = math.nan
    """On the pixels that differ from the training frames' median."""
    mean_image_foreground_mse: float = math.nan
    foreground_psnr: float = math.nan
    foreground_ssim: float = math.nan
    """Mean of the SSIM map over the windows whose middle is foreground."""
    foreground_share: float = math.nan
    """Of the pixels."""


def fit_background(images: np.ndarray, target: tuple[int, int, int]) -> Background:
    """Return the median of some of the images, uint8 (N, H, W, C), shrunk to `target` (c, h, w)."""
    count = max(1, min(BACKGROUND_IMAGES, BACKGROUND_NUMBERS // math.prod(target)))
    chosen = images[:: -(-len(images) // count)]
    parts = [shrink(as_float(torch.from_numpy(chosen[part])), target) for part in _chunks(chosen)]
    background = Background(*target, learned=False)
    background.fit(torch.cat(parts))
    return background


def mean_image(images: np.ndarray) -> torch.Tensor:
    """Return the mean of images, uint8 (N, H, W, C), as double (C, H, W) in [0, 1]."""
    height, width, channels = images.shape[1:]
    total = torch.zeros(channels, height, width, dtype=torch.float64)
    for part in _chunks(images):
        total += as_float(torch.from_numpy(images[part])).sum(dim=0, dtype=torch.float64)
    return total / len(images)


def enlarge(drawn: torch.Tensor, target: tuple[int, int, int]) -> torch.Tensor:
    """Return drawings (B, c, h, w) at `target` = (C, H, W): bilinearly, grey in each channel."""
    if drawn.shape[-2:] != target[1:]:
        drawn = functional.interpolate(drawn, target[1:], mode="bilinear", align_corners=False)
    return drawn.expand(-1, target[0], -1, -1)


@torch.no_grad()
def reconstruction_error(
    encoder: Encoder,
    images: np.ndarray,
    *,
    train_images: np.ndarray,
    features: np.ndarray | None = None,
    robot: np.ndarray | None = None,
) -> Reconstruction | None:
    """Score images, uint8 (N, H, W, C); None for an encoder that cannot draw.

    `train_images`, uint8 (M, H, W, C), give the mean image, and the background against which the
    foreground is told; `features` (N, D) spare a second encoding, `robot` (N, R) is for an encoder
    whose drawing depends on it.
    """
    height, width, channels = images.shape[1:]
    target = (channels, height, width)
    sums: _Sums | None = None
    for part in _chunks(images):
        chunk = torch.from_numpy(images[part])
        code = encoder.encode(chunk).features if features is None else torch.tensor(features[part])
        beside = () if robot is None else (torch.tensor(robot[part]).float().to(encoder.device),)
        try:
            drawn = encoder.decode(code.to(encoder.device), *beside).cpu()
        except NotImplementedError:
            return None
        if sums is None:
            background = fit_background(train_images, target)
            stride = -(-len(images) * math.prod(target) // SSIM_NUMBERS)
            known = background if background.explains else None
            sums = _Sums(mean_image(train_images), known, stride)
        sums.add(enlarge(drawn, target), as_float(chunk))
    return None if sums is None else sums.result()


def ssim_map(drawn: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """Return SSIM around each pixel whose window lies within images (B, C, h, w) in [0, 1].

    Shape (B, C, h − 6, w − 6); None for images smaller than the window.
    """
    if min(drawn.shape[-2:]) < SSIM_WINDOW:
        return None
    count = SSIM_WINDOW**2

    def mean(values: torch.Tensor) -> torch.Tensor:
        rows = functional.avg_pool2d(values, (SSIM_WINDOW, 1), stride=1)
        return functional.avg_pool2d(rows, (1, SSIM_WINDOW), stride=1)

    # In double precision: a variance as a difference of squares cancels in flat places.
    x, y = drawn.double(), target.double()
    mean_x, mean_y = mean(x), mean(y)
    sample = count / (count - 1)
    variances = sample * (mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2)
    covariance = sample * (mean(x * y) - mean_x * mean_y)
    return ((2 * mean_x * mean_y + SSIM_C1) * (2 * covariance + SSIM_C2)) / (
        (mean_x**2 + mean_y**2 + SSIM_C1) * (variances + SSIM_C2)
    )


class _Sums:
    """Sums over all images so far: the images pass by only once."""

    def __init__(self, mean: torch.Tensor, background: Background | None, ssim_stride: int) -> None:
        self.mean = mean
        self.background = background
        self.ssim_stride = ssim_stride
        self.images = self.front = 0
        self.error = self.blind = self.structure = self.windows = 0.0
        self.front_error = self.front_blind = self.front_structure = self.front_windows = 0.0

    def add(self, drawn: torch.Tensor, target: torch.Tensor) -> None:
        error = (drawn - target).double() ** 2
        blind = (self.mean - target) ** 2
        chosen = slice(-self.images % self.ssim_stride, None, self.ssim_stride)
        self.images += len(drawn)
        self.error += float(error.sum())
        self.blind += float(blind.sum())
        structure = ssim_map(drawn[chosen], target[chosen])
        if structure is not None:
            self.structure += float(structure.sum())
            self.windows += structure.numel()
        if self.background is None:
            return
        mask = self.background.foreground(target)  # (B, 1, H, W)
        self.front += int(mask.sum())
        self.front_error += float((error * mask).sum())
        self.front_blind += float((blind * mask).sum())
        if structure is not None:
            edge = SSIM_WINDOW // 2
            inner = mask[chosen, :, edge:-edge, edge:-edge].expand_as(structure)
            self.front_structure += float((structure * inner).sum())
            self.front_windows += float(inner.sum())

    def result(self) -> Reconstruction:
        channels, height, width = self.mean.shape
        pixels = self.images * height * width
        mse = self.error / (pixels * channels)
        front_mse = _ratio(self.front_error, channels * self.front)
        known = self.background is not None
        return Reconstruction(
            mse=mse,
            mean_image_mse=self.blind / (pixels * channels),
            psnr=_psnr(mse),
            ssim=_ratio(self.structure, self.windows),
            foreground_mse=front_mse,
            mean_image_foreground_mse=_ratio(self.front_blind, channels * self.front),
            foreground_psnr=_psnr(front_mse),
            foreground_ssim=_ratio(self.front_structure, self.front_windows),
            foreground_share=self.front / pixels if known else math.nan,
        )


def _chunks(images: np.ndarray) -> Iterator[slice]:
    size = max(1, min(CHUNK, CHUNK_NUMBERS // math.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        yield slice(start, start + size)


def _ratio(total: float, count: float) -> float:
    return total / count if count else math.nan


def _psnr(mse: float) -> float:
    return -10 * math.log10(mse) if mse else math.inf
