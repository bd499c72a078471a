from pathlib import Path

import pytest
import torch
from demonstrated import linear, same, weights
from examples import REACH, SETTINGS, make_policy, reach

from data.collect import collect
from data.controllers import by_name
from data.dataset import Dataset
from dsae.commands import rollout
from policies.cloning import rollouts
from policies.cloning.actor import Actor
from policies.cloning.training import clone
from policies.errors import PolicyError
from policies.learner import Problem, Shown
from policies.learners import bc
from policies.policy import Task

CONFIG = bc.Config(epochs=7, hidden=8, layers=1, rollouts=2, evaluate_every=2)


def kept(successes: list[float], config: bc.Config = CONFIG) -> tuple[list[int], int]:
    """Return the epochs that were examined, and of those the one whose weights were returned."""
    seen: list[dict[str, torch.Tensor]] = []
    rows: list[tuple[int, dict[str, float]]] = []

    def examine(actor: Actor) -> dict[str, float]:
        assert not actor.training
        seen.append(weights(actor))
        return {"success": successes[len(seen) - 1]}

    actor = clone(linear(), config, seed=0, examine=examine, log=lambda *row: rows.append(row))
    epochs = [epoch for epoch, row in rows if "success" in row]
    assert [row["success"] for _, row in rows if "success" in row] == successes
    same = [all(torch.equal(w[k], v) for k, v in weights(actor).items()) for w in seen]
    return epochs, epochs[same.index(True)]


def test_the_most_successful_weights_are_kept() -> None:
    assert kept([0.0, 0.7, 0.6, 0.6]) == ([2, 4, 6, 7], 4)
    assert kept([0.1, 0.0, 0.0, 0.0]) == ([2, 4, 6, 7], 2)


def test_among_equals_the_lowest_validation_error_decides() -> None:
    assert kept([0.5, 0.5, 0.5, 0.5])[1] == 7  # the error falls all the while
    assert kept([0.5, 0.5, 0.0, 0.0])[1] == 4


def test_rollouts_need_a_task() -> None:
    with pytest.raises(PolicyError, match="there is no task to roll out in: rollouts = 0"):
        clone(linear(), CONFIG, seed=0)


def test_success_makes_it_patient() -> None:
    patient = bc.Config(**{**vars(CONFIG), "patience": 1, "learning_rate": 0.0})
    assert kept([0.0, 0.0, 0.0, 1.0], patient) == ([2, 4, 6, 7], 2)  # all weights are the same


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("reach")
    meta = {"task": "reach", "settings": SETTINGS, "fps": 20.0}
    collect(folder, reach, by_name("noisy-expert"), episodes=4, seed=0, workers=0, meta=meta)
    return Dataset.open(folder)


def problem(folder: Path, dataset: Dataset, *, workers: int = 1, state: str = "blind") -> Problem:
    return Problem(
        task=Task(REACH, SETTINGS),
        learner="bc",
        state=state,
        shown=Shown(dataset, tuple(range(len(dataset)))),
        folder=folder,
        workers=workers,
        log=lambda epoch, row: rows.append(row),
    )


rows: list[dict[str, float]] = []


@pytest.mark.parametrize("state", ["blind", "pixels"])
def test_learning_rolls_out_in_the_task(state: str, dataset: Dataset, tmp_path: Path) -> None:
    rows.clear()
    config = bc.Config(epochs=2, hidden=8, points=4, rollouts=2, evaluate_every=2, history=2)
    learned = bc.learn(problem(tmp_path, dataset, state=state), config)
    assert [row.keys() - {"train_error", "validation_error"} for row in rows] == [
        {"samples"},
        {"success", "distance", "samples"},
    ]
    assert rows[1]["samples"] == 4 * SETTINGS["max_episode_steps"]
    assert 0 <= rows[1]["success"] <= 1
    assert 0 < rows[1]["distance"] < 1
    assert learned.state_name == state


def test_workers_change_nothing(dataset: Dataset, tmp_path: Path) -> None:
    made = make_policy(state="blind")
    found = [
        rollouts.examine(problem(tmp_path, dataset, workers=count), made.state, made.actor, 3)
        for count in (1, 2)
    ]
    assert found[0] == found[1]
    assert list(tmp_path.iterdir()) == []


def test_without_rollouts_nothing_is_rolled_out(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts.evaluation, "run_episode", pytest.fail)
    config = bc.Config(epochs=2, hidden=8)
    first = bc.learn(problem(tmp_path / "a", dataset), config)
    second = bc.learn(problem(tmp_path / "b", dataset), config)
    assert same(first.actor, second.actor)  # type: ignore[arg-type]


def test_episodes_are_not_those_of_others() -> None:
    last = rollouts.EVALUATION_SEED
    assert last > rollout.FRESH_SEED + 10**8
    assert last < 2**32 - 10**8
