"""Write an encoder as one file that runs without this package: ONNX, or torch.export's .pt2.

Example:
    dsae export runs/train/push-dsae --out encoder.onnx

The ending chooses. Camera frames go in as they are, uint8 (batch, height, width, channels); out
come features, and from a spatial encoder points and the softmax mass around each. What is written
has first been run beside the encoder. `pydoc dsae.export` shows how to use such a file, and which
ones to trust.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import DataError
from dsae import checkpoint, export
from dsae.commands import runs
from dsae.commands.errors import UsageError
from dsae.commands.footage import Footage
from dsae.commands.options import argument
from dsae.encoder import Encoder

FRAMES = 32  # of the data set that the file is tried on


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to write."""

    run: Path = argument()
    """Run folder of a training."""
    data: Path | None = None
    """Data set to try the file on, if not the one that the encoder was trained on."""
    out: Path | None = None
    """File to write, .onnx or .pt2 [RUN/encoder.onnx]."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Write and say what, where, and how far it is from the encoder."""
    runs.refuse_file(options.run)
    out = options.out or options.run / "encoder.onnx"
    export.check_needed(out)
    runs.refuse_existing(out, overwrite=options.overwrite)
    encoder = checkpoint.load(options.run)
    images = export.trial_images(encoder.image_shape)
    tried = f"{len(images)} made-up images"
    frames = _frames(options, encoder)
    if frames is not None:
        images, tried = np.concatenate([images, frames]), f"{tried} and {len(frames)} frames"
    found = export.write(out, encoder, images)
    shape = ", ".join(map(str, encoder.image_shape))
    runs.say(f"{out}: uint8 images (batch, {shape}) to {', '.join(found)}")
    largest = ", ".join(f"{name} {difference:.1e}" for name, difference in found.items())
    runs.say(f"largest difference from the encoder on {tried}: {largest}")
    return 0


def _frames(options: Options, encoder: Encoder) -> np.ndarray | None:
    """Return frames of the data set; None if none was named and that of the training is gone."""
    try:
        frames = Footage(options.run, options.data, encoder).survey(frames=FRAMES).images
        encoder.encode(frames[:1])  # refuses another size
        return frames
    except (DataError, UsageError) as error:
        if options.data is not None:
            raise
        runs.say(f"note: tried on no frames of the training's data set: {error}")
        return None
