"""A model of what never moves: the median image, and which pixels differ from it."""

from itertools import product

import torch
from torch import nn
from torch.nn import functional

from dsae.losses import PixelError, balanced_error, squared_error

THRESHOLD = 0.1  # a pixel is foreground if a channel, in [0, 1], differs from the median by more
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)
BACKGROUND_IMAGES = 500  # that the median is taken of
MAX_SHARE = 0.3  # a background that leaves a larger share of the pixels unexplained is no model
SHIFT = 2  # cells, by which a background is shifted to see whether it then fits better
MAX_GAIN = (
    1.04  # of the error without a shift over that with the best one: more, and cameras differ
)
SHIFTED_IMAGES = 125  # that this is looked at in


class Background(nn.Module):
    """The background image, learned from the median on, and the foreground mask that it gives.

    It needs a fixed camera. Where the median leaves more than `MAX_SHARE` of the pixels
    unexplained, or fits most images better when it is shifted, `explains` is false: every pixel
    counts as foreground, and none for more.
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
        self.register_buffer("gain", torch.tensor(1.0), persistent=False)

    @torch.no_grad()
    def fit(self, images: torch.Tensor) -> None:
        """Take the median of float images (N, C, height, width); judge whether it explains them."""
        self.median.copy_(images.median(dim=0).values)
        if self.learned:
            self.image.copy_(self.median)
        self.explains.fill_(True)
        share = self.foreground(images).float().mean()
        self.share.copy_(share)
        self.gain.copy_(shift_gain(images[:: -(-len(images) // SHIFTED_IMAGES)], self.median))
        self.explains.fill_(bool(share <= MAX_SHARE and self.gain <= MAX_GAIN))

    @property
    def fault(self) -> str:
        """Why it explains nothing, in words; empty if it does."""
        if self.explains:
            return ""
        if self.share > MAX_SHARE:
            return f"the median image leaves {float(self.share):.0%} of the pixels unexplained"
        return "the median image fits better when it is shifted: the camera stands elsewhere"

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
        return ((images - self.median).abs() > THRESHOLD).any(dim=1, keepdim=True)


def shift_gain(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Return how much better a background fits when it is shifted, the median over the images.

    Images are (N, C, h, w), the background is (C, h, w). The error counts no pixel with more than
    `THRESHOLD`, so that things before the background hardly matter; its ratio without a shift to
    that with the best of at most `SHIFT` cells is below 1 or about 1 for a camera that stands
    still, and above for one that stands elsewhere in each episode.
    """
    height, width = background.shape[-2:]
    rows, columns = height - 2 * SHIFT, width - 2 * SHIFT
    if rows <= 0 or columns <= 0:
        return torch.ones(()).to(background)
    inner = images[..., SHIFT : SHIFT + rows, SHIFT : SHIFT + columns]
    errors = torch.stack(
        [
            (inner - background[:, y : y + rows, x : x + columns])
            .abs()
            .amax(dim=1)
            .clamp(max=THRESHOLD)
            .mean(dim=(1, 2))
            for y, x in product(range(2 * SHIFT + 1), repeat=2)
        ]
    )
    still = len(errors) // 2
    moved = torch.cat([errors[:still], errors[still + 1 :]]).amin(dim=0)
    return (errors[still] / moved.clamp(min=1e-6)).median()


def shrink(images: torch.Tensor, target: tuple[int, int, int]) -> torch.Tensor:
    """Return images (B, C, H, W) averaged down to `target` = (c, h, w); grey where c is 1."""
    if target[0] == 1 and images.shape[1] == 3:
        images = torch.einsum("bchw,c->bhw", images, torch.tensor(GREY).to(images)).unsqueeze(1)
    return functional.adaptive_avg_pool2d(images, target[1:])
