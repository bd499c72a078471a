"""What do SAC and PPO reach on a task, on which state, after how many steps and minutes?

    python benchmarks/reinforcement.py                                  the oracle's state of Push
    python benchmarks/reinforcement.py --state oracle runs/train/push-dsae pixels --seeds 0 1 2

Each learner learns with its default settings (`--set steps=50000` changes them for all). The policy
is rolled out at last, without noise, on seeds that learning never saw. Writes a page of tables.
Interrupted, it goes on.
"""

import argparse
import datetime
import os
import platform
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import stable_baselines3
import torch

from dsae.commands import learn, opengl, runs
from dsae.logger import read_metrics
from policies import policy
from policies.evaluation import evaluate, trials, wilson_interval

FIRST_SEED = 1_000_000  # of the episodes that policies are rolled out on
ROWS = 15  # of the table of curves, about


class Learned(NamedTuple):
    """One run."""

    learner: str
    state: str
    seed: int
    rows: list[dict[str, float]]
    successes: int
    episodes: int
    distance: float
    """Median at the end of an episode, in metres."""

    @property
    def minutes(self) -> float:
        """Wall time of learning, without the beginning."""
        samples = np.diff([0.0, *(row["samples"] for row in self.rows)])
        return float(np.sum(samples / [row["steps_per_second"] for row in self.rows]) / 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", default="push")
    parser.add_argument("--learners", nargs="+", default=["sac", "ppo"])
    parser.add_argument("--state", nargs="+", default=["oracle"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rollouts", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/reinforcement"))
    parser.add_argument("--page", type=Path, default=Path("runs/benchmarks/reinforcement.md"))
    arguments = parser.parse_args()
    opengl.ensure()
    gathered = [
        learned(arguments, learner, state, seed)
        for state in arguments.state
        for learner in arguments.learners
        for seed in arguments.seeds
    ]
    text = page(gathered, arguments)
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    arguments.page.write_text(text, encoding="utf-8")
    print(text)


def learned(arguments: argparse.Namespace, learner: str, state: str, seed: int) -> Learned:
    """Learn and roll out, or read what an earlier call left of it."""
    name = Path(state).name
    folder = arguments.out / f"{arguments.task}-{learner}-{name}-{seed}"
    if not folder.exists() or not runs.read_run(folder)["finished"]:
        options = learn.Options(
            learner=learner,
            task=arguments.task,
            state=state,
            seed=seed,
            settings=dict(pair.split("=", 1) for pair in arguments.set),
            threads=arguments.threads,
            out=folder,
            workers=arguments.workers,
        )
        learn.run(options)
    file = folder / "rollouts.json"
    if not file.exists():
        actor = policy.load(folder).actor
        seeds = range(FIRST_SEED, FIRST_SEED + arguments.rollouts)
        outcomes = evaluate(folder, trials(actor, seeds), workers=arguments.workers)
        found: dict[str, Any] = {
            "successes": sum(outcome.success for outcome in outcomes),
            "episodes": len(outcomes),
            "distance": float(np.median([outcome.distance for outcome in outcomes])),
        }
        runs.save_json(file, found)
    return Learned(learner, name, seed, read_metrics(folder), **runs.read_json(file))


def page(gathered: list[Learned], arguments: argparse.Namespace) -> str:
    """Return the results as Markdown."""
    return "\n".join([
        f"# Reinforcement learning on {arguments.task}",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {os.cpu_count()} cores "
        f"{platform.machine()}, {arguments.threads} thread, {arguments.workers} process, torch "
        f"{torch.__version__}, Stable-Baselines3 {stable_baselines3.__version__}.",
        "",
        "At the end, without exploration noise, on seeds that learning never saw: success rate and "
        "its 95 % Wilson interval, median distance left, steps of the task, wall time of learning.",
        "",
        *ends(gathered),
        "",
        "Meanwhile, with exploration noise: success rate of the episodes that ended since the row "
        "of the log before, and in brackets the median distance left, in cm.",
        "",
        *curves(gathered),
    ]) + "\n"  # fmt: skip


def ends(gathered: list[Learned]) -> list[str]:
    lines = [
        "| state | learner | seed | success, % | distance, cm | steps | minutes | steps/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in gathered:
        low, high = wilson_interval(run.successes, run.episodes)
        rate = run.successes / run.episodes
        steps = run.rows[-1]["samples"]
        lines.append(
            f"| {run.state} | {run.learner} | {run.seed} "
            f"| {100 * rate:.1f} ({100 * low:.1f} to {100 * high:.1f}) "
            f"| {100 * run.distance:.1f} | {steps:,.0f} | {run.minutes:.1f} "
            f"| {steps / run.minutes / 60:.0f} |"
        )
    return lines


def curves(gathered: list[Learned]) -> list[str]:
    """One table for each learner, as they take different numbers of steps."""
    lines = []
    for learner in dict.fromkeys(run.learner for run in gathered):
        shown = [run for run in gathered if run.learner == learner]
        longest = max((run.rows for run in shown), key=len)
        every = max(1, round(len(longest) / ROWS))
        heads = " | ".join(f"{run.state}, seed {run.seed}" for run in shown)
        lines += [f"| {learner}: steps | {heads} |", "|---|" + "---|" * len(shown)]
        for number in range(every - 1, len(longest), every):
            cells = [_cell(run.rows, number) for run in shown]
            lines.append(f"| {longest[number]['samples']:,.0f} | {' | '.join(cells)} |")
        lines.append("")
    return lines[:-1]


def _cell(rows: list[dict[str, float]], number: int) -> str:
    if number >= len(rows) or "success" not in rows[number]:
        return "–"
    return f"{100 * rows[number]['success']:.0f} ({100 * rows[number]['distance']:.1f})"


if __name__ == "__main__":
    main()
