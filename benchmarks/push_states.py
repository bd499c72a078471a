"""Does the learned state replace the simulator's? Push, several training seeds, paired episodes.

    python benchmarks/push_states.py --seeds 11 12 13 --rollouts 200

For each seed everything of the demo is done afresh (episodes, encoders, four policies); every
policy is rolled out on the same fresh seeds. Writes docs/results/push_states.md. Interrupted, it
goes on.
"""

import argparse
import dataclasses
import datetime
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dsae.commands import demo, opengl, runs
from dsae.commands.stages import Stages
from policies.evaluation import wilson_interval

RESULTS = Path("docs/results/push_states.md")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--rollouts", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/push_states"))
    arguments = parser.parse_args()
    opengl.ensure()
    size = dataclasses.replace(demo.FULL, rollouts=arguments.rollouts)
    gathered = []
    for seed in arguments.seeds:
        folder = arguments.out / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        options = demo.Options(seed=seed, out=folder)
        stages = demo.plan(options, size)
        seconds = Stages(stages, folder, options.slots).run()
        gathered.append(demo.gather(options, stages, seconds, sum(seconds.values())))
        runs.save_json(folder / "results.json", gathered[-1])
    text = page(gathered, " ".join(["python", *sys.argv]), size)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def page(results: list[dict[str, Any]], command: str, size: demo.Size) -> str:
    """Return the results as Markdown."""
    seeds = [str(result["seed"]) for result in results]
    lines = [
        "# Push: does the learned state replace the simulator's?",
        "",
        f"`{command}`, {datetime.date.today()}, {os.cpu_count()} cores {platform.machine()}, "
        f"torch {results[0]['machine']['torch']}, MuJoCo {results[0]['machine']['mujoco']}.",
        "",
        f"Each training seed collects its own {size.episodes} episodes, trains its own encoders "
        f"({size.steps} steps, batches of {size.batch}) and clones four policies; each policy is "
        f"rolled out on the same {size.rollouts} fresh seeds.",
        "",
        "Success rate, % (95 % Wilson interval of the pooled episodes):",
        "",
        "| state | " + " | ".join(f"seed {seed}" for seed in seeds) + " | all |",
        "|---|" + "---|" * (len(seeds) + 1),
    ]
    rates = {}
    for state, (title, _) in demo.STATES.items():
        figures = [result["success"][state] for result in results]
        successes, trials = (sum(f[key] for f in figures) for key in ("successes", "episodes"))
        low, high = wilson_interval(successes, trials)
        rates[state] = successes / trials
        cells = " | ".join(f"{100 * f['success_rate']:.1f}" for f in figures)
        pooled = f"{100 * rates[state]:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        lines.append(f"| {title} | {cells} | {pooled} |")
    lines += [
        "",
        f"The learned state reaches {100 * rates['dsae'] / rates['oracle']:.1f} % of the oracle "
        f"state's success and lies {100 * (rates['dsae'] - rates['blind']):.1f} points above no "
        f"vision, {100 * (rates['dsae'] - rates['vae']):.1f} above the VAE.",
        "",
        "Held-out error in pixels of 64: best single point (tracking), linear map of the whole "
        "code (probe).",
        "",
        "| keypoint | encoder, measure | " + " | ".join(f"seed {seed}" for seed in seeds) + " |",
        "|---|---|" + "---|" * len(seeds),
    ]
    for name in results[0]["encoders"]["dsae"]["keypoints"]:
        for encoder, measure in (
            ("dsae", "tracking_px"),
            ("dsae", "untrained_tracking_px"),
            ("dsae", "probe_px"),
            ("vae", "probe_px"),
            ("dsae", "constant_px"),
        ):
            row = [result["encoders"][encoder]["keypoints"][name][measure] for result in results]
            cells = " | ".join(f"{value:.2f}" for value in row)
            title = measure.removesuffix("_px").replace("_", " ")
            lines.append(f"| {name.replace('_', ' ')} | {encoder}, {title} | {cells} |")
    total = np.mean([result["total_seconds"] for result in results]) / 60
    lines += ["", f"Mean process time of all stages of a seed: {total:.1f} minutes."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
