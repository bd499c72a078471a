"""Which settings of behaviour cloning suit Push? Budget, validation, norm, head, history.

    dsae collect push --episodes 100 --seed 79000
    dsae train dsae runs/data/push --steps 2000
    python benchmarks/cloning.py --data runs/data/push --encoder runs/train/push-dsae

With training seeds and episodes of its own: what is chosen is reported by `dsae benchmark`. Writes
docs/results/cloning_settings.md. Interrupted, it goes on.
"""

import argparse
import datetime
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from data.dataset import Dataset
from dsae import checkpoint
from dsae.commands import opengl, runs
from policies import evaluation, policy
from policies.cloning.training import clone
from policies.demonstrations import Demonstrations
from policies.learner import Problem, Shown
from policies.learners.bc import Config
from policies.policy import Task
from policies.state import State

RESULTS = Path("docs/results/cloning_settings.md")
FIRST_SEED = 3_000_000  # of episodes, far from those that are reported on
BEFORE = {
    "validation": 0.1,
    "epochs": 100,
    "batch": 256,
    "weight_decay": 1e-5,
    "input_l1": 0.0,
}
ALL = {**BEFORE, "epochs": 400, "validation": 0.0}
DENSE = {"input_l1": 0.0}
LESS_SPARSE, SPARSER = {"input_l1": 3e-4}, {"input_l1": 2e-3}
MIXTURE = {"head": "mixture"}
SOUGHT: dict[str, list[dict[str, Any]]] = {
    "oracle": [BEFORE, ALL, DENSE, {}, MIXTURE],
    "dsae": [BEFORE, DENSE, LESS_SPARSE, {}, SPARSER, MIXTURE, {"history": 3}],
}


class Bench(NamedTuple):
    """What all learnings share."""

    problem: Problem
    shown: Demonstrations
    state: State
    folder: Path
    rollouts: int


class Result(NamedTuple):
    """How one cloned policy did."""

    successes: int
    episodes: int
    distance: float
    """Median at the end, in metres."""
    seconds: float
    """Of the processor, to learn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("runs/data/push"))
    parser.add_argument("--encoder", type=Path, default=Path("runs/train/push-dsae"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/cloning"))
    arguments = parser.parse_args()
    opengl.ensure()
    torch.set_num_threads(1)
    tables = []
    for state, rows in SOUGHT.items():
        bench = _bench(arguments, state)
        found = [[_result(bench, row, seed) for seed in arguments.seeds] for row in rows]
        tables.append(_table(state, rows, found))
    command = " ".join(["python", *sys.argv])
    head = _head(command, arguments.seeds, arguments.rollouts)
    RESULTS.write_text("\n\n".join([head, *tables]) + "\n")


def _bench(arguments: argparse.Namespace, state: str) -> Bench:
    dataset = Dataset.open(arguments.data)
    eye = checkpoint.load(arguments.encoder) if state == "dsae" else None
    settings = dict(dataset.meta["settings"])
    camera = dataset.camera(None) if eye else None
    problem = Problem(
        task=Task("envs:dsae/Push-v0", settings, camera),
        learner="bc",
        state=state,
        eye=eye,
        shown=Shown(dataset, tuple(range(len(dataset)))),
        folder=arguments.out,
    )
    return Bench(problem, *problem.demonstrations(), arguments.out, arguments.rollouts)


def _result(bench: Bench, settings: dict[str, Any], seed: int) -> Result:
    """Learn and judge a policy, unless that was done before."""
    words = [bench.problem.state, *(f"{k}={v}" for k, v in settings.items()), f"seed={seed}"]
    folder = bench.folder / "-".join(words)
    file = folder / "result.json"
    if file.exists():
        return Result(**runs.read_json(file))
    config = Config(**settings)
    begin = time.process_time()
    actor = clone(
        bench.shown,
        config,
        seed=seed,
        folder=folder,
    )
    seconds = time.process_time() - begin
    policy.save(folder / policy.POLICY_FILE, bench.problem.policy(bench.state, actor))
    trials = evaluation.trials(actor, range(FIRST_SEED, FIRST_SEED + bench.rollouts))
    path = (folder / policy.POLICY_FILE).resolve()
    outcomes = evaluation.evaluate(path, trials, workers=1)
    result = Result(
        sum(outcome.success for outcome in outcomes),
        len(outcomes),
        float(np.median([outcome.distance for outcome in outcomes])),
        seconds,
    )
    runs.save_json(file, result._asdict())
    runs.say(f"{' '.join(words)}: {result}")
    return result


def _head(command: str, seeds: list[int], rollouts: int) -> str:
    return (
        "# Behaviour cloning of Push: settings\n\n"
        f"`{command}`, {datetime.date.today()}, {os.cpu_count()} cores {platform.machine()}, "
        f"shared with other work, one thread, no GPU, torch {torch.__version__}.\n\n"
        f"Success in {rollouts} episodes for each of the training seeds "
        f"{', '.join(map(str, seeds))}, with the 95 % Wilson interval of all; seconds are the "
        "processor's. What is not named is the default of `policies/cloning/config.py`."
    )


def _table(state: str, rows: list[dict[str, Any]], found: list[list[Result]]) -> str:
    lines = [
        f"State `{state}`:",
        "",
        "| settings | by seed, % | all, % | distance, cm | learning, s |",
        "|---|---|---|---|---|",
    ]
    for settings, results in zip(rows, found, strict=True):
        successes, episodes = sum(r.successes for r in results), sum(r.episodes for r in results)
        low, high = (100 * end for end in evaluation.wilson_interval(successes, episodes))
        each = ", ".join(f"{100 * r.successes / r.episodes:.0f}" for r in results)
        distance, seconds = np.mean([(100 * r.distance, r.seconds) for r in results], axis=0)
        named = " ".join(f"{name}={value}" for name, value in settings.items()) or "the defaults"
        lines.append(
            f"| {named} | {each} | {100 * successes / episodes:.1f} ({low:.1f} to {high:.1f}) "
            f"| {distance:.1f} | {seconds:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
