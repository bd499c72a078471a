"""What benchmarks/disentanglement.py writes."""

import datetime
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from dsae.metrics.disentanglement import fixed_factor

Published = tuple[float, float] | None
"""A published figure in percent, and what stands behind its ±."""

MEASURES = {
    "factor_vae": "FactorVAE",
    "mig": "MIG",
    "sap": "SAP",
    "dci_disentanglement": "DCI D",
    "dci_completeness": "DCI C",
    "dci_informativeness": "DCI I",
    "modularity": "modularity",
}
PROTOCOL = f"""\
β-VAE metric: a point is the mean of |z_a − z_b| over L = {fixed_factor.PAIRS} pairs that share one
of the five factors (chance: 20), {fixed_factor.TRAIN_POINTS} points train a linear classifier,
{fixed_factor.TEST_POINTS} score it; {{pairs}}. What L, how many points and which training of the
classifier lie behind the published figures we could not verify, so there are two. "Adagrad":
softmax regression on the points as they are, rate {fixed_factor.ADAGRAD_RATE},
{fixed_factor.ADAGRAD_STEPS} batches of {fixed_factor.ADAGRAD_BATCH}, as in public implementations.
"Converged": logistic regression on standardised points, which no scale of a code's dimensions
changes. FactorVAE metric: {fixed_factor.VOTES} votes of {fixed_factor.GROUP} images, half as many
to score them. MIG, SAP, DCI (random forests; D, C, I are disentanglement, completeness and
informativeness) and modularity: {{images}}."""


def page(
    runs: dict[str, list[dict[str, Any]]],
    published: dict[str, Published],
    budget: str,
    pairs: str,
    images: str,
) -> str:
    """Return the results, by row, as Markdown."""
    lines = [
        "# Disentanglement on 2-D shapes",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {os.cpu_count()} cores, "
        f"{processor()}, torch {torch.__version__}.",
        "",
        f"{budget} Scores in percent, mean over the seeds ± half of the 95 % t-interval. "
        "Published: Higgins et al. 2017.",
        "",
        "## β-VAE metric",
        "",
        "| row | published | Adagrad | departs from the published interval by | converged "
        "| departs by |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in runs.items():
        known = published[name]
        cells = [f"{known[0]:g} ± {known[1]:g}" if known else "–"]
        for key in ("beta_vae_adagrad", "beta_vae_converged"):
            values = percents(group, key)
            cells += [interval(values), departure(known, values)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    protocol = " ".join(PROTOCOL.format(pairs=pairs, images=images).split())
    lines += ["", protocol, "", "## The other measures", ""]
    lines += [f"| row | {' | '.join(MEASURES.values())} |", "|---" * (len(MEASURES) + 1) + "|"]
    for name, group in runs.items():
        cells = [interval(percents(group, key)) for key in MEASURES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "## Training", ""]
    lines += ["| row | encoder | code | steps | learning rate | minutes | last terms of the log |"]
    lines += ["|---" * 7 + "|"]
    lines += [training_line(name, group) for name, group in runs.items()]
    return "\n".join(lines) + "\n\n"


def training_line(name: str, group: list[dict[str, Any]]) -> str:
    first = group[0]
    settings = " ".join(f"{key}={value}" for key, value in first["settings"].items())
    code = f"| {name} | {first['encoder'] or '–'} {settings} | {first['code']} "
    if not first["learns"]:
        return code + "| – | – | – | – |"
    minutes = np.mean([r["train_seconds"] for r in group]) / 60
    terms = ", ".join(
        f"{key} {np.mean([r['last_terms'][key] for r in group]):.4g}"
        for key in first["last_terms"]
        if "/" not in key  # of each dimension
    )
    return code + f"| {first['steps']} | {first['learning_rate']:g} | {minutes:.1f} | {terms} |"


def percents(group: list[dict[str, Any]], key: str) -> np.ndarray:
    return 100 * np.array([r["scores"][key] for r in group])


def interval(values: np.ndarray) -> str:
    if len(values) < 2:
        return f"{values.mean():.1f}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.1f} ± {half:.1f}"


def departure(known: Published, values: np.ndarray) -> str:
    """Return how far our mean lies outside the published interval."""
    if known is None:
        return "–"
    gap = values.mean() - np.clip(values.mean(), known[0] - known[1], known[0] + known[1])
    return f"{gap:+.1f}" if abs(gap) >= 0.05 else "inside"


def processor() -> str:
    """Return the processor's name as Linux knows it."""
    names = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return names[0].partition(":")[2].strip() if names else "unknown processor"
