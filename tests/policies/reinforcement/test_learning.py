import dataclasses
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plane
import pytest
import torch

from dsae import checkpoint
from dsae.__main__ import main
from dsae.errors import DsaeError
from policies import learners, policy
from policies.errors import PolicyError
from policies.learner import Problem
from policies.learners import ppo, sac
from policies.policy import Policy
from policies.reinforcement import learning
from policies.state import State

TINY: dict[str, Any] = {
    "ppo": ppo.Config(steps=192, every=64, copies=2, hidden=8, rollout=16, batch=16, epochs=2),
    # The buffer is smaller than what is learned from: its ring goes round.
    "sac": sac.Config(steps=180, every=60, copies=2, hidden=8, batch=8, warmup=20, buffer=100,
                      gradient_steps=1),
}  # fmt: skip
NAMES = sorted(TINY)
Row = tuple[int, dict[str, float]]


def problem(folder: Path, learner: str, *, state: str = "blind", **more: Any) -> Problem:
    return Problem(task=plane.TASK, learner=learner, state=state, folder=folder, **more)


def learn(folder: Path, name: str, config: Any = None, **more: Any) -> Policy:
    return learners.module(name).learn(problem(folder, name, **more), config or TINY[name])


def weights(learned: Policy) -> dict[str, torch.Tensor]:
    return learned.actor.state_dict()


def same(first: Policy, second: Policy) -> bool:
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def figures(rows: list[Row]) -> list[Row]:
    """The rows without what no seed decides."""
    return [(n, {k: v for k, v in row.items() if k != "steps_per_second"}) for n, row in rows]


def vectors(state: State, count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).random((count, state.size), np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_all_and_random_numbers_of_others_are_left_alone(
    name: str, tmp_path: Path
) -> None:
    def drawn() -> tuple[float, ...]:
        return random.random(), np.random.rand(), float(torch.rand(1))

    def seed() -> None:
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)

    seed()
    expected = drawn()
    seed()
    first = learn(tmp_path / "a", name, seed=1)
    assert drawn() == expected
    assert same(first, learn(tmp_path / "b", name, seed=1))
    assert not same(first, learn(tmp_path / "c", name, seed=2))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_outside_of_the_run_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    learn(tmp_path / "run", name)
    left = {path.name for path in temporary.iterdir()}
    assert not {
        name for name in left if not name.startswith("torch")
    }  # torch has a cache of its own


class Killed(BaseException):
    """As if the process ended there."""


def killing(monkeypatch: pytest.MonkeyPatch, kind: str, at: int) -> None:
    """Die in place of writing the file of that kind for the time of that number."""
    write, written = checkpoint.write, 0

    def deadly(*given: Any, **named: Any) -> None:
        nonlocal written
        written += named["kind"] == kind
        if written == at and named["kind"] == kind:
            raise Killed
        write(*given, **named)

    monkeypatch.setattr(checkpoint, "write", deadly)


