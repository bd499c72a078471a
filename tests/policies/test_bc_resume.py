"""Whatever interrupts a cloning, it ends in the weights that it would have ended in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from demonstrated import linear, same, weights

from dsae import checkpoint
from policies.cloning.actor import Actor
from policies.cloning.progress import KIND
from policies.cloning.training import clone
from policies.errors import PolicyError
from policies.learners.bc import Config

HERE = Path(__file__).parent
CONFIG = Config(epochs=8, hidden=16, layers=2, head="mixture", history=2)
LONG = Config(epochs=150, patience=150, hidden=16, layers=2)
ENDLESS = """
import sys
from pathlib import Path
from demonstrated import linear
from policies.cloning.training import clone
from test_bc_resume import LONG
clone(linear(), LONG, seed=3, folder=Path(sys.argv[1]), log=lambda *row: print(*row, flush=True))
"""


class Interrupted(Exception):
    pass


def stopped(folder: Path, epoch: int, config: Config = CONFIG, **how: object) -> None:
    """Clone until the figures of that epoch are told."""

    def log(done: int, figures: dict[str, float]) -> None:
        if done == epoch:
            raise Interrupted

    with pytest.raises(Interrupted):
        clone(linear(), config, seed=3, folder=folder, log=log, **how)  # type: ignore[arg-type]


def saved_epoch(folder: Path) -> int:
    return checkpoint.read(folder / checkpoint.CHECKPOINT_FILE, kind=KIND)[1]["epoch"]


@pytest.mark.parametrize("epoch", [2, 8])
def test_an_interrupted_cloning_ends_in_the_same_weights(epoch: int, tmp_path: Path) -> None:
    rows: list[tuple[int, dict[str, float]]] = []
    whole = clone(linear(), CONFIG, seed=3, log=lambda *row: rows.append(row))
    stopped(tmp_path, epoch)
    assert saved_epoch(tmp_path) == epoch - 1
    again: list[tuple[int, dict[str, float]]] = []
    resumed = clone(linear(), CONFIG, seed=3, folder=tmp_path, log=lambda *row: again.append(row))
    assert same(whole, resumed)
    assert again == rows[epoch - 1 :]


def test_a_killed_cloning_ends_in_the_same_weights(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path)], env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout
    for _ in range(3):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert 2 <= saved_epoch(tmp_path) < LONG.epochs
    assert same(clone(linear(), LONG, seed=3), clone(linear(), LONG, seed=3, folder=tmp_path))


def test_a_finished_cloning_is_found_finished(tmp_path: Path) -> None:
    first = clone(linear(), CONFIG, seed=3, folder=tmp_path)
    second = clone(linear(), CONFIG, seed=3, folder=tmp_path, log=pytest.fail)  # type: ignore[arg-type]
    assert same(first, second)


def test_the_best_weights_survive_too(tmp_path: Path) -> None:
    config = Config(epochs=6, hidden=8, rollouts=1, evaluate_every=1)
    successes = [0.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    seen: list[dict[str, torch.Tensor]] = []

    def examine(actor: Actor) -> dict[str, float]:
        seen.append(weights(actor))
        return {"success": successes[len(seen) - 1]}

    stopped(tmp_path, 4, config, examine=examine)
    seen.pop()  # the epoch that was lost
    resumed = clone(linear(), config, seed=3, folder=tmp_path, examine=examine)
    assert all(torch.equal(value, seen[1][name]) for name, value in weights(resumed).items())


@pytest.mark.parametrize("change", [{"hidden": 8}, {"epochs": 9}, {"head": "deterministic"}])
def test_a_cloning_of_another_configuration_is_refused(
    change: dict[str, object], tmp_path: Path
) -> None:
    stopped(tmp_path, 3)
    other = Config(**{**vars(CONFIG), **change})  # type: ignore[arg-type]
    for config, seed, episodes in ((other, 3, 20), (CONFIG, 4, 20), (CONFIG, 3, 19)):
        with pytest.raises(PolicyError, match="written by a learning of another configuration"):
            clone(linear(episodes), config, seed=seed, folder=tmp_path)
    assert saved_epoch(tmp_path) == 2
