"""LQR-FLM on fresh initial conditions: how far from the goal, how often, after how many rollouts.

    python benchmarks/trajectories.py --seeds 1000-1009 --out runs/benchmarks/trajectories.md

On the state `oracle`, one process, one thread: each seed draws an initial condition and learns a
controller for it; the mean controller is then rolled out ten times from freshly drawn arm postures,
and ten times more with the objects moved by up to 2 cm. Seconds are processor time of learning.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import envs
from dsae.commands import environments, opengl
from policies import evaluation
from policies.evaluation import Outcome, make_env, run_episode, wilson_interval
from policies.learner import Problem
from policies.learners import lqr_flm
from policies.policy import Policy, Task

ITERATIONS = {"reach": 8, "push": 18, "scoop_bag": 10, "hang_loop": 8}
EPISODES = 10
FRESH = 2_000_000


class Result(NamedTuple):
    distances: list[float]
    """Metres, of each rollout."""
    successes: int
    moved: int
    """Successes with objects elsewhere."""
    seconds: float
    rollouts: int


def learn(task: str, seed: int, torques: bool) -> tuple[Policy, float, int]:
    own = {"action_mode": "torque"} if torques else {}
    settings = environments.task_settings(task, None, ("front",), (), own)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        problem = Problem(
            task=Task(envs.task_id(task), settings), learner="lqr_flm", state="oracle", seed=seed,
            folder=Path(folder), log=lambda _, row: rows.append(row),
        )  # fmt: skip
        begin = time.process_time()
        policy = lqr_flm.learn(problem, lqr_flm.Config(iterations=ITERATIONS[task]))
        return policy, time.process_time() - begin, int(rows[-1]["rollouts"])


def roll(policy: Policy, *, moved: bool = False) -> list[Outcome]:
    """Roll the mean controller out; with `moved` with things elsewhere, if they can stand there."""
    if moved and not policy.actor.moves:
        return []
    env = make_env(policy)
    trials = evaluation.trials(policy.actor, range(FRESH, FRESH + EPISODES), moved=moved)
    outcomes = [run_episode(env, policy.actor, trial) for trial in trials]
    env.close()
    return outcomes


def measure(task: str, seed: int, torques: bool) -> Result:
    policy, seconds, rollouts = learn(task, seed, torques)
    still, moved = roll(policy), roll(policy, moved=True)
    return Result(
        [one.distance for one in still],
        sum(one.success for one in still),
        sum(one.success for one in moved) if policy.actor.moves else -1,
        seconds,
        rollouts,
    )


def row(task: str, results: list[Result]) -> str:
    medians = np.array([np.median(one.distances) for one in results]) * 100
    won, total = sum(one.successes for one in results), EPISODES * len(results)
    low, high = wilson_interval(won, total)
    moved = sum(one.moved for one in results)
    return (
        f"| {task} | {len(results)} | {results[0].rollouts} | {np.median(medians):.2f} "
        f"({medians.min():.2f} to {medians.max():.2f}) | {np.sum(medians < 3)} | "
        f"{won / total:.0%} ({low:.0%} to {high:.0%}) | "
        f"{'–' if moved < 0 else f'{moved / total:.0%}'} | "
        f"{np.median([one.seconds for one in results]):.0f} |"
    )


def main() -> None:
    opengl.ensure()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1000-1009")
    parser.add_argument("--tasks", default=",".join(ITERATIONS))
    parser.add_argument("--torques", action="store_true", help="of the joints, as actions")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    first, last = map(int, arguments.seeds.split("-"))
    torch.set_num_threads(1)
    lines = [
        "| task | seeds | rollouts | final distance [cm], median (range) of the seeds' medians "
        "| seeds within 3 cm | success | moved | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with threadpool_limits(1):
        for task in arguments.tasks.split(","):
            seeds = range(first, last + 1)
            results = [measure(task, seed, arguments.torques) for seed in seeds]
            lines.append(row(task, results))
            print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