@pytest.mark.parametrize(
    ("name", "kind", "at", "state"),
    [
        ("ppo", "reinforcement", 1, "blind"),
        ("ppo", "reinforcement", 3, "pixels"),
        ("sac", "reinforcement", 1, "blind"),
        ("sac", "reinforcement", 3, "pixels"),
        ("sac", "replay", 1, "blind"),
        ("sac", "replay", 3, "blind"),
    ],
)
def test_an_interrupted_learning_ends_in_the_same_weights(
    name: str, kind: str, at: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[Row] = []
    parts: list[Row] = []
    expected = learn(tmp_path / "a", name, state=state, log=lambda *row: whole.append(row))
    with monkeypatch.context() as patched:
        killing(patched, kind, at)
        with pytest.raises(Killed):
            learn(tmp_path / "b", name, state=state, log=lambda *row: parts.append(row))
    kept = dict(figures(parts))  # as the log keeps them: a row that comes again replaces the first
    resumed = learn(tmp_path / "b", name, state=state, log=lambda *row: parts.append(row))
    assert same(resumed, expected)
    assert kept | dict(figures(parts)) == dict(figures(whole))
    assert len(whole) == 3
    again = learn(tmp_path / "b", name, state=state, log=lambda *row: pytest.fail("learned more"))
    assert same(again, expected)


def test_a_checkpoint_costs_what_came_in_since_the_last_one(tmp_path: Path) -> None:
    sizes: list[dict[str, int]] = []
    files = tmp_path.glob

    def look(*_: Any) -> None:
        sizes.append({file.name: file.stat().st_size for file in files("replay-*")})

    learn(tmp_path, "sac", log=look)
    assert [sorted(each) for each in sizes] == [
        [],
        ["replay-0000000030.safetensors"],
        ["replay-0000000030.safetensors", "replay-0000000060.safetensors"],
    ]
    assert not list(files("replay-*")), "nobody goes on from here"


def test_a_lost_part_of_the_buffer_is_noticed(tmp_path: Path, monkeypatch: Any) -> None:
    with monkeypatch.context() as patched:
        killing(patched, "reinforcement", 3)
        with pytest.raises(Killed):
            learn(tmp_path, "sac")
    (tmp_path / "replay-0000000030.safetensors").unlink()
    with pytest.raises(PolicyError, match="lacks a part of its replay buffer"):
        learn(tmp_path, "sac")


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    learn(tmp_path, "ppo")
    with pytest.raises(PolicyError, match="written by a learning of another configuration"):
        learn(tmp_path, "ppo", seed=5)
    with pytest.raises(PolicyError, match="written by a learning of another configuration"):
        learn(tmp_path, "ppo", dataclasses.replace(TINY["ppo"], steps=500))


@pytest.mark.parametrize("state", ["oracle", "pixels"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_policy_acts_alike(name: str, state: str, tmp_path: Path) -> None:
    learned = learn(tmp_path, name, state=state)
    policy.save(tmp_path / policy.POLICY_FILE, learned)
    loaded = policy.load(tmp_path)
    seen = vectors(learned.state)
    actions = learned.actor.act(seen)
    assert actions.shape == (5, 2)
    assert actions.dtype == np.float32
    assert np.abs(actions).max() <= 1
    np.testing.assert_array_equal(loaded.actor.act(seen), actions)
    np.testing.assert_array_equal(loaded.actor.act(seen), actions)  # nothing is drawn
    assert loaded.actor.description() == learned.actor.description()


@pytest.mark.parametrize("state", ["oracle", "pixels"])
@pytest.mark.parametrize("name", NAMES)
def test_the_actor_acts_as_what_was_learned(
    name: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SB3's own prediction, on what its own wrapper makes of the same observation."""
    caught: dict[str, Any] = {}
    make: Callable[..., None] = learning._run

    def run(given: Problem, config: Any, model: Any, env: Any) -> None:
        make(given, config, model, env)
        env.training = False
        drawn = vectors(given.lay_out())
        split = env.venv._view.split(drawn)
        caught["actions"], _ = model.predict(env.normalize_obs(split), deterministic=True)
        caught["states"] = drawn

    monkeypatch.setattr(learning, "_run", run)
    learned = learn(tmp_path, name, state=state)
    np.testing.assert_array_equal(learned.actor.act(caught["states"]), caught["actions"])
    assert np.ptp(caught["actions"], axis=0).min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_plane_is_learned(name: str, tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    said: list[tuple[float, str]] = []
    module = learners.module(name)
    learned = learn(
        tmp_path,
        name,
        module.SMALL,
        log=lambda step, row: rows.append({"step": step, **row}),
        progress=lambda *given: said.append(given),
    )
    env = problem(tmp_path, name).environment(learned.state)
    lost = []
    for seed in range(50):
        state, _ = env.reset(seed=seed)
        task: Any = env.unwrapped
        gap, best, total = task._goal - task._dot, 0.0, 0.0
        for _ in range(plane.STEPS):
            state, reward, *_ = env.step(learned.actor.act(state[None])[0])
            total += float(reward)
            gap = gap - np.clip(gap, -0.5, 0.5)
            best -= float(np.linalg.norm(gap))
        lost.append(best - total)
    assert np.mean(lost) < 0.5  # doing nothing loses 7.5
    assert [row["samples"] for row in rows] == [row["step"] for row in rows]
    assert rows[-1]["samples"] >= module.SMALL.steps
    assert rows[0]["return"] < rows[-1]["return"] - 1
    assert rows[0]["distance"] > 2 * rows[-1]["distance"]
    assert rows[-1]["success"] > 0.2
    assert all(row["steps_per_second"] > 0 for row in rows)
    assert said[-1][0] > 0.99
    assert said[-1][1].startswith("success ")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ppo", {"rollout": 100}, "copies × rollout = 800: it must be a multiple of batch = 256"),
        ("ppo", {"discount": 1.5}, "discount = 1.5: it must be from 0 to 1"),
        ("sac", {"steps": 0}, "steps = 0: it must be at least 1"),
        ("sac", {"buffer": 4}, "buffer = 4: it must be at least 8"),
    ],
)
def test_bad_settings_are_one_line(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((DsaeError, PolicyError), match=message):
        learners.module(name).Config(**settings)


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_at_which_it_diverges_is_said(name: str, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY[name], learning_rate=1e30)
    with pytest.raises(PolicyError, match=r"not finite.*lower the learning rate"):
        learn(tmp_path, name, config)


def test_without_stable_baselines3_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "policies.learners.ppo")
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    assert main(["learn", "ppo", "push"]) == 2
    said = capsys.readouterr().err
    assert said == "dsae: stable_baselines3 is not installed: pip install 'dsae[rl]'\n"
