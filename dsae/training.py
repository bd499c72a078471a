"""Training: steps of any encoder on windows of frames, with a schedule and exact resume."""

import copy
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from dsae import checkpoint
from dsae.encoder import Batch, Data, Encoder
from dsae.errors import TrainingError
from dsae.ranges import check_ranges

ADVICE = "lower the learning rate or look at the data"
TRIAL_STEPS, TRIAL_WARMUP = 25, 5  # that a training's rate is measured on, and left out of it
SEED_STRIDE = 1_000_003  # keeps the random streams of two steps apart
MAX_SEED = 2**32 - 1  # so that seed and step together fit into torch's 64 bits


class Windows(Protocol):
    """What training reads: windows of consecutive frames of one size."""

    @property
    def frames(self) -> np.ndarray:
        """All frames, uint8 (N, H, W, C)."""

    def __len__(self) -> int:
        """Return the number of windows."""

    def __getitem__(self, indices: np.ndarray, /) -> np.ndarray:
        """Return the windows of these numbers, uint8 (B, L, H, W, C)."""

    def frame_numbers(self, indices: np.ndarray, /) -> np.ndarray:
        """Return which of `frames` the windows of these numbers hold, int (B, L)."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How an encoder is trained."""

    steps: int = 2000
    """Number of updates."""
    batch: int = 8
    """Windows per update."""
    learning_rate: float = 2e-3
    """Adam's rate after the warm-up."""
    warmup: int = 50
    """Steps over which the rate rises from zero; over the second half it falls along a cosine."""
    seed: int = 0
    """Everything random in training follows from it."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    log_every: int = 25
    """Steps between two rows of the log."""

    def __post_init__(self) -> None:
        positive = (1, math.inf)
        check_ranges(
            self,
            steps=positive,
            batch=positive,
            learning_rate=(0, math.inf),
            warmup=(0, math.inf),
            seed=(0, MAX_SEED),
            checkpoint_every=positive,
            log_every=positive,
        )

    def result(self) -> dict[str, float]:
        """Return the fields that decide the weights, and not only how they are come by."""
        values = dataclasses.asdict(self)
        return {k: v for k, v in values.items() if k not in ("checkpoint_every", "log_every")}


Log = Callable[[int, dict[str, float]], None]
"""Called with the step and its terms."""


def fit(
    encoder: Encoder,
    windows: Windows,
    config: Config,
    *,
    robot: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    folder: Path | None = None,
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Encoder:
    """Train `encoder` in place and return it, ready for use.

    One that does not learn by steps is prepared alone. `robot` and `truth`, float (N, D) and
    (N, T), stand beside the N frames for encoders that use them. With a `folder`, checkpoints are
    written there, an unfinished training found there is resumed (ending in the same weights as an
    uninterrupted one), and the encoder is saved at last.
    Every step draws from its own generator, seeded by `config.seed` and the step's number.
    Raises TrainingError on a loss that is not finite.
    """
    data = Data(windows.frames, robot, truth)
    optimizers = encoder.optimizers(config.learning_rate) if encoder.learns else {}
    start = _resume(encoder, optimizers, config, folder) if folder else 0
    if start == 0:
        encoder.prepare(data)
    encoder.train()
    steps = config.steps if encoder.learns else 0
    for step in range(start, steps):
        terms = _step(encoder, optimizers, windows, data, config, step)
        if not math.isfinite(terms["loss"]):
            raise TrainingError(f"the loss is {float(terms['loss'])} at step {step + 1}: {ADVICE}")
        done = step + 1
        if log and (done % config.log_every == 0 or done in (1, steps)):
            log(done, {name: float(value) for name, value in terms.items()})
        if folder and done % config.checkpoint_every == 0 and done < steps:
            _check_weights(encoder, done)
            _save(encoder, optimizers, config, folder, done)
        if on_step:
            on_step(done)
    _check_weights(encoder, steps)
    if folder:
        checkpoint.save(folder / checkpoint.ENCODER_FILE, encoder, steps=steps)
    return encoder.eval()


def steps_in(
    minutes: float,
    encoder: Encoder,
    windows: Windows,
    config: Config,
    *,
    robot: np.ndarray | None = None,
    truth: np.ndarray | None = None,
) -> int:
    """Return how many steps of training take so long here and now, by taking some with a copy.

    The preparation before the first step counts. `config.steps` has no influence. On one CPU thread
    the minutes are its own, so that what else the machine does has little influence either: two
    encoders that are compared get the same budget, if it takes longer, when others compute too.
    """
    if not encoder.learns:
        return 1
    alone = encoder.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    trial = copy.deepcopy(encoder).train()
    data = Data(windows.frames, robot, truth)
    begin = clock()
    trial.prepare(data)
    left = 60 * minutes - (clock() - begin)
    optimizers = trial.optimizers(config.learning_rate)
    # From the middle on: what takes part in the beginning only would be no measure of the rest.
    config = dataclasses.replace(config, steps=2 * TRIAL_STEPS)
    taken: list[float] = []
    while len(taken) < TRIAL_STEPS:
        begin = clock()
        terms = _step(trial, optimizers, windows, data, config, TRIAL_STEPS + len(taken))
        float(terms["loss"])  # waits for an accelerator
        taken.append(clock() - begin)
    return max(1, round(left / float(np.mean(taken[TRIAL_WARMUP:]))))


def _step(
    encoder: Encoder,
    optimizers: dict[str, torch.optim.Optimizer],
    windows: Windows,
    data: Data,
    config: Config,
    step: int,
) -> dict[str, torch.Tensor]:
    """Take one step, everything random in it following from the seed and its number."""
    _scale_rates(optimizers, schedule(step, config))
    seed = config.seed * SEED_STRIDE + step
    indices = np.random.default_rng(seed).integers(len(windows), size=config.batch)
    batch = _batch(windows, indices, data, encoder.device, step / config.steps)
    return encoder.update(batch, optimizers, torch.Generator().manual_seed(seed))


def _batch(
    windows: Windows, indices: np.ndarray, data: Data, device: torch.device, progress: float
) -> Batch:
    """Return the windows of these numbers with what was recorded beside their frames."""

    def beside(values: np.ndarray | None) -> torch.Tensor | None:
        if values is None:
            return None
        return torch.from_numpy(np.float32(values[windows.frame_numbers(indices)])).to(device)

    images = torch.from_numpy(windows[indices]).to(device)
    return Batch(images, beside(data.robot), beside(data.truth), len(data.images), progress)


def _check_weights(encoder: Encoder, step: int) -> None:
    """Refuse to keep weights that the last update made infinite or NaN."""
    if not all(parameter.isfinite().all() for parameter in encoder.parameters()):
        raise TrainingError(f"a weight is not finite after step {step}: {ADVICE}")


def schedule(step: int, config: Config) -> float:
    """Return the factor on the rate: linear warm-up, constant, cosine over the second half."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    late = max(0.0, 2 * step / config.steps - 1)
    return warm * 0.5 * (1 + math.cos(math.pi * late))


