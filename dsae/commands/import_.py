"""Import a person's own video into a data set: mp4, avi or gif files, folders of images, or npz.

Example:
    dsae import lab.mp4 --size 64 --out runs/data/lab

A folder may hold videos (one episode each), images (one episode) or folders of images (one episode
each); an npz holds `images` (T, H, W, 3) or (N, T, H, W, 3) and optionally `robot` and `actions`.
A single recording is cut into pieces, so that some can be held out.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from data.convert import import_video
from dsae.commands import runs, tasks
from dsae.commands.errors import UsageError
from dsae.commands.options import argument, runtime


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to import."""

    source: Path = argument()
    """Video file, folder or npz."""
    size: str | None = "64"
    """Image size in pixels, like 64 or 48x64 (height x width); `keep` keeps the recording's own."""
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
    """Import and say what there is."""
    folder = options.out or Path("runs/data") / options.source.stem
    if folder.exists() and any(folder.iterdir()):
        runs.read_run(folder)  # refuses a folder that no run made
        if not options.overwrite:
            raise UsageError(f"{folder} holds a data set: choose another --out or --overwrite")
    draft = folder.with_name(f"{folder.name}.importing")
    shutil.rmtree(draft, ignore_errors=True)
    report = import_video(
        options.source,
        draft,
        size=None if options.size in (None, "keep") else tasks.parse_size(str(options.size)),
        fps=options.fps,
        stride=options.stride,
        max_frames=options.max_frames,
        episode_length=options.episode_length,
    )
    run_ = runs.open_run(folder, "import", options, overwrite=options.overwrite)
    for file in draft.iterdir():
        file.replace(folder / file.name)
    draft.rmdir()
    run_.finish()
    height, width, _ = report.image_shape
    runs.say(
        f"{report.episodes} episodes, {report.frames} frames of {height}x{width} in {folder}"
        + (f" ({report.dropped} frames at the end left out)" if report.dropped else "")
    )
    return 0
