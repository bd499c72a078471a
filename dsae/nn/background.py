"""A model of what never moves: the median image, and which pixels differ from it."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from dsae.losses import PixelError, balanced_error, squared_error

THRESHOLD = 0.1  # a pixel is foreground if a channel, in [0, 1], differs from the median by more
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)
BACKGROUND_IMAGES = 500  # that the median is taken of
MAX_SHARE = 0.3  # a background that leaves a larger share of the pixels unexplained is no model
SHIFT = 2  # cells, by which a background is shifted to see whether it then fits better
MAX_GAIN = 1.04  # of the error without a shift over the best with one: if more, cameras differ
SHIFTED_IMAGES = 125  # that this is looked at in
SHIFTS = tuple((y, x) for y in range(2 * SHIFT + 1) for x in range(2 * SHIFT + 1))
"""Along y and x; the one in the middle is none."""


class Background(nn.Module):
    """The background image, learned from the median on, and the foreground mask that it gives.

    It needs a fixed camera. Where the median fits most images better when it is shifted, the
    camera stands elsewhere in each episode (`shaken`), and the median is shifted to fit each image.
    Where it leaves more than `MAX_SHARE` of the pixels unexplained all the same, `explains` is
    false: every pixel counts as foreground, and none for more.
    With `learned` false it still tells foreground from background, but adds nothing to a drawing.
    """

    median: torch.Tensor
    explains: torch.Tensor
    share: torch.Tensor
    gain: torch.Tensor

    def __init__(self, channels: int, height: int, width: int, *, learned: bool) -> None:
        super().__init__()
        self.learned = learned
        self.image = nn.Parameter(torch.zeros(channels, height, width), requires_grad=learned)
        self.register_buffer("median", torch.zeros(channels, height, width))
        self.register_buffer("explains", torch.tensor(False))
        self.register_buffer("share", torch.tensor(1.0))
        self.register_buffer("gain", torch.tensor(1.0))

    @torch.no_grad()
    def fit(self, images: torch.Tensor) -> None:
        """Take the median of float images (N, C, height, width); judge whether it explains them."""
        self.median.copy_(images.median(dim=0).values)
        self.gain.copy_(shift_gain(images[:: -(-len(images) // SHIFTED_IMAGES)], self.median))
        if self.shaken:
            self.median.copy_(shift_back(images, self.median).median(dim=0).values)
        if self.learned:
            self.image.copy_(self.median)
        self.explains.fill_(True)
        share = self.foreground(images).float().mean()
        self.share.copy_(share)
        self.explains.fill_(bool(share <= MAX_SHARE))

    @property
    def shaken(self) -> bool:
        """Whether the camera stands elsewhere in each episode."""
        return bool(self.gain > MAX_GAIN)

    @property
    def fault(self) -> str:
        """What is wrong with it, in words; empty if nothing is."""
        if not self.explains:
            return (
                f"the median image leaves {float(self.share):.0%} of the pixels unexplained; the "
                "foreground-balanced loss was switched off"
            )
        if self.shaken:
            return (
                "the camera stands elsewhere in each episode; the median image is shifted to fit "
                "each frame"
            )
        return ""

    def forward(self, drawn: torch.Tensor) -> torch.Tensor:
        """Return images (B, C, height, width) drawn on the background."""
        return drawn + self.image if self.learned else drawn

    def error(
        self,
        drawn: torch.Tensor,
        target: torch.Tensor,
        weight: float,
        pixel_error: PixelError = squared_error,
    ) -> torch.Tensor:
        """Return the `losses.balanced_error` of a drawing, plain where there is no model.

        Images are (B, C, height, width); `weight` is the foreground's.
        """
        weight = weight if self.explains else 0.0
        return balanced_error(drawn, target, self.foreground(target), weight, pixel_error)

    def foreground(self, images: torch.Tensor) -> torch.Tensor:
        """Return a mask, bool (B, 1, height, width), of what the median does not explain."""
        if not self.explains:
            return torch.ones_like(images[:, :1], dtype=torch.bool)
        background = align(images, self.median) if self.shaken else self.median
        return ((images - background).abs() > THRESHOLD).any(dim=1, keepdim=True)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the camera to stand still in what was saved before it was looked at."""
        state_dict.setdefault(f"{prefix}gain", torch.tensor(1.0))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def shift_gain(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Return how much better a background fits when it is shifted, the median over the images.

    Images are (N, C, h, w), the background is (C, h, w). The ratio of the error without a shift to
    that with the best other one of at most `SHIFT` cells is below 1 or about 1 for a camera that
    stands still, and above for one that stands elsewhere in each episode.
    """
    errors = _shift_errors(images, background)
    still = len(errors) // 2
    moved = torch.cat([errors[:still], errors[still + 1 :]]).amin(dim=0)
    return (errors[still] / moved.clamp(min=1e-6)).median()


def align(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Shift a background (C, h, w) by at most `SHIFT` cells to fit each image: (N, C, h, w)."""
    shifted = torch.cat([_shifted(background.unsqueeze(0), shift) for shift in SHIFTS])
    return shifted[_shift_errors(images, background).argmin(dim=0)]


def shift_back(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Shift images (N, C, h, w) by at most `SHIFT` cells to fit a background (C, h, w)."""
    result = images.clone()
    best = _shift_errors(images, background).argmin(dim=0)
    for number, (y, x) in enumerate(SHIFTS):
        result[best == number] = _shifted(images[best == number], (2 * SHIFT - y, 2 * SHIFT - x))
    return result


def _shifted(images: torch.Tensor, shift: tuple[int, int]) -> torch.Tensor:
    """Return what images (N, C, h, w) show from a place of `SHIFTS`, their edges repeated."""
    height, width = images.shape[-2:]
    wide = functional.pad(images, (SHIFT,) * 4, mode="replicate")
    return wide[..., shift[0] : shift[0] + height, shift[1] : shift[1] + width]


def _shift_errors(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Return how badly each shift of a background fits, (shifts, N).

    No pixel counts with more than `THRESHOLD`, so that things before the background hardly matter.
    """
    height, width = (side - 2 * SHIFT for side in background.shape[-2:])
    if height <= 0 or width <= 0:
        return images.new_ones(len(SHIFTS), len(images))
    inner = images[..., SHIFT : SHIFT + height, SHIFT : SHIFT + width]
    windows = (background[:, y : y + height, x : x + width] for y, x in SHIFTS)
    differences = ((inner - window).abs().amax(dim=1) for window in windows)
    return torch.stack([each.clamp(max=THRESHOLD).mean(dim=(1, 2)) for each in differences])


def shrink(images: torch.Tensor, target: tuple[int, int, int]) -> torch.Tensor:
    """Return images (B, C, H, W) averaged down to `target` = (c, h, w); grey where c is 1."""
    if target[0] == 1 and images.shape[1] == 3:
        images = torch.einsum("bchw,c->bhw", images, torch.tensor(GREY).to(images)).unsqueeze(1)
    return functional.adaptive_avg_pool2d(images, target[1:])