def resumed_step(folder: Path) -> int:
    """Return the step of the checkpoint in `folder`, 0 if there is none."""
    file = folder / checkpoint.CHECKPOINT_FILE
    return checkpoint.read(file, kind="checkpoint")[1]["step"] if file.exists() else 0


def _scale_rates(optimizers: dict[str, torch.optim.Optimizer], factor: float) -> None:
    """Set every rate to `factor` times what the encoder made its optimiser with."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = factor * group.setdefault("initial_lr", group["lr"])


def _save(
    encoder: Encoder,
    optimizers: dict[str, torch.optim.Optimizer],
    config: Config,
    folder: Path,
    step: int,
) -> None:
    tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    for name, optimizer in optimizers.items():
        tensors |= checkpoint.optimizer_tensors(optimizer, f"optimizer.{name}.")
    checkpoint.write(
        folder / checkpoint.CHECKPOINT_FILE,
        tensors,
        kind="checkpoint",
        step=step,
        training=config.result(),
        encoder=checkpoint.describe_encoder(encoder),
    )


def _resume(
    encoder: Encoder, optimizers: dict[str, torch.optim.Optimizer], config: Config, folder: Path
) -> int:
    file = folder / checkpoint.CHECKPOINT_FILE
    if not file.exists():
        return 0
    tensors, header = checkpoint.read(file, kind="checkpoint")
    described = checkpoint.describe_encoder(encoder)
    if header["training"] != config.result() or header["encoder"] != described:
        raise TrainingError(f"{file} was written by a training of another configuration")
    part = {key.partition(".")[2]: t for key, t in tensors.items() if key.startswith("encoder.")}
    encoder.load_state_dict(part)
    for name, optimizer in optimizers.items():
        checkpoint.restore_optimizer(optimizer, tensors, f"optimizer.{name}.")
    return int(header["step"])
