"""Success while learning: the same few episodes of the task, again and again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from policies import evaluation, policy
from policies.actor import Actor
from policies.evaluation import Outcome, Trial
from policies.learner import Problem
from policies.state import State

EVALUATION_SEED = 2_000_000_000  # far from collections' seeds (0 on) and final rollouts' (10⁶ on)
CANDIDATE_FILE = "candidate.safetensors"  # what the workers load; gone after each evaluation


def examine(problem: Problem, state: State, actor: Actor, episodes: int) -> dict[str, float]:
    """Roll an actor out; return `success` and, where the task tells, the median `distance`.

    The episodes are the same each time, so that weights are compared under equal conditions. They
    run in this process, or in `problem.workers` of them if that is more than one; the figures are
    the same.
    """
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + episodes)
    trials = evaluation.trials(actor, seeds)
    run = _here if problem.workers == 1 else _in_workers
    outcomes = run(problem, state, actor, trials)
    figures = {
        "success": float(np.mean([outcome.success for outcome in outcomes])),
        "distance": float(np.median([outcome.distance for outcome in outcomes])),
    }
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def _here(problem: Problem, state: State, actor: Actor, trials: Sequence[Trial]) -> list[Outcome]:
    env = problem.environment(state)
    try:
        with _one_thread():
            return [evaluation.run_episode(env, actor, trial) for trial in trials]
    finally:
        env.close()


def _in_workers(
    problem: Problem, state: State, actor: Actor, trials: Sequence[Trial]
) -> list[Outcome]:
    path = problem.folder.resolve() / CANDIDATE_FILE
    policy.save(path, problem.policy(state, actor))
    try:
        return evaluation.evaluate(path, trials, workers=problem.workers)
    finally:
        path.unlink()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread meanwhile, as the workers do, for the same numbers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
