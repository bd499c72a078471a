"""Train an encoder on a data set.

Example:
    dsae train dsae runs/data/push --steps 1500 --out runs/train/push-dsae

The encoder is NAME[:preset]: dsae (the recommended one), dsae:finn2016 (as published), vae, pca and
so on; an unknown name lists all. An interrupted training goes on from its last checkpoint and ends
in the same weights. Every tenth episode is held out for `dsae evaluate`.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from data.dataset import Dataset, spread
from data.windows import Windows
from dsae import checkpoint, encoders, training
from dsae.checkpoint import ENCODER_FILE
from dsae.commands import runs
from dsae.commands.beside import beside
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import Seed, argument, override, runtime
from dsae.commands.progress import Bar
from dsae.encoder import Encoder
from dsae.logger import Logger
from dsae.transfer import initialise


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, and how."""

    encoder: str = argument()
    """NAME[:preset] of the encoder."""
    data: Path = argument()
    """Folder of the data set."""
    steps: Annotated[int, Field(gt=0)] | None = None
    """Number of updates [2000]."""
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Instead of steps: as many as take so long, measured once before the first and then kept."""
    batch: Annotated[int, Field(gt=0)] = training.Config.batch
    """Three-frame windows per update."""
    learning_rate: Annotated[float, Field(gt=0)] = training.Config.learning_rate
    """Adam's rate after the warm-up."""
    camera: str | None = None
    """Whose frames to use; the data set's first camera if left out."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the episodes kept from training."""
    episodes: Annotated[int, Field(gt=0)] | None = None
    """Learn from so many of the training episodes only, spread over all of them."""
    init: Path | None = None
    """Run folder of a training whose first layers this one begins with."""
    seed: Seed = 0
    """Seed of weights and batches."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the encoder, such as points=8 or beta=4."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch."""
    checkpoint_every: Annotated[int, Field(gt=0)] = runtime(training.Config.checkpoint_every)
    """Steps between two checkpoints."""
    out: Path | None = runtime(None)
    """Run folder [runs/train/DATA-ENCODER]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Train and save the encoder."""
    if options.steps and options.minutes:
        raise UsageError("train: give --steps or --minutes, not both")
    device = use_device(options.device, options.threads)
    where = f"encoder {options.encoder}"
    config = override(encoders.config(options.encoder), options.settings, where=where)
    options = dataclasses.replace(options, settings=vars(config))  # the resolved one is saved
    dataset = Dataset.open(options.data)
    folder = options.out or default_folder(options)
    windows = Windows(dataset, options.camera, training_episodes(dataset, options))
    extra = beside(windows, encoders.kind(options.encoder).needs)
    encoder = encoders.create(
        options.encoder.partition(":")[0],
        windows.frame_shape,
        seed=options.seed,
        settings=options.settings,
        sizes={name: values.shape[1] for name, values in extra.items()},
    ).to(device)
    if options.init:
        copied = initialise(encoder, checkpoint.load(options.init))
        runs.say(f"begun with {len(copied)} tensors of {options.init}")
    with runs.open_run(folder, "train", options, overwrite=options.overwrite) as run_, windows:
        run_.keep_to_data(dataset.fingerprint)
        schedule = _schedule(options, run_, encoder, windows, extra)
        loss = _train(encoder, windows, extra, schedule, folder, options.encoder)
        run_.finish()
    _notes(encoder)
    what = f"{schedule.steps} steps, loss {loss:.4g}" if encoder.learns else "nothing to train"
    runs.say(f"{what}: {folder / ENCODER_FILE}")
    return 0


def training_episodes(dataset: Dataset, options: Options) -> tuple[int, ...]:
    """Return the numbers of the episodes to learn from."""
    episodes, _ = dataset.split(options.held_out)
    if options.episodes is None:
        return episodes
    if options.episodes > len(episodes):
        raise UsageError(
            f"--episodes {options.episodes}: {dataset.folder} has {len(episodes)} to learn from, "
            "besides the held-out ones"
        )
    return tuple(episodes[i] for i in spread(len(episodes), options.episodes))


def _schedule(
    options: Options,
    run_: runs.Run,
    encoder: Encoder,
    windows: Windows,
    extra: dict[str, np.ndarray],
) -> training.Config:
    """Return how to train; a budget in minutes becomes steps here, once for the run."""
    schedule = training.Config(
        steps=options.steps or training.Config.steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        seed=options.seed,
        checkpoint_every=options.checkpoint_every,
    )
    minutes = options.minutes
    if minutes is None:
        return schedule
    steps = run_.resolve(
        "steps", lambda: training.steps_in(minutes, encoder, windows, schedule, **extra)
    )
    return dataclasses.replace(schedule, steps=steps)


def _train(
    encoder: Encoder,
    windows: Windows,
    extra: dict[str, np.ndarray],
    schedule: training.Config,
    folder: Path,
    name: str,
) -> float:
    """Train with a log and a progress bar; return the last loss."""
    start = training.resumed_step(folder)
    if start:
        runs.say(f"going on from step {start} of {schedule.steps}")
    loss = float("nan")
    with (
        Logger(folder, start) as log,
        Bar(f"training {name}", schedule.steps if encoder.learns else 1, "step", start) as bar,
    ):

        def record(step: int, terms: dict[str, float]) -> None:
            nonlocal loss
            loss = terms["loss"]
            log(step, terms)

        training.fit(
            encoder,
            windows,
            schedule,
            folder=folder,
            log=record,
            on_step=lambda step: bar.show(step, f"loss {loss:.4g}"),
            **extra,
        )
    return loss


def default_folder(options: Options) -> Path:
    """Return the run folder of a training whose `out` is left out."""
    return Path("runs/train") / f"{options.data.name}-{options.encoder.replace(':', '-')}"


def _notes(encoder: Encoder) -> None:
    """Say what a person should know about the encoder that was made."""
    background = getattr(encoder, "background", None)
    if background is not None and background.fault:
        runs.say(f"note: {background.fault}")
    if not getattr(encoder, "converged", True):
        runs.say("note: the separation did not converge: give more --set iterations=, or take pca")
