"""Draw images that an encoder imagines: its decoder's pictures of codes from its prior.

Example:
    dsae sample runs/train/push-vae --count 64 --out samples.png

Only an encoder whose training pulls its codes to a prior has one. Where the drawing depends on the
robot's state too, each row shows a frame and then images for the robot's state in that frame.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from dsae import checkpoint, encoders, overlay, pictures
from dsae.checkpoint import write_atomically
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.footage import Footage
from dsae.commands.options import Seed, argument
from dsae.encoder import Encoder
from dsae.sheet import arranged, sheet, square

ENDINGS = (".png",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    run: Path = argument()
    """Run folder of a training."""
    count: Annotated[int, Field(gt=0, le=1024)] = 64
    """Number of images."""
    seed: Seed = 0
    """Seed of the codes."""
    data: Path | None = None
    """Another data set than the one it was trained on, for the robot's states."""
    out: Path | None = None
    """Picture to write [RUN/samples.png]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Draw and say where."""
    runs.refuse_file(options.run)
    out = options.out or options.run / "samples.png"
    overlay.check_ending(out, ENDINGS)
    runs.refuse_existing(out, overwrite=options.overwrite)
    encoder = checkpoint.load(options.run, use_device(options.device))
    _refuse_without_prior(encoder)
    what = f"{options.count} samples of {encoders.family_of(encoder)}"
    if "robot" in encoder.needs:
        picture = _given_robot(encoder, Footage(options.run, options.data, encoder), options)
    else:
        drawn = pictures.samples(encoder, options.count, options.seed)
        picture = sheet(arranged(drawn), title=f"{what} from its prior, seed {options.seed}")
    write_atomically(out, overlay.png_bytes(picture))
    runs.say(f"{what}: {out}")
    return 0


def _given_robot(encoder: Encoder, footage: Footage, options: Options) -> np.ndarray:
    """Return a sheet with one state of the robot in each row, begun by the frame it is from."""
    columns = square(options.count)
    rows = -(-options.count // columns)
    shots = footage.survey().some(rows)
    assert shots.robot is not None
    states = shots.robot.repeat_interleave(columns, dim=0)[: options.count]
    drawn = arranged(pictures.samples(encoder, options.count, options.seed, states), columns)
    frames = pictures.reconstructions(encoder, shots.images, shots.robot)[0]
    return sheet(
        np.concatenate([frames[:, None], drawn], axis=1),
        columns=["frame", *[""] * columns],
        title=f"{encoders.family_of(encoder)}: codes from its prior, seed {options.seed}, each "
        "row with the robot as in its frame",
    )


def _refuse_without_prior(encoder: Encoder) -> None:
    if type(encoder).sample is not Encoder.sample:
        return
    families = sorted({name.partition(":")[0] for name in encoders.names()})
    able = [name for name in families if encoders.kind(name).sample is not Encoder.sample]
    raise UsageError(
        f"'{encoders.family_of(encoder)}' has no prior, since its training does not say which "
        f"codes are likely: those that have one are {', '.join(able)}"
    )
