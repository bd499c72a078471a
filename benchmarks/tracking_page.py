"""What benchmarks/tracking.py writes."""

import datetime
import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from dsae.metrics.tracking import TRACKED

FOLLOWED = 1 / 64  # of the width, an error below which a point lies on its object
Done = dict[str, Any]
"""Figures of one training, as benchmarks/tracking.py keeps them."""

TITLES = {
    "tasks": "Does a feature point follow every object?",
    "ablation": "What makes feature points follow objects",
    "factors": "Tracking under factors of variation",
}


def page(study: str, done: Sequence[Done], command: str) -> str:
    """Return the results as Markdown."""
    lines = [
        f"# {TITLES[study]}",
        "",
        f"`{command}`, {datetime.date.today()}, {os.cpu_count()} cores {platform.machine()}, torch "
        f"{torch.__version__}.",
        "",
        "Minutes: of a training's own processor time, one thread, 8 windows a step. Error: mean "
        "distance, in thousandths of the image's width, of the best single point (chosen, with an "
        "affine map, on training episodes) on held-out episodes; tracked is below "
        f"{1000 * TRACKED:.0f}, half a pixel of 64. Medians over the seeds, the worst seed in "
        "brackets. Constant: error of the best guess that is always the same.",
        "",
        *(_cases(done) if study != "ablation" else _variants(done)),
    ]
    if study == "tasks":
        lines += ["", *_states(done)]
    return "\n".join(lines) + "\n\n"


def _cases(done: Sequence[Done]) -> list[str]:
    lines = [
        "| task | variant | keypoint | seeds | tracked | error | constant | minutes | steps |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case, variant in _groups(done):
        runs = _of(done, case, variant)
        for name in runs[0]["keypoints"]:
            rows = [run["keypoints"][name] for run in runs]
            constant = 1000 * rows[0]["constant"] / runs[0]["width"]
            lines.append(
                f"| {_title(case)} | {variant} | {_plain(name)} | {len(rows)} | {_count(rows)} "
                f"| {_errors(runs, name)} | {constant:.0f} "
                f"| {runs[0]['asked']['minutes']:g} | {runs[0]['steps']} |"
            )
    return lines


def _variants(done: Sequence[Done]) -> list[str]:
    cases = list(dict.fromkeys(tuple(job["asked"]["case"]) for job in done))
    names = {case: list(_of(done, case)[0]["keypoints"]) for case in cases}
    columns = [(case, name) for case in cases for name in names[case]]
    minutes = {job["asked"]["minutes"] for job in done}
    lines = [
        f"Minutes a training: {', '.join(f'{m:g}' for m in sorted(minutes))}.",
        "",
        "| variant | " + " | ".join(f"{_title(c)}: {_plain(n)}" for c, n in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for variant in dict.fromkeys(job["asked"]["variant"] for job in done):
        cells = []
        for case, name in columns:
            runs = _of(done, case, variant)
            rows = [run["keypoints"][name] for run in runs]
            cells.append(f"{_errors(runs, name)}, {_count(rows)}" if runs else "–")
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return lines


def _states(done: Sequence[Done]) -> list[str]:
    """Return what pruning, presence and goals make of the same trainings."""
    lines = [
        "## Presence, pruning, goals",
        "",
        "Of the point that follows a keypoint: precision and recall of `present` against the true "
        "visibility, of `absent` behind the stroke; erased: share of frames in which a disc of "
        "background covers the object and its point says that it is absent; means over the seeds "
        "in which it follows the keypoint to a pixel of 64. Kept: seeds in which a "
        "point that pruning kept follows it to a pixel of 64, and the error of the one that does "
        "so best; points kept in all. ρ: Spearman's correlation of the "
        "distance to a goal (the last frame of a held-out episode) with the true one of end "
        "effector and objects, within the goal's episode / over all.",
        "",
        "| task | keypoint | visible | precision | recall | erased | kept | error | points | ρ |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, variant in _groups(done):
        runs = _of(done, case, variant)
        points = f"{np.median([run['kept'] for run in runs]):.0f}"
        goals = " / ".join(_mean([run["goals"][k] for run in runs]) for k in ("same", "every"))
        for name in runs[0]["keypoints"]:
            both = [(run["keypoints"][name], run) for run in runs]
            rows = [row for row, _ in both]
            followed = [row for row, run in both if _follows(row["error"], run)]
            score = [row["presence"] for row in followed]
            precision, recall = (
                " / ".join(_mean([s[k] for s in score]) for k in (key, f"absent_{key}"))
                for key in ("precision", "recall")
            )
            erased = _mean([row["erased"] for row in followed])
            kept = sum(_follows(row["kept_error"], run) for row, run in both)
            visible = rows[0]["presence"]["visible_share"]
            lines.append(
                f"| {_title(case)} | {_plain(name)} | {visible:.2f} | {precision} | {recall} "
                f"| {erased} | {kept} of {len(rows)} | {_errors(runs, name, 'kept_error')} "
                f"| {points} | {goals} |"
            )
    return lines


def _groups(done: Sequence[Done]) -> list[tuple[tuple[str, ...], str]]:
    return list(
        dict.fromkeys((tuple(job["asked"]["case"]), job["asked"]["variant"]) for job in done)
    )


def _of(done: Sequence[Done], case: tuple[str, ...], variant: str | None = None) -> list[Done]:
    return [
        job
        for job in done
        if tuple(job["asked"]["case"]) == case and variant in (None, job["asked"]["variant"])
    ]


def _errors(runs: Sequence[Done], name: str, which: str = "error") -> str:
    errors = [1000 * _known(run["keypoints"][name][which]) / run["width"] for run in runs]
    return f"{np.median(errors):.1f} ({np.max(errors):.1f})"


def _follows(error: float | None, run: Done) -> bool:
    return _known(error) < FOLLOWED * run["width"]


def _known(error: float | None) -> float:
    """Return an error, infinite if there is none."""
    return float("inf") if error is None or np.isnan(error) else error


def _count(rows: Sequence[dict[str, Any]]) -> str:
    return f"{sum(row['tracked'] for row in rows)} of {len(rows)}"


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return f"{np.mean(known):.2f}" if known else "–"


def _title(case: tuple[str, ...]) -> str:
    task, size, factors = case
    return f"{task} {size}{' ' if factors else ''}{factors}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
