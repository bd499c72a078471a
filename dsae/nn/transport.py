"""Feature transport: one frame's features at another frame's points (Kulkarni et al. 2019)."""

import torch


def union(maps: torch.Tensor) -> torch.Tensor:
    """Return one mask (B, 1, h, w) of Gaussian maps (B, K, h, w): 1 − Π_k (1 − g_k).

    1 at every point and never more, in whatever order the points come; the released code applies
    the points' masks one after the other, which erases the same.
    """
    return 1 - (1 - maps).prod(dim=1, keepdim=True)


def transport(
    source: torch.Tensor, source_mask: torch.Tensor, target: torch.Tensor, target_mask: torch.Tensor
) -> torch.Tensor:
    """Erase the source's features at both frames' points; put the target's at its own.

    Φ(x_s, x_t) = (1 − H(x_s)) (1 − H(x_t)) Φ(x_s) + H(x_t) Φ(x_t)

    Features Φ are (B, F, h, w), masks H (B, 1, h, w).
    """
    return (1 - source_mask) * (1 - target_mask) * source + target_mask * target
