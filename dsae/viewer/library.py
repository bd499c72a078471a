"""What the page looks at: recorded episodes and what the encoder made of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch

from dsae.pictures import Dimension


class Entry(NamedTuple):
    """An episode as the page lists it."""

    number: int
    length: int
    """Frames."""
    success: bool | None
    """Whether the task was solved; None where there is no task."""
    held_out: bool
    """Whether it was kept from the encoder's training."""


class Recording(NamedTuple):
    """An episode of T frames, and what the encoder made of it."""

    frames: np.ndarray
    """uint8 (T, H, W, C)."""
    robot: torch.Tensor | None
    """The robot's state, float (T, R), for an encoder that draws with it."""
    features: np.ndarray
    """The codes, float (T, D)."""
    points: np.ndarray | None
    """Feature points, (T, K, 2), (x, y) as in `dsae.coordinates`."""
    mass: np.ndarray | None
    """Softmax mass around each of them, (T, K)."""
    truth: np.ndarray | None
    """True keypoints, (T, N, 3): (x, y) as in `dsae.coordinates`, and visible (0 or 1)."""
    fps: float
    """Frames per second."""


class Library(Protocol):
    """Where recordings come from; DsaeError says what is wrong with one."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Every episode, by number."""

    def read(self, number: int) -> Recording:
        """Return an episode, encoded."""


class Subject(NamedTuple):
    """What the page says of what it shows."""

    run: str
    """Folder of the training."""
    data: str
    """Folder of the data set."""
    camera: str
    start: int
    """Number of the episode that is shown first."""
    dimensions: Sequence[Dimension]
    """Every number of the code, those that carry most first (`pictures.dimensions`)."""
    names: Mapping[int, str]
    """Of the feature points that follow something known, by number."""
    truth_names: Sequence[str]
    """Of the N true keypoints."""
    thresholds: np.ndarray | None = None
    """Softmax mass below which each feature point is absent, (K,), if known."""
    kept: np.ndarray | None = None
    """Which feature points are part of a state, bool (K,), if known."""
    reasons: Sequence[str] = ()
    """Why each was kept or dropped, in words, if known."""
