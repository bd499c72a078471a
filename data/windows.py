"""Three-frame windows: what training draws its batches from."""

import os
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset
from data.episode import Episode, read_images
from data.errors import DataError

MEMORY_LIMIT = 4 * 1024**3
"""Bytes of frames kept in memory; more go to a file on disk."""

Indices = int | slice | Sequence[int] | NDArray[np.integer[Any]]


class Windows:
    """Runs of consecutive frames of one camera, each inside one episode.

    All frames lie one after the other in one array, so that a batch of windows is one fancy
    index: faster than any loader with worker processes.

    Args:
        dataset: where the episodes come from.
        camera: whose frames; the first camera when None.
        episodes: numbers of the episodes to use, such as one half of `Dataset.split`; all when
            None.
        length: frames in a window; shorter episodes are skipped and counted in `skipped`.
        memory_limit: bytes; frames beyond it are held in a nameless file in the data set's folder
            (or the system's temporary one), which is gone after `close` or a crash.

    Raises:
        DataError: no episode is long enough, the camera does not exist, a file is damaged, or the
            disk has no room for the frames.
    """

    def __init__(
        self,
        dataset: Dataset,
        camera: str | None = None,
        episodes: Sequence[int] | None = None,
        length: int = 3,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.dataset = dataset
        self.camera = dataset.camera(camera)
        if length < 1:
            raise DataError(f"a window needs at least one frame, not {length}")
        self.length = length
        chosen = range(len(dataset)) if episodes is None else episodes
        self.episodes = tuple(number for number in chosen if dataset.lengths[number] >= length)
        self.skipped = len(chosen) - len(self.episodes)
        if not self.episodes:
            raise DataError(
                f"no episode of {dataset.folder} has {length} frames: "
                "collect longer episodes or import a longer video"
            )
        lengths = np.array([dataset.lengths[number] for number in self.episodes])
        self.frame_shape = dataset.image_shape(self.camera)
        self.episode_of: NDArray[np.int64] = np.repeat(self.episodes, lengths)
        """(N,) number, in the data set, of each frame's episode."""
        first = np.cumsum(lengths) - lengths
        self.starts: NDArray[np.int64] = np.concatenate(
            [
                np.arange(begin, begin + count - length + 1)
                for begin, count in zip(first, lengths, strict=True)
            ]
        )
        """(W,) position in `frames` of each window's first frame."""
        self._frames = _allocate(
            (len(self.episode_of), *self.frame_shape), memory_limit, dataset.folder
        )
        for number, begin, count in zip(self.episodes, first, lengths, strict=True):
            self._frames[begin : begin + count] = read_images(dataset.paths[number], self.camera)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, indices: Indices) -> NDArray[np.uint8]:
        """Copy windows out: uint8 (B, length, H, W, 3), or without B for a single index."""
        return self._frames[self.frame_numbers(indices)]

    def frame_numbers(self, indices: Indices) -> NDArray[np.int64]:
        """Positions in `frames` of the windows' frames: (B, length), or (length,) for one index."""
        return np.asarray(self.starts[indices])[..., None] + np.arange(self.length)

    @property
    def frames(self) -> NDArray[np.uint8]:
        """All frames, episode after episode, uint8 (N, H, W, 3)."""
        return self._frames

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the K points of `keypoints` and `points`; empty without ground truth."""
        return self.dataset.header(self.episodes[0])["keypoint_names"]

    @cached_property
    def keypoints(self) -> NDArray[np.float32]:
        """Ground truth (N, K, 3): x right, y down in pixels, and visible (0 or 1).

        Raises:
            DataError: an episode has none.
        """
        pixels = [episode.keypoints.get(self.camera) for episode in self._episodes]
        return self._concatenate("keypoints", pixels)

    @cached_property
    def points(self) -> NDArray[Any]:
        """The same points (N, K, 3) in metres, world frame; errors as in `keypoints`."""
        return self._concatenate("points", [episode.points for episode in self._episodes])

    def observation(self, name: str) -> NDArray[Any]:
        """One observation vector per frame, (N, D).

        Raises:
            DataError: an episode has no such observation.
        """
        return self._concatenate(
            f"observation {name!r}",
            [episode.observations.get(name) for episode in self._episodes],
        )

    def close(self) -> None:
        """Let go of the frames, and of the file behind them once no view of it is left."""
        self._frames = np.empty((0, *self.frame_shape), np.uint8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @cached_property
    def _episodes(self) -> list[Episode]:
        """The chosen episodes without their images."""
        return [self.dataset.read(number, cameras=()) for number in self.episodes]

    def _concatenate(self, name: str, arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any]:
        for number, array in zip(self.episodes, arrays, strict=True):
            if array is None:
                observations = ", ".join(self._episodes[0].observations) or "none"
                raise DataError(
                    f"{self.dataset.paths[number]} has no {name}; observations: {observations}"
                )
        return np.concatenate([array for array in arrays if array is not None])


def _allocate(shape: tuple[int, ...], memory_limit: int, folder: Path) -> NDArray[np.uint8]:
    """An array in memory, or beyond the limit one in a nameless file."""
    size = int(np.prod(shape))
    if size <= memory_limit:
        return np.empty(shape, np.uint8)
    file = _nameless_file(folder)
    try:
        # Without the blocks reserved, a full disk would kill the process at the first write.
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise DataError(
            f"{folder} has no room for {size / 1e9:.1f} GB of frames ({error.strerror}): "
            "free disk space or raise memory_limit"
        ) from error
    with file:  # the mapping keeps the file alive
        return np.memmap(file, np.uint8, "r+", shape=shape).view(np.ndarray)


def _nameless_file(folder: Path) -> IO[bytes]:
    # The data set's own disk first: a temporary folder is often small, or memory itself.
    parent = folder if os.access(folder, os.W_OK) else None
    return tempfile.TemporaryFile(dir=parent)
