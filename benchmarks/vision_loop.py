"""The paper's loop on fresh seeds: how far from the goal, how often, after how long.

    python benchmarks/vision_loop.py --task push --seeds 2000-2009 --folder runs/loops

Each seed draws an initial condition and runs `dsae learn lqr_flm TASK --encoder auto` with the
settings that it has by default. The controllers without vision and on
what is seen are then rolled out ten times from freshly drawn arm postures, without exploration, and
ten times more with things moved by up to 2 cm. What is finished in the folder is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from trajectories import EPISODES, roll

from dsae.commands import opengl
from policies import policy
from policies.evaluation import Outcome, wilson_interval


class Result(NamedTuple):
    blind: list[Outcome]
    seen: list[Outcome]
    moved: list[Outcome]
    rollouts: int
    minutes: float


def measure(folder: Path, task: str, seed: int, workers: int, more: list[str]) -> Result:
    if not (folder / "loop.json").exists():
        arguments = ["learn", "lqr_flm", task, "--encoder", "auto", "--seed", str(seed)]
        command = [sys.executable, "-m", "dsae", *arguments, "--workers", str(workers), *more]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(
            [*command, "--out", str(folder)], check=True, capture_output=True,
            env={**os.environ, **threads},
        )  # fmt: skip
    counts = json.loads((folder / "loop.json").read_text())
    learned = policy.load(folder)
    return Result(
        roll(policy.load(folder / "blind")),
        roll(learned),
        roll(learned, moved=True),
        sum(counts["rollouts"].values()),
        counts["total_seconds"] / 60,
    )


def medians(parts: list[list[Outcome]]) -> np.ndarray:
    """Return the median final distance of each seed in centimetres."""
    return np.array([100 * np.median([one.distance for one in part]) for part in parts])


def rate(parts: list[list[Outcome]]) -> str:
    every = [one.success for part in parts for one in part]
    if not every:
        return "–"
    low, high = wilson_interval(sum(every), len(every))
    return f"{np.mean(every):.0%} ({low:.0%} to {high:.0%})"


def row(task: str, results: list[Result]) -> str:
    seen, blind = medians([one.seen for one in results]), medians([one.blind for one in results])
    solved = sum(sum(o.success for o in one.seen) >= 0.8 * EPISODES for one in results)
    minutes = [one.minutes for one in results]
    return (
        f"| {task} | {len(results)} | {np.median([one.rollouts for one in results]):.0f} "
        f"| {np.median(blind):.1f} ({blind.min():.1f} to {blind.max():.1f}) "
        f"| {np.median(seen):.1f} ({seen.min():.1f} to {seen.max():.1f}) | {np.sum(seen < 3)} "
        f"| {rate([one.blind for one in results])} | {rate([one.seen for one in results])} "
        f"| {rate([one.moved for one in results])} | {solved} "
        f"| {np.median(minutes):.1f} (at most {max(minutes):.1f}) |"
    )


HEAD = """\
| task | seeds | rollouts | blind [cm] | seen [cm] | seeds within 3 cm | success, blind | seen \
| seen, moved | seeds with 8 of 10 | minutes |
|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    opengl.ensure()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="push")
    parser.add_argument("--seeds", default="2000-2009")
    parser.add_argument("--folder", type=Path, default=Path("runs/loops"))
    parser.add_argument("--workers", type=int, default=2, help="processes that act")
    parser.add_argument("more", nargs="*", help="further arguments of dsae learn, after --")
    arguments = parser.parse_args()
    first, last = map(int, arguments.seeds.split("-"))
    torch.set_num_threads(1)
    results = []
    for seed in range(first, last + 1):
        folder = arguments.folder / f"{arguments.task}-{seed}"
        results.append(measure(folder, arguments.task, seed, arguments.workers, arguments.more))
        distances = medians([results[-1].blind, results[-1].seen])
        print(f"seed {seed}: blind {distances[0]:.2f} cm, seen {distances[1]:.2f} cm", flush=True)
    print(HEAD)
    print(row(arguments.task, results))


if __name__ == "__main__":
    main()
