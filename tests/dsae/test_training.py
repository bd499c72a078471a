import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from blobs import SIZES, Film, film

from dsae import checkpoint, encoders, training
from dsae.encoder import Batch, Data, Encoder
from dsae.encoders import vae
from dsae.errors import TrainingError
from dsae.training import Config, fit, resumed_step, schedule, steps_in

SHAPE = (32, 32, 3)
CONFIG = Config(steps=9, batch=3, warmup=2, seed=4, checkpoint_every=3, log_every=1)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def windows() -> Film:
    return film(SHAPE, episodes=3, length=8)


def new(name: str = "dsae", **settings: object) -> Encoder:
    return encoders.create(name, SHAPE, seed=2, settings=settings, sizes=SIZES)


LEARNING = [name for name in encoders.names() if encoders.kind(name).learns]
READY = [name for name in encoders.names() if name not in LEARNING]


def weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in encoder.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def stop_at(step: int):  # type: ignore[no-untyped-def]
    def on_step(done: int) -> None:
        if done == step:
            raise Interrupted

    return on_step


def train(name: str, windows: Film, folder: Path, **how: Any) -> list[tuple[int, dict]]:
    """Train in a folder, with what was recorded beside the frames; return the log."""
    rows: list[tuple[int, dict[str, float]]] = []
    fit(
        new(name), windows, CONFIG, robot=windows.robot, truth=windows.truth, folder=folder,
        log=lambda *row: rows.append(row), **how,
    )  # fmt: skip
    return rows


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("stop", [3, 8])
def test_resumed_training_ends_in_the_same_bytes(
    name: str, stop: int, windows: Film, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    rows = train(name, windows, whole)
    with pytest.raises(Interrupted):
        train(name, windows, broken, on_step=stop_at(stop))
    assert resumed_step(broken) == stop // 3 * 3
    assert not (broken / checkpoint.ENCODER_FILE).exists()
    assert train(name, windows, broken) == rows[stop // 3 * 3 :]
    files = [folder / checkpoint.ENCODER_FILE for folder in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", READY)
def test_what_is_ready_is_prepared_and_saved_without_a_step(
    name: str, windows: Film, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        assert train(name, windows, tmp_path / folder) == []
    files = [tmp_path / folder / checkpoint.ENCODER_FILE for folder in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    encoder = new(name)
    encoder.prepare(windows.data)
    assert same(weights(encoder), weights(checkpoint.load(files[0])))


def test_nothing_but_the_seed_decides(windows: Film) -> None:
    first = weights(fit(new(), windows, CONFIG))
    torch.manual_seed(123)
    assert same(first, weights(fit(new(), windows, CONFIG)))
    other = dataclasses.replace(CONFIG, seed=5)
    assert not same(first, weights(fit(new(), windows, other)))


def test_folder_and_checkpoints_change_nothing(windows: Film, tmp_path: Path) -> None:
    bare = fit(new(), windows, CONFIG)
    kept = fit(new(), windows, CONFIG, folder=tmp_path)
    assert not kept.training
    assert same(weights(bare), weights(kept))
    assert same(weights(bare), weights(checkpoint.load(tmp_path)))


@pytest.mark.parametrize(
    "change", [{"steps": 10}, {"learning_rate": 1e-4}, {"batch": 4}, {"seed": 5}]
)
def test_checkpoint_of_another_training_is_refused(
    change: dict[str, int], windows: Film, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        fit(new(), windows, CONFIG, folder=tmp_path, on_step=stop_at(4))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(TrainingError, match="another configuration"):
        fit(new(), windows, dataclasses.replace(CONFIG, **change), folder=tmp_path)
    with pytest.raises(TrainingError, match="another configuration"):
        fit(new(points=8), windows, CONFIG, folder=tmp_path)
    with pytest.raises(TrainingError, match="another configuration"):
        fit(new("vae"), windows, CONFIG, folder=tmp_path)
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["dsae", "vae"])
def test_a_loss_that_is_not_finite_stops_it(name: str, windows: Film, tmp_path: Path) -> None:
    absurd = dataclasses.replace(CONFIG, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"at step \d: lower the learning rate"):
        fit(new(name), windows, absurd, folder=tmp_path)
    assert not (tmp_path / checkpoint.ENCODER_FILE).exists()
    encoder = new(name)
    with torch.no_grad():
        next(encoder.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match="the loss is nan at step 1"):
        fit(encoder, windows, CONFIG)


def test_schedule_warms_up_stays_and_falls_along_a_cosine() -> None:
    config = Config(steps=400, warmup=50)
    assert schedule(0, config) == pytest.approx(1 / 50)
    assert schedule(24, config) == pytest.approx(0.5)
    assert [schedule(step, config) for step in (49, 100, 200)] == [1, 1, 1]
    assert schedule(300, config) == pytest.approx(0.5)
    assert schedule(250, config) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert 0 < schedule(399, config) < 1e-4
    assert schedule(0, dataclasses.replace(config, warmup=0)) == 1


def test_the_rate_that_is_used_is_the_schedules(windows: Film) -> None:
    used = []

    class Spy(encoders._module("dsae").Encoder):  # type: ignore[misc]
        def update(self, batch, optimizers, generator):  # type: ignore[no-untyped-def]
            used.append(optimizers["main"].param_groups[0]["lr"])
            return super().update(batch, optimizers, generator)

    fit(Spy(encoders.config("dsae"), SHAPE), windows, CONFIG)
    assert used == [CONFIG.learning_rate * schedule(step, CONFIG) for step in range(9)]


def test_log_gets_the_first_the_last_and_every_nth_step(windows: Film) -> None:
    steps: list[int] = []
    config = dataclasses.replace(CONFIG, log_every=4)
    fit(new(), windows, config, log=lambda step, terms: steps.append(step))
    assert steps == [1, 4, 8, 9]


def test_statistics_come_from_frames_of_the_whole_data_set() -> None:
    many = film((32, 32, 3), episodes=40, length=20)
    chosen = Data(many.frames).some_images(100).numpy()
    assert len(chosen) == 100
    late = {frame.tobytes() for frame in many.frames[-200:]}
    assert 0.1 < sum(frame.tobytes() in late for frame in chosen) / len(chosen) < 0.5


class Recording(vae.Encoder):
    """A VAE that keeps the batches it learns from."""

    batches: list[Batch]

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        self.batches = [*getattr(self, "batches", []), batch]
        return super().loss(batch, generator)


def test_robot_and_truth_stand_beside_their_frames() -> None:
    windows = film((32, 32, 3), episodes=3, length=10)
    number = np.arange(len(windows.frames), dtype=np.float64)
    encoder = Recording(vae.Config(code=2), (32, 32, 3))
    training.fit(
        encoder, windows, training.Config(steps=2, batch=4), robot=number[:, None],
        truth=np.stack([number, -number], axis=1),
    )  # fmt: skip
    for batch in encoder.batches:
        assert batch.robot is not None
        assert batch.truth is not None
        assert batch.robot.shape == (4, 3, 1)
        assert batch.truth.shape == (4, 3, 2)
        assert batch.data_size == len(windows.frames)
        for frames, numbers in zip(batch.images, batch.robot[..., 0], strict=True):
            np.testing.assert_array_equal(frames, windows.frames[numbers.int()])


def test_minutes_on_one_thread_are_its_own(windows: Film) -> None:
    class Waiting(Film):
        def __getitem__(self, indices: np.ndarray, /) -> np.ndarray:  # type: ignore[override]
            time.sleep(0.1)  # as if others had the processor
            return super().__getitem__(indices)

    held_up = steps_in(1.0, new(), Waiting(*windows), CONFIG)
    assert held_up > 900  # ten steps a second would be 600
