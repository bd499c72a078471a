"""How well an encoder draws what it has seen, and what moves in it; needs no ground truth.

    PSNR = −10 log₁₀ MSE  (values in [0, 1], MSE pooled over all images)
    SSIM = (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂))

(Wang et al. 2004; c₁ = 0.01², c₂ = 0.03²; means and sample covariances over windows of 7 × 7 pixels
of equal weight, averaged over the windows that lie within the image, over channels and images:
scikit-image's `structural_similarity` with its defaults.) The small objects that a controller
needs are a few per cent of the pixels, so each figure is also given on the foreground alone.
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
    """Errors per pixel and channel, values in [0, 1], at the decoder's resolution.

    What cannot be said is NaN: the foreground's figures without a model of the background or
    without a foreground, SSIM of pictures smaller than its window.
    """

    mse: float
    """Mean squared error of the decoder's images."""
    mean_image_mse: float
    """Of always drawing the mean image: the control."""
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


@torch.no_grad()
def reconstruction_error(
    encoder: Encoder,
    images: np.ndarray,
    *,
    train_images: np.ndarray | None = None,
    features: np.ndarray | None = None,
    robot: np.ndarray | None = None,
) -> Reconstruction | None:
    """Score images, uint8 (N, H, W, C); None for an encoder that cannot draw.

    `train_images` give the background against which the foreground is told, `features` (N, D)
    spare a second encoding, `robot` (N, R) is for an encoder whose drawing depends on it.
    """
    sums: _Sums | None = None
    for part in _chunks(images):
        chunk = torch.from_numpy(images[part])
        code = encoder.encode(chunk).features if features is None else torch.tensor(features[part])
        beside = () if robot is None else (torch.tensor(robot[part]).float().to(encoder.device),)
        try:
            drawn = encoder.decode(code.to(encoder.device), *beside).cpu()
        except NotImplementedError:
            return None
        _, channels, height, width = drawn.shape
        target = (channels, height, width)
        if sums is None:
            known = None if train_images is None else fit_background(train_images, target)
            stride = -(-len(images) * math.prod(target) // SSIM_NUMBERS)
            sums = _Sums(target, known if known is not None and known.explains else None, stride)
        sums.add(drawn, shrink(as_float(chunk), target))
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
    """Sums over all images so far, each a scalar or one image: the images pass by only once."""

    def __init__(
        self, target: tuple[int, int, int], background: Background | None, ssim_stride: int
    ) -> None:
        self.background = background
        self.ssim_stride = ssim_stride
        self.images = 0
        self.error = self.structure = self.windows = 0.0
        self.front_error = self.front_structure = self.front_windows = 0.0
        zero = torch.zeros(target, dtype=torch.float64)
        # Per pixel: how often foreground, its sum and sum of squares then; and the same of all.
        self.front, self.front_sum, self.front_square = zero[:1].clone(), zero.clone(), zero.clone()
        self.sum, self.square = zero.clone(), zero.clone()

    def add(self, drawn: torch.Tensor, target: torch.Tensor) -> None:
        error = (drawn - target).double() ** 2
        exact = target.double()
        chosen = slice(-self.images % self.ssim_stride, None, self.ssim_stride)
        self.images += len(drawn)
        self.error += float(error.sum())
        self.sum += exact.sum(dim=0)
        self.square += (exact**2).sum(dim=0)
        structure = ssim_map(drawn[chosen], target[chosen])
        if structure is not None:
            self.structure += float(structure.sum())
            self.windows += structure.numel()
        if self.background is None:
            return
        mask = self.background.foreground(target)  # (B, 1, h, w)
        self.front += mask.sum(dim=0)
        self.front_error += float((error * mask).sum())
        self.front_sum += (exact * mask).sum(dim=0)
        self.front_square += (exact**2 * mask).sum(dim=0)
        if structure is not None:
            edge = SSIM_WINDOW // 2
            inner = mask[chosen, :, edge:-edge, edge:-edge].expand_as(structure)
            self.front_structure += float((structure * inner).sum())
            self.front_windows += float(inner.sum())

    def result(self) -> Reconstruction:
        channels = len(self.sum)
        mean = self.sum / self.images
        mse = self.error / (self.images * self.sum.numel())
        fronts = float(self.front.sum())
        blind = self.front_square - 2 * mean * self.front_sum + self.front * mean**2
        front_mse = _ratio(self.front_error, channels * fronts)
        known = self.background is not None
        return Reconstruction(
            mse=mse,
            mean_image_mse=float((self.square / self.images - mean**2).mean()),
            psnr=_psnr(mse),
            ssim=_ratio(self.structure, self.windows),
            foreground_mse=front_mse,
            mean_image_foreground_mse=_ratio(float(blind.sum()), channels * fronts),
            foreground_psnr=_psnr(front_mse),
            foreground_ssim=_ratio(self.front_structure, self.front_windows),
            foreground_share=fronts / (self.images * self.front.numel()) if known else math.nan,
        )


def _chunks(images: np.ndarray) -> Iterator[slice]:
    size = max(1, min(CHUNK, CHUNK_NUMBERS // math.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        yield slice(start, start + size)


def _ratio(total: float, count: float) -> float:
    return total / count if count else math.nan


def _psnr(mse: float) -> float:
    return -10 * math.log10(mse) if mse else math.inf
