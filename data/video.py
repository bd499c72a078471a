"""Clips from video files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
import numpy as np

from data.clips import Clip, Frame
from data.errors import DataError

SUFFIXES = (".mp4", ".avi", ".gif", ".mov", ".mkv", ".m4v", ".webm")

_WHOLE = 0.9
"""Share of the announced frames below which a file is cut short; edit lists may drop some."""


def video_clip(path: Path, fps: float | None) -> Clip:
    """The first video stream of a file, upright as its rotation mark says.

    Args:
        path: anything FFmpeg reads.
        fps: frames per second to keep, by time; never more than there are. All when None.

    Raises:
        DataError: the file is damaged or has no video; possibly only while frames are read.
    """
    with _reading(path), av.open(str(path)) as container:
        if not container.streams.video:
            raise DataError(f"{path} contains no video")
        average = container.streams.video[0].average_rate
    rates = [float(rate) for rate in (average, fps) if rate]
    return Clip(path.name, _frames(path, fps), min(rates, default=None))


def _frames(path: Path, fps: float | None) -> Iterator[Frame]:
    with _reading(path), av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        decoded, begin, kept = 0, 0.0, 0
        for frame in container.decode(stream):
            seconds = frame.time if frame.time is not None else 0.0
            if decoded == 0:
                begin = seconds
            decoded += 1
            # The n-th kept frame is the first one at or after n / fps; half a millisecond of
            # grace, as containers round their time stamps.
            if fps is not None and seconds - begin + 5e-4 < kept / fps:
                continue
            kept += 1
            pixels = frame.to_ndarray(format="rgb24")
            # FFmpeg counts the rotation counterclockwise, as rot90 does.
            upright = np.rot90(pixels, round(frame.rotation / 90) % 4)
            yield Frame(np.ascontiguousarray(upright), str(path))
        if decoded < max(_WHOLE * stream.frames, 1):
            raise DataError(
                f"{path} is cut short: {decoded} of {stream.frames} frames are readable; copy or "
                "record it again"
            )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn the errors of FFmpeg into a DataError that names the file."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise DataError(
            f"{path} is damaged or no video ({error.strerror}): convert or replace it"
        ) from error
