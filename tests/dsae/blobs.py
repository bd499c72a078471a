"""A video made up: bright discs drift over a textured background, their places known exactly."""

from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import Batch, Data

RADIUS = 2.5  # (pixels)
COLOURS = np.array([[0.95, 0.25, 0.2], [0.2, 0.25, 0.95]])
SIZES = {"robot": 3, "truth": 2}
"""Lengths of what stands beside each frame of a film with one disc."""


class Film(NamedTuple):
    """What training reads (`dsae.training.Windows`), and the truth beside it."""

    frames: np.ndarray
    """uint8 (N, H, W, C)."""
    keypoints: np.ndarray
    """(N, discs, 3): each disc's centre in pixels, and visible."""
    starts: np.ndarray
    """Number of each window's first frame."""

    @property
    def robot(self) -> np.ndarray:
        """The first disc's centre in pixels and a number that never changes, (N, 3)."""
        return np.pad(self.keypoints[:, 0, :2], [(0, 0), (0, 1)], constant_values=7.0)

    @property
    def truth(self) -> np.ndarray:
        """All discs' centres in pixels, (N, 2 · discs)."""
        return self.keypoints[..., :2].reshape(len(self.frames), -1)

    @property
    def data(self) -> Data:
        """All frames and what stands beside them."""
        return Data(self.frames, self.robot, self.truth)

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
    discs: int = 1,
    seed: int = 0,
) -> Film:
    """Return episodes in which each disc moves at constant velocity from side to side."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    texture = np.random.default_rng(99).uniform(0.2, 0.6, (height // 4, width // 4, channels))
    texture = texture.repeat(4, axis=0).repeat(4, axis=1)
    limits = np.array([width, height]) - 1 - 2 * RADIUS
    ends = RADIUS + rng.uniform(0, 1, (discs, episodes, 2, 2)) * limits
    share = np.linspace(0, 1, length)[:, None]
    y, x = np.mgrid[:height, :width]
    frames = np.broadcast_to(texture, (episodes * length, *shape))
    keypoints = np.ones((episodes * length, discs, 3))
    for disc, (begin, end) in enumerate(ends.swapaxes(1, 2)):
        places = (begin[:, None] * (1 - share) + end[:, None] * share).reshape(-1, 2)
        distance = np.hypot(x - places[:, :1, None], y - places[:, 1:, None])
        opacity = np.clip(RADIUS + 0.5 - distance, 0, 1)[..., None]  # a soft edge one pixel wide
        frames = opacity * COLOURS[disc, :channels] + (1 - opacity) * frames
        keypoints[:, disc, :2] = places
    starts = np.concatenate([np.arange(length - 2) + i * length for i in range(episodes)])
    return Film(np.round(255 * frames).astype(np.uint8), keypoints, starts)


def noise(shape: tuple[int, int, int], count: int = 8, seed: int = 0) -> torch.Tensor:
    """Return images without any structure, as from a shaken camera."""
    return torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    )


def batch(shape: tuple[int, int, int], windows: int = 4) -> Batch:
    """Return a batch of three-frame windows, and what stands beside them."""
    made = film(shape, episodes=2, length=8)
    numbers = made.frame_numbers(np.arange(windows))
    return Batch(
        torch.from_numpy(made.frames[numbers]),
        torch.from_numpy(np.float32(made.robot[numbers])),
        torch.from_numpy(np.float32(made.truth[numbers])),
        data_size=len(made.frames),
    )
