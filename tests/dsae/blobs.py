"""A video made up: a bright disc drifts over a textured background, its place known exactly."""

from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import Batch

RADIUS = 2.5  # (pixels)
COLOUR = np.array([0.95, 0.25, 0.2])


class Film(NamedTuple):
    """What training reads (`dsae.training.Windows`), and the truth beside it."""

    frames: np.ndarray
    """uint8 (N, H, W, C)."""
    keypoints: np.ndarray
    """(N, 1, 3): the disc's centre in pixels, and visible."""
    starts: np.ndarray
    """Number of each window's first frame."""

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, indices: np.ndarray, /) -> np.ndarray:  # type: ignore[override]
        return self.frames[self.frame_numbers(indices)]

    def frame_numbers(self, indices: np.ndarray, /) -> np.ndarray:
        return self.starts[indices][..., None] + np.arange(3)


def film(
    shape: tuple[int, int, int] = (32, 32, 3),
    *,
    episodes: int = 10,
    length: int = 20,
    seed: int = 0,
) -> Film:
    """Return episodes in which the disc moves at constant velocity from side to side."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    texture = np.random.default_rng(99).uniform(0.2, 0.6, (height // 4, width // 4, channels))
    texture = texture.repeat(4, axis=0).repeat(4, axis=1)
    limits = np.array([width, height]) - 1 - 2 * RADIUS
    ends = RADIUS + rng.uniform(0, 1, (episodes, 2, 2)) * limits
    share = np.linspace(0, 1, length)[:, None]
    places = (ends[:, None, 0] * (1 - share) + ends[:, None, 1] * share).reshape(-1, 2)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - places[:, :1, None], y - places[:, 1:, None])
    opacity = np.clip(RADIUS + 0.5 - distance, 0, 1)[..., None]  # a soft edge one pixel wide
    frames = opacity * COLOUR[:channels] + (1 - opacity) * texture
    starts = np.concatenate([np.arange(length - 2) + i * length for i in range(episodes)])
    visible = np.ones((len(places), 1))
    return Film(
        np.round(255 * frames).astype(np.uint8), np.hstack([places, visible])[:, None], starts
    )


def noise(shape: tuple[int, int, int], count: int = 8, seed: int = 0) -> torch.Tensor:
    """Return images without any structure, as from a shaken camera."""
    return torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    )


def batch(shape: tuple[int, int, int], windows: int = 4) -> Batch:
    """Return a batch of three-frame windows."""
    made = film(shape, episodes=2, length=8)
    return Batch(torch.from_numpy(made[np.arange(windows)]), data_size=len(made.frames))
