"""Import a person's own video into a data set: mp4, avi or gif files, folders of images, or npz.

Example:
    dsae import lab.mp4 --size 64 --out runs/data/lab

A folder may hold videos (one episode each), images (one episode) or folders of images (one episode
each); an npz holds `images` (T, H, W, 3) or (N, T, H, W, 3) and optionally `robot` and `actions`.
A single recording is cut into pieces, so that some can be held out.
"""

import dataclasses
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from data.convert import import_video
from dsae.commands import environments, runs
from dsae.commands.errors import UsageError
from dsae.commands.options import argument, runtime


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to import."""

    source: Path = argument()
    """Video file, folder or npz."""
    size: environments.Size | None = "64"
    """Image size in pixels, like 64 or 48x64 (height x width), whatever the recording's shape;
    `keep` keeps the recording's own."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Frames per second to keep of videos."""
    stride: Annotated[int, Field(gt=0)] = 1
    """Keep every n-th frame."""
    max_frames: Annotated[int, Field(gt=0)] | None = None
    """Keep at most so many frames of each recording."""
    episode_length: Annotated[int, Field(gt=0)] | None = None
    """Cut recordings into episodes of so many frames."""
    out: Path | None = runtime(None)
    """Folder of the data set [runs/data/SOURCE]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Import and say what there is; the folder appears at once, whole."""
    folder = options.out or Path("runs/data") / options.source.stem
    _refuse_folder(folder, options)
    final = folder.absolute()
    draft = final.with_name(f".{final.name}.{os.getpid()}-{uuid4().hex}.import")
    begin = time.monotonic()
    try:
        report = import_video(
            options.source,
            draft / "episodes",
            size=_size(options.size),
            fps=options.fps,
            stride=options.stride,
            max_frames=options.max_frames,
            episode_length=options.episode_length,
        )
        run_ = runs.open_run(draft / "run", "import", options, overwrite=False)
        for file in (draft / "episodes").iterdir():
            file.replace(run_.folder / file.name)
        dataclasses.replace(run_, begin=begin).finish()
        _put(run_.folder, final, aside=draft / "before")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    height, width, _ = report.image_shape
    runs.say(
        f"{report.episodes} episodes, {report.frames} frames of {height}x{width} in {folder}"
        + (f" ({report.dropped} frames at the end left out)" if report.dropped else "")
    )
    return 0


def _refuse_folder(folder: Path, options: Options) -> None:
    """Refuse a folder that holds anything but an import which `--overwrite` may replace."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    verb = runs.read_run(folder)["verb"]  # refuses a folder that no run made
    if verb != "import":
        raise UsageError(f"{folder} holds a run of 'dsae {verb}': choose another --out")
    if not options.overwrite:
        raise UsageError(f"{folder} holds a data set: choose another --out or --overwrite")
    source = options.source.resolve()
    if folder.resolve() in (source, *source.parents):
        raise UsageError(f"{folder} holds {source}, which is imported: choose another --out")


def _put(draft: Path, folder: Path, *, aside: Path) -> None:
    """Rename the draft to the folder, whose former content waits aside and on error comes back."""
    try:
        if folder.exists():
            folder.rename(aside)
        draft.rename(folder)
    except BaseException:
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise


def _size(text: str | None) -> tuple[int, int] | None:
    return None if text in (None, "keep") else environments.parse_size(str(text))
