"""Show what a data set holds, verify every file, rebuild its index, draw a contact sheet.

Example:
    dsae inspect runs/data/push --sheet push.png
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from data.dataset import Dataset, rebuild_index
from data.inspect import Summary, contact_sheet, describe
from dsae.commands import runs
from dsae.commands.errors import UsageError
from dsae.commands.options import argument


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to inspect."""

    data: Path = argument()
    """Folder of the data set."""
    sheet: Path | None = None
    """Write a contact sheet to this PNG."""
    rows: Annotated[int, Field(gt=0)] = 6
    """Episodes on the sheet."""
    columns: Annotated[int, Field(gt=0)] = 8
    """Frames of each episode on the sheet."""
    rebuild: bool = True
    """Rebuild the index from the files."""
    json: bool = False
    """Print the findings as JSON."""


def run(options: Options) -> int:
    """Report; exit status 1 if a file is damaged."""
    if options.sheet and options.sheet.suffix != ".png":
        raise UsageError(f"the sheet is a .png, not '{options.sheet.name}'")
    summary = describe(options.data, thorough=True)
    if options.rebuild:
        rebuild_index(options.data)
    if options.sheet and not summary.damaged:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(Dataset.open(options.data), options.sheet, options.rows, options.columns)
    if options.json:
        runs.print_json(dataclasses.asdict(summary))
    else:
        runs.say(_text(summary))
    return 1 if summary.damaged else 0


def _text(summary: Summary) -> str:
    lines = [
        f"{summary.folder}: {summary.episodes} episodes, {summary.frames} frames "
        f"({summary.lengths[0]} to {summary.lengths[1]} an episode), "
        f"{summary.total_bytes / 1e6:.1f} MB",
    ]
    if summary.successes is not None:
        lines.append(f"  {summary.successes} episodes ended in success")
    for camera, shape in summary.image_shapes.items():
        lines.append(f"  camera {camera}: {'x'.join(map(str, shape))} (height x width x channels)")
    lines += [f"  {key:32}{shape}" for key, shape in summary.keys.items()]
    lines += [f"  damaged: {message}" for message in summary.damaged]
    lines += [f"  unfinished: {path.name}" for path in summary.leftovers]
    if not summary.damaged:
        lines.append("  every file is whole")
    return "\n".join(lines)
