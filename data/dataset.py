"""A data set: a folder of episode files and their index."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from data import index
from data.episode import Episode, Header, read, read_header
from data.errors import DataError
from data.index import Entry

HELD_OUT = 0.1
"""The share of episodes kept from training, unless told."""


class Dataset:
    """The episodes of one folder, in the order of their file names."""

    def __init__(self, folder: Path, entries: Sequence[Entry]) -> None:
        """Use `Dataset.open`, which also checks the folder."""
        self.folder = folder
        self._entries = tuple(entries)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the data set in `folder`; nothing is written.

        An index that is missing or disagrees with the files is rebuilt in memory.

        Raises:
            DataError: the folder is missing, holds no episode, a damaged one, one of an unknown
                format version, or images of several sizes.
        """
        folder = existing(folder)
        entries = index.load(folder)
        if entries is None:
            entries, damaged = index.scan(folder)
            if damaged:
                others = f" ({len(damaged) - 1} more like it)" if len(damaged) > 1 else ""
                raise DataError(damaged[0] + others)
        if not entries:
            raise DataError(f"{folder} holds no episodes: collect or import some into it first")
        _check_images(folder, entries)
        return cls(folder, entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The episode files."""
        return tuple(self.folder / entry.file for entry in self._entries)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Time steps of each episode."""
        return tuple(entry.length for entry in self._entries)

    @property
    def fingerprint(self) -> str:
        """What tells this data set from one with other episodes: their number, frames and a hash.

        The hash is over name, length, bytes and seed of every file, not over what is in them.
        """
        rows = [(entry.file, entry.length, entry.size, entry.seed) for entry in self._entries]
        digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
        return f"{len(self)} episodes, {sum(self.lengths)} frames, {digest}"

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras, the same in every episode."""
        return tuple(self._entries[0].images)

    @property
    def meta(self) -> dict[str, Any]:
        """Meta data of the first episode: environment, controller, fps are those of all."""
        return self.header(0)["meta"]

    def image_shape(self, camera: str) -> tuple[int, int, int]:
        """Size (H, W, 3) of one camera's frames.

        Raises:
            DataError: there is no such camera.
        """
        height, width, channels = self._entries[0].images[self.camera(camera)]
        return height, width, channels

    def camera(self, name: str | None) -> str:
        """Return `name` if there is such a camera, and the first camera for None.

        Raises:
            DataError: there is no such camera, or none at all.
        """
        if name is None and self.cameras:
            return self.cameras[0]
        if name not in self.cameras:
            available = ", ".join(self.cameras) or "none"
            raise DataError(f"{self.folder} has no camera {name!r}; available: {available}")
        return name

    def header(self, number: int) -> Header:
        """What episode `number` holds, without its arrays; errors as in `episode.read`."""
        return read_header(self.paths[number])

    def read(self, number: int, *, cameras: Sequence[str] | None = None) -> Episode:
        """Read episode `number`, counted from 0; arguments and errors as in `episode.read`."""
        return read(self.paths[number], cameras=cameras)

    def split(self, held_out: float = HELD_OUT) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Divide the episodes into training and held-out ones.

        With k of them held out, the data set is cut into k equal blocks and the last episode of
        each is kept from training: no chance is involved, and the pieces of one long video are
        held out from all over it.

        Args:
            held_out: share of the episodes, in (0, 1); at least one is held out and one is not.

        Returns:
            Numbers of the training episodes, and of the held-out ones.

        Raises:
            DataError: there is one episode only.
        """
        if not 0 < held_out < 1:
            raise DataError(f"the held-out share must lie between 0 and 1, not {held_out}")
        count = len(self)
        if count < 2:
            raise DataError(
                f"{self.folder} holds one episode, and a split needs two: collect more, or import "
                "a longer video or one with a smaller episode_length"
            )
        blocks = min(max(round(held_out * count), 1), count - 1)
        test = tuple((block + 1) * count // blocks - 1 for block in range(blocks))
        return tuple(number for number in range(count) if number not in test), test


def existing(folder: str | Path) -> Path:
    """Return `folder` as a path.

    Raises:
        DataError: it does not exist, or is a file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        kind = "a file, not a data set's folder" if folder.exists() else "missing"
        raise DataError(f"{folder} is {kind}: collect or import episodes into a folder first")
    return folder


def rebuild_index(folder: str | Path) -> list[str]:
    """Write the index anew from the episode files, leaving out damaged ones.

    Returns:
        A message for each damaged file; none is deleted.
    """
    folder = existing(folder)
    entries, damaged = index.scan(folder)
    index.save(folder, entries)
    return damaged


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` numbers below `count`, evenly spaced, first and last included."""
    return np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64)


def verify(folder: str | Path) -> list[str]:
    """Read every byte of every episode, checksums included.

    Returns:
        A message for each damaged file; none is deleted.
    """
    damaged = []
    for path in index.episode_paths(existing(folder)):
        try:
            read(path)
        except DataError as error:
            damaged.append(str(error))
    return damaged


def _check_images(folder: Path, entries: Sequence[Entry]) -> None:
    first = entries[0]
    for entry in entries:
        if entry.images != first.images:
            raise DataError(
                f"{folder} mixes images: {first.file} has {_sizes(first)}, {entry.file} has "
                f"{_sizes(entry)}; keep one kind of episode per folder"
            )


def _sizes(entry: Entry) -> str:
    """Such as 'front 64x48' (height x width)."""
    return ", ".join(f"{name} {h}x{w}" for name, (h, w, _) in entry.images.items()) or "no images"
