"""Draw what an encoder's first layer looks for: its filters as images.

Example:
    dsae filters runs/train/push-vae --out filters.png

Grey is a weight of zero, white and black are a filter's largest weight, positive or negative.
"""

from dataclasses import dataclass
from pathlib import Path

from dsae import checkpoint, encoders, overlay, pictures
from dsae.checkpoint import write_atomically
from dsae.commands import runs
from dsae.commands.options import argument
from dsae.sheet import arranged, sheet

ENDINGS = (".png",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    run: Path = argument()
    """Run folder of a training."""
    out: Path | None = None
    """Picture to write [RUN/filters.png]."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Draw and say where."""
    runs.refuse_file(options.run)
    out = options.out or options.run / "filters.png"
    overlay.check_ending(out, ENDINGS)
    runs.refuse_existing(out, overwrite=options.overwrite)
    encoder = checkpoint.load(options.run)
    drawn = pictures.filters(encoder)
    count, height, width, _ = drawn.shape
    title = (
        f"{encoders.family_of(encoder)}: {count} filters of {height} x {width}, "
        "grey is zero, each scaled by its largest weight"
    )
    write_atomically(out, overlay.png_bytes(sheet(arranged(drawn), title=title)))
    runs.say(f"{count} filters of {height}×{width}: {out}")
    return 0
