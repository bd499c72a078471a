"""What makes feature points track: the recommended encoder and one change at a time, over seeds.

    python benchmarks/tracking.py --data runs/demo/data --seeds 21 22 --steps 1000

Every variant is trained on the same episodes and scored on the held-out ones; two at a time, one
thread each. Writes docs/results/tracking.md. Interrupted, it goes on.
"""

import argparse
import datetime
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.stages import Stage, Stages

RESULTS = Path("docs/results/tracking.md")
# Name: encoder, and its settings.
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "recommended": ("dsae", ()),
    "foreground weight 0.9": ("dsae", ("foreground_weight=0.9",)),
    "plain squared error": ("dsae", ("foreground_weight=0",)),
    "no slowness": ("dsae", ("slowness=0",)),
    "linear decoder": ("dsae", ("decoder=linear",)),
    "published (finn2016)": ("dsae:finn2016", ()),
    "published, balanced error": ("dsae:finn2016", ("foreground_weight=0.7",)),
    "VAE": ("vae", ()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("runs/demo/data"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/tracking"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    stages = [
        stage
        for seed in arguments.seeds
        for name in VARIANTS
        for stage in variant_stages(name, seed, arguments)
    ]
    seconds = Stages(stages, arguments.out, arguments.slots).run()
    text = page(arguments, seconds)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def label(name: str, seed: int) -> str:
    return f"{name.translate(str.maketrans(' .,()', '-----'))}-{seed}"


def variant_stages(name: str, seed: int, arguments: argparse.Namespace) -> list[Stage]:
    encoder, settings = VARIANTS[name]
    folder = arguments.out / label(name, seed)
    train = ("train", encoder, str(arguments.data), "--steps", str(arguments.steps), "--batch", "8",
             "--seed", str(seed), "--threads", "1", "--out", str(folder))  # fmt: skip
    if settings:
        train = (*train, "--set", *settings)
    stage = label(name, seed)
    return [
        Stage(name=stage, title=f"{name}, seed {seed}", arguments=train, run_folder=folder),
        Stage(name=f"{stage}-evaluated", title="  evaluated", needs=(stage,),
              arguments=("evaluate", str(folder), "--threads", "1")),
    ]  # fmt: skip


def page(arguments: argparse.Namespace, seconds: dict[str, float]) -> str:
    """Return the results as Markdown."""
    seeds = ", ".join(map(str, arguments.seeds))
    lines = [
        "# What makes feature points track",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {os.cpu_count()} cores "
        f"{platform.machine()}, one thread a training.",
        "",
        f"Push, 64×64, {arguments.steps} steps of 8 windows, seeds {seeds}. "
        f"Held-out error in pixels of 64, seeds apart by /. Single point: the best one "
        "after an affine map. Probe: a linear map of the whole code.",
        "",
        "| variant | end effector, single point | block, single point | end effector, probe "
        "| block, probe | training, s |",
        "|---|---|---|---|---|---|",
    ]
    for name in VARIANTS:
        runs = [read(arguments.out / label(name, seed)) for seed in arguments.seeds]
        cells = [
            " / ".join(cell(run["keypoints"][point].get(measure)) for run in runs)
            for measure in ("tracking_px", "probe_px")
            for point in ("end_effector", "block")
        ]
        took = np.mean([seconds[label(name, seed)] for seed in arguments.seeds])
        lines.append(f"| {name} | {' | '.join(cells)} | {took:.0f} |")
    constant = read(arguments.out / label("recommended", arguments.seeds[0]))["keypoints"]
    guesses = ", ".join(f"{name} {row['constant_px']:.1f}" for name, row in constant.items())
    lines += ["", f"A constant guess: {guesses}."]
    return "\n".join(lines) + "\n"


def cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
