"""Import a person's own video, images or arrays as a data set."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data import index
from data.clips import Clip, Frame
from data.dataset import rebuild_index
from data.episode import Episode, write
from data.errors import DataError
from data.files import TEMPORARY_SUFFIX, make_folder, sync_folder
from data.sources import clips_of

CAMERA = "front"
"""What the only camera of an imported data set is called."""

PIECES = 10
"""Episodes that a single recording is cut into, unless told, so that some can be held out."""

SHORTEST_PIECE = 20
"""Frames; a shorter recording is cut into fewer pieces."""

SHORTEST_EPISODE = 3
"""Frames of one training window; a remainder below that is dropped."""

MEMORY_LIMIT = 8 * 1024**3
"""Bytes of frames of one clip that is not cut to a given episode length."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import made."""

    folder: Path
    episodes: int
    frames: int
    image_shape: tuple[int, int, int]
    """(H, W, 3)."""
    dropped: int
    """Frames left out at the end of a clip, too few for an episode."""


@dataclass(frozen=True, kw_only=True)
class _Options:
    size: tuple[int, int] | None
    fps: float | None
    stride: int
    max_frames: int | None
    episode_length: int | None

    def check(self) -> None:
        numbers = {
            "size": min(self.size) if self.size else None,
            "fps": self.fps,
            "stride": self.stride,
            "max_frames": self.max_frames,
            "episode_length": self.episode_length,
        }
        for name, number in numbers.items():
            if number is not None and not 0 < number < math.inf:
                raise DataError(f"{name} must be positive, not {getattr(self, name)}")
        if self.episode_length is not None and self.episode_length < SHORTEST_EPISODE:
            raise DataError(f"episode_length must be at least {SHORTEST_EPISODE}, a window")


def import_video(
    source: str | Path,
    folder: str | Path,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    stride: int = 1,
    max_frames: int | None = None,
    episode_length: int | None = None,
) -> ImportReport:
    """Turn recordings into a new data set with one camera, "front".

    Args:
        source: a video (`video.SUFFIXES`); a folder of videos, one episode each; a folder of png
            or jpg images in natural order, one episode, or of such folders, one each; or an .npz
            with `images` and optionally `robot` and `actions`, see `arrays.array_clips`.
        folder: new or empty; it appears only once everything in it is whole.
        size: (H, W) of the stored frames, resized by averaging over areas; None keeps them.
        fps: for videos, frames per second to keep; for images and arrays, which have no clock,
            the rate they were recorded at.
        stride: keep every stride-th frame of those.
        max_frames: keep at most so many frames of each clip.
        episode_length: cut clips into consecutive episodes of so many frames. When None, clips
            are not cut, unless there is only one: that becomes up to 10 pieces of equal length,
            at least 20 frames each, so that some can be held out.

    Raises:
        DataError: the source is missing, empty, of an unknown kind, damaged (the message names
            the file), or has frames of several sizes and `size` is None; or `folder` holds
            something already.
    """
    source, folder = Path(source), Path(folder)
    options = _Options(
        size=size, fps=fps, stride=stride, max_frames=max_frames, episode_length=episode_length
    )
    options.check()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something already: choose another folder or empty it")
    clips = clips_of(source, fps)
    if stride > 1 and any(clip.actions is not None for clip in clips):
        raise DataError(
            "stride would separate the actions from what they lead to: use stride=1, or leave "
            "the actions out"
        )
    make_folder(folder.parent)
    # A sibling on the same disk; what an interrupted import left under this name is replaced.
    final = folder.absolute()
    draft = final.with_name(f".{final.name}.import{TEMPORARY_SUFFIX}")
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft)
    try:
        report = _write_all(clips, draft, source.name, options)
        rebuild_index(draft)
        os.replace(draft, final)
        sync_folder(final.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return replace(report, folder=folder)


def _write_all(clips: Sequence[Clip], folder: Path, source: str, options: _Options) -> ImportReport:
    written, frames, dropped = 0, 0, 0
    first: Frame | None = None
    for clip in clips:
        begin = 0
        for piece in _pieces(clip, options, single=len(clips) == 1):
            for frame in piece:
                first = first or frame
                _check_size(first, frame)
            if len(piece) < SHORTEST_EPISODE:
                dropped += len(piece)
                continue
            rows = slice(begin, begin + options.stride * len(piece), options.stride)
            begin = rows.stop
            episode = _episode(clip, piece, rows, {"source": source, "clip": clip.name}, options)
            write(index.episode_path(folder, written), episode)
            written, frames = written + 1, frames + episode.length
    if first is None or not written:
        raise DataError(f"{source} yields no episode of at least {SHORTEST_EPISODE} frames")
    height, width, channels = first.pixels.shape
    return ImportReport(
        folder=folder,
        episodes=written,
        frames=frames,
        image_shape=(height, width, channels),
        dropped=dropped,
    )


def _pieces(clip: Clip, options: _Options, single: bool) -> Iterator[list[Frame]]:
    """The frames of each episode that a clip is cut into; only one piece is in memory."""
    frames = islice(clip.frames, 0, None, options.stride)
    frames = islice(frames, options.max_frames)
    resized = (_resize(frame, options.size) for frame in frames)
    if options.episode_length is not None:
        while piece := list(islice(resized, options.episode_length)):
            yield piece
        return
    whole = _all_frames(clip, resized)
    count = max(min(PIECES, len(whole) // SHORTEST_PIECE), 1) if single else 1
    for number in range(count):
        yield whole[number * len(whole) // count : (number + 1) * len(whole) // count]


def _all_frames(clip: Clip, frames: Iterator[Frame]) -> list[Frame]:
    first = next(frames, None)
    if first is None:
        return []
    limit = MEMORY_LIMIT // first.pixels.nbytes
    whole = list(islice(chain([first], frames), limit + 1))
    if len(whole) > limit:
        raise DataError(
            f"{clip.name} does not fit into memory at {MEMORY_LIMIT / 1e9:.0f} GB of frames: give "
            "episode_length, a smaller size, a larger stride or max_frames"
        )
    return whole


def _resize(frame: Frame, size: tuple[int, int] | None) -> Frame:
    if size is None or frame.pixels.shape[:2] == size:
        return frame
    height, width = size
    pixels: Any = cv2.resize(frame.pixels, (width, height), interpolation=cv2.INTER_AREA)
    return frame._replace(pixels=pixels)


def _check_size(first: Frame, frame: Frame) -> None:
    if frame.pixels.shape != first.pixels.shape:
        (h0, w0, _), (h1, w1, _) = first.pixels.shape, frame.pixels.shape
        raise DataError(
            f"images of several sizes: {first.origin} is {h0}x{w0}, {frame.origin} is {h1}x{w1} "
            "(height x width); give a size to bring all to"
        )


def _episode(
    clip: Clip, piece: Sequence[Frame], rows: slice, meta: dict[str, Any], options: _Options
) -> Episode:
    """The rows are those of the clip's arrays that belong to the piece."""
    fps = clip.fps / options.stride if clip.fps else None
    pixels: NDArray[np.uint8] = np.stack([frame.pixels for frame in piece])
    return Episode(
        images={CAMERA: pixels},
        observations={} if clip.robot is None else {"robot": clip.robot[rows]},
        actions=None if clip.actions is None else clip.actions[rows],
        meta={**meta, "first_frame": rows.start, "fps": fps},
    )
