"""The figures of a comparison: every run's, and over the seeds their mean and 95 % interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from dsae import checkpoint, encoders
from dsae.checkpoint import ENCODER_FILE
from dsae.commands import runs
from dsae.commands.column_groups import RANKING
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.figures import KINDS

CONFIDENCE = 0.95
RECONSTRUCTION = "reconstruction."
"""What the paths of the figures begin with that are of what a decoder draws."""


class Summary(NamedTuple):
    """One figure over the seeds."""

    mean: float
    interval: tuple[float, float] | None
    """None for a single seed."""
    seeds: int
    """How many have it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one encoder."""

    name: str
    control: str
    """`floor` (nothing is learned), `ceiling` (the truth is told), or nothing for a contestant."""
    folders: dict[int, Path] = field(default_factory=dict)
    """Run folder of each seed that was trained and measured."""
    evaluations: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What `dsae evaluate` wrote, and the training's `steps` and `train_seconds`, by seed."""
    failures: dict[int, str] = field(default_factory=dict)
    """What went wrong, by seed."""
    told_robot: bool = False
    """Whether its decoder is given the robot's true state."""

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Every figure over the seeds, by its path."""
        flat = [figures_of(evaluation) for evaluation in self.evaluations.values()]
        paths = sorted({path for figures in flat for path in figures})
        return {p: summarise([figures[p] for figures in flat if p in figures]) for p in paths}

    @property
    def spatial(self) -> bool:
        """Whether its code is made of feature points."""
        return any(evaluation["points"] for evaluation in self.evaluations.values())

    def competes(self, path: str) -> bool:
        """Whether its figure at `path` is a contestant's.

        No control's is, nor the reconstruction of a decoder that is given the robot's true state
        of the held-out frame: it need not know from the image where the robot is.
        """
        return not self.control and not (self.told_robot and path.startswith(RECONSTRUCTION))


def slug(name: str, seed: int) -> str:
    """Return what the stages and the folder of one run are called, such as `vae-beta4-s0`."""
    return f"{name.replace(':', '-')}-s{seed}"


def gather(
    folder: Path, names: Sequence[str], seeds: Sequence[int], failures: Mapping[str, str]
) -> list[Outcome]:
    """Read what the stages left; `failures` are by stage name (`train-SLUG`, `evaluate-SLUG`)."""
    outcomes = []
    for name in names:
        kind = encoders.kind(name)
        outcome = Outcome(name, kind.control, told_robot="robot" in kind.needs)
        for seed in seeds:
            run_folder = folder / slug(name, seed)
            lines = [failures.get(f"{verb}-{slug(name, seed)}") for verb in ("train", "evaluate")]
            line = next((line for line in lines if line), None)
            if line:
                outcome.failures[seed] = line
                continue
            record = runs.read_run(run_folder)
            header = checkpoint.read(run_folder / ENCODER_FILE, kind="encoder")[1]
            outcome.folders[seed] = run_folder
            outcome.evaluations[seed] = {
                **runs.read_json(run_folder / EVALUATION_FILE),
                "steps": header["steps"],
                "train_seconds": record["seconds"],
            }
        outcomes.append(outcome)
    return outcomes


def figures_of(evaluation: dict[str, Any]) -> dict[str, float]:
    """Return every finite number of an evaluation by its path, and some made of them.

    `keypoint_means.KIND` is a keypoints' figure averaged over those that have it;
    `points.dead_count` and the like are the lengths of lists of points' numbers,
    `points.mass_mean` and `points.spread_mean` the means over the points.
    """
    found = dict(_numbers(evaluation))
    kinds: dict[str, list[float]] = {}
    for row in evaluation["keypoints"].values():
        for kind, value in _numbers(row):
            kinds.setdefault(kind, []).append(value)
    found |= {f"keypoint_means.{kind}": float(np.mean(v)) for kind, v in kinds.items()}
    points = evaluation["points"] or {}
    for kind in KINDS:
        if kind in points:
            found[f"points.{kind}_count"] = float(len(points[kind]))
    for kind, name in (("mean_softmax_mass", "mass_mean"), ("spread", "spread_mean")):
        if points.get(kind):
            found[f"points.{name}"] = float(np.mean(points[kind]))
    return found


def summarise(values: Sequence[float]) -> Summary:
    """Return mean and 95 % interval, mean ± t(0.975, n − 1) · s / √n, of at least one value."""
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Summary(mean, None, count)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(count)
    return Summary(mean, (mean - half, mean + half), count)


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return contestants, best first, then controls, then what failed altogether.

    A contestant whose figure does not compete has its place after those whose does.
    """
    there = {path for outcome in outcomes for path in outcome.summaries}
    measure = next((m for m in RANKING if m.path in there), None)

    def place(outcome: Outcome) -> tuple[bool, bool, bool, float, str]:
        summary = outcome.summaries.get(measure.path) if measure else None
        aided = measure is not None and not outcome.competes(measure.path)
        error = summary.mean if summary else math.inf
        return not outcome.evaluations, bool(outcome.control), aided, error, outcome.name

    return sorted(outcomes, key=place)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an encoder's figures for results.json."""
    return {
        "control": outcome.control or None,
        "told_robot": outcome.told_robot,
        "spatial": outcome.spatial,
        "failures": outcome.failures,
        "runs": outcome.evaluations,
        "figures": {
            path: {"mean": summary.mean, "interval95": summary.interval, "seeds": summary.seeds}
            for path, summary in outcome.summaries.items()
        },
    }


def shared(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return every figure averaged over all runs: what a constant's or the truth's are."""
    values: dict[str, list[float]] = {}
    for outcome in outcomes:
        for evaluation in outcome.evaluations.values():
            for path, value in figures_of(evaluation).items():
                values.setdefault(path, []).append(value)
    return {path: float(np.mean(found)) for path, found in values.items()}


def _numbers(tree: Mapping[str, Any], before: str = "") -> list[tuple[str, float]]:
    """Return the finite numbers below a mapping with their dotted paths; lists are left out."""
    found: list[tuple[str, float]] = []
    for key, value in tree.items():
        path = f"{before}{key}"
        if isinstance(value, dict):
            found += _numbers(value, f"{path}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            found.append((path, float(value)))
    return found
