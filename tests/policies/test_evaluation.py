import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from examples import SETTINGS, make_policy, reach, saved

from policies.errors import PolicyError
from policies.evaluation import Trial, evaluate, make_env, run_episode, wilson_interval
from policies.policy import Task


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (50, 100, 0.4038, 0.5962),
        (196, 200, 0.9497, 0.9922),
    ],
)
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson_interval(successes, trials)
    assert found == pytest.approx((low, high), abs=1e-4)
    assert 0 <= found[0] <= found[1] <= 1


def test_wilson_interval_solves_its_equation() -> None:
    # The ends are the rates p for which |p̂ − p| = z √(p (1 − p) / n).
    for p in wilson_interval(37, 90):
        assert abs(37 / 90 - p) == pytest.approx(1.959964 * (p * (1 - p) / 90) ** 0.5, rel=1e-6)


def test_an_interval_needs_an_episode() -> None:
    with pytest.raises(PolicyError, match="at least one episode"):
        wilson_interval(0, 0)


def test_a_dead_process_is_said(tmp_path: Path) -> None:
    def kill(_: object) -> None:
        for process in multiprocessing.active_children():
            process.kill()

    path = saved(tmp_path, state="blind")
    with pytest.raises(PolicyError, match="a process that acts in the task died"):
        evaluate(path, [Trial(seed) for seed in range(80)], workers=2, progress=kill)


def test_outcomes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    path = saved(tmp_path, state="dsae")
    seeds = [Trial(seed) for seed in range(40, 47)]  # more than one worker takes at a time
    done: list[int] = []
    two = evaluate(path, seeds, workers=2, progress=lambda outcomes: done.append(len(outcomes)))
    assert two == evaluate(path, seeds, workers=1)
    assert two == evaluate(path, seeds, workers=1, before=two[:3])
    assert [outcome.seed for outcome in two] == list(range(40, 47))
    assert done == [5, 7]
    assert len({outcome.distance for outcome in two}) == len(seeds)
    assert {outcome.steps for outcome in two} == {SETTINGS["max_episode_steps"]}


class Expert:
    """Acts on the state as Reach's expert does: heads straight for the goal."""

    outputs = 3

    def reset(self, condition: int) -> None:
        assert condition == 0

    def act(self, states: np.ndarray) -> np.ndarray:
        return 4.0 / 0.3 * (states[:, 7:10] - states[:, :3])


def test_success_is_what_the_task_says_at_the_last_step() -> None:
    blind = make_policy(state="blind", task=Task("envs:dsae/Reach-v0", {}))
    env = make_env(blind)
    won = [run_episode(env, Expert(), Trial(seed)) for seed in range(3)]
    lost = [run_episode(env, blind.actor, Trial(seed)) for seed in range(3)]
    assert all(outcome.success and outcome.distance < 0.02 for outcome in won)
    assert not any(outcome.success or outcome.distance < 0.02 for outcome in lost)
    assert {outcome.steps for outcome in won + lost} == {100}


def test_a_policy_without_eyes_draws_nothing() -> None:
    assert make_env(make_policy(state="blind")).render_mode is None
    assert make_env(make_policy(state="dsae")).render_mode == "rgb_array"
    assert make_env(make_policy(state="blind"), render=True).render_mode == "rgb_array"
    assert reach().render_mode == "rgb_array"
