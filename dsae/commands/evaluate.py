"""Measure a trained encoder on the episodes held out from its training.

Example:
    dsae evaluate runs/train/push-dsae

Reconstruction, of the whole image and of what moves in it. Tracking error: the best single feature
point after an affine map, both chosen on training episodes. Probe errors: a linear map and a small
network of the whole code. KNN-MSE, GTC and roughness: is the code a state? Beside them the same
network untrained, plain pixels and a constant. Data without ground truth (a person's own video) is
measured by what needs none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from data.dataset import Dataset
from data.windows import Windows
from dsae import checkpoint, encoders
from dsae.commands import runs
from dsae.commands.codes import Split
from dsae.commands.devices import use_device
from dsae.commands.figures import table
from dsae.commands.measures import measure
from dsae.commands.options import argument

EVALUATION_FILE = "evaluation.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    run: Path = argument()
    """Run folder of a training."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    disentanglement: bool = False
    """Also measure how separately the code holds the true coordinates (takes longer)."""
    out: Path | None = None
    """Where the figures go as JSON [RUN/evaluation.json, of other data evaluation-DATA.json]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch."""
    overwrite: bool = False
    """Replace an existing file; the figures of its own data are replaced in any case."""


def run(options: Options) -> int:
    """Measure, write the figures, print a table."""
    runs.refuse_file(options.run)
    device = use_device(options.device, options.threads)
    encoder = checkpoint.load(options.run, device)
    out = _out(options)
    split = open_split(options.run, options.data)
    figures = {
        "encoder": encoders.family_of(encoder),
        **measure(encoder, split, disentangled=options.disentanglement),
    }
    runs.save_json(out, figures)
    runs.say(table(figures))
    runs.say(f"written to {out}")
    return 0


def _out(options: Options) -> Path:
    """Return where the figures go; UsageError if that would destroy others."""
    own = Path(runs.trained_options(options.run)["data"])
    if options.out is None and (options.data is None or options.data.resolve() == own.resolve()):
        return options.run / EVALUATION_FILE
    out = options.out
    if out is None:
        assert options.data is not None
        # Apart from those of its own data, which `dsae overlay` and `dsae compare` read.
        name = Path(EVALUATION_FILE)
        out = options.run / f"{name.stem}-{options.data.resolve().name}{name.suffix}"
    runs.refuse_existing(out, overwrite=options.overwrite)
    return out


def open_split(run_folder: Path, data: Path | None) -> Split:
    """Open the data set of a training, divided as the training divided it."""
    trained = runs.trained_options(run_folder)
    dataset = Dataset.open(data or trained["data"])
    train, test = dataset.split(trained["held_out"])
    camera = trained["camera"]
    return Split(Windows(dataset, camera, train), Windows(dataset, camera, test))
