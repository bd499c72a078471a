"""The β-VAE paper's table on 2-D shapes, and encoders and measures that it does not have.

    python benchmarks/disentanglement.py --seeds 11 12 13 --minutes 5 --slots 1

Each row and seed runs in a process of its own with one thread. Writes
docs/results/disentanglement.md, where the section "Notes" stays as it was. Interrupted, it goes on;
what is finished is not run again.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from disentanglement_page import page

from data.shapes2d import FACTOR_SIZES, FACTORS, Shapes2D, ShapeWindows
from dsae import encoders, training
from dsae.checkpoint import write_atomically
from dsae.commands import stages
from dsae.encoder import Encoder
from dsae.metrics.disentanglement import (
    Recorded,
    beta_vae_score,
    dci,
    factor_vae_score,
    mig,
    modularity,
    sap,
)

RESULTS = Path("docs/results/disentanglement.md")
NOTES = "## Notes"
SHAPE = (64, 64, 1)
BATCH = 64  # images in a step
# The paper's, for 2-D shapes: ten numbers, fully connected, each pixel a Bernoulli variable. Its
# layers have 1200 units: with 512 a budget of minutes shows the network 2.5 times as many images.
LATENT = {
    "code": 10,
    "network": "dense",
    "hidden": (512, 512),
    "scale": 1,
    "likelihood": "bernoulli",
    "background": False,
    "foreground_weight": 0.0,
}
SPATIAL = {"slowness": 0.0}  # without time nothing is slow
POOL = 10_000  # images that codes are taken of, twice
WIDE = 64  # a code of more dimensions is measured on fewer images where each is looked at alone
WIDE_POOL = 2_000
CHUNK = 500  # images encoded at once
CATEGORICAL = (FACTORS.index("shape"),)
SAY_EVERY = 30.0  # (seconds) between two lines of a training


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    encoder: str = ""
    """Empty for the factors themselves."""
    settings: dict[str, Any] = field(default_factory=dict)
    trained: bool = True
    length: int = 1
    """Images in a window: an encoder of videos takes three, here without any relation."""
    learning_rate: float = 1e-3
    published: tuple[float, float] | None = None
    """The paper's β-VAE metric in percent, and what it gives behind ±."""


ROWS = {
    "ground truth": Row(trained=False, published=(100, 0)),
    "raw pixels": Row(encoder="pixels", settings={"side": 64}, published=(45.75, 0.8)),
    "PCA": Row(encoder="pca", settings={"code": 10}, published=(84.9, 0.4)),
    "ICA": Row(encoder="ica", settings={"code": 10}, published=(42.03, 10.6)),
    "untrained VAE": Row(encoder="vae", settings=LATENT, trained=False, published=(44.14, 2.5)),
    "VAE": Row(encoder="vae", settings=LATENT, published=(61.58, 0.5)),
    "β-VAE": Row(encoder="vae", settings={**LATENT, "beta": 4.0}, published=(99.23, 0.1)),
    "β-TCVAE": Row(encoder="tcvae", settings=LATENT),
    "InfoVAE": Row(encoder="infovae", settings=LATENT),
    "AAE": Row(encoder="aae", settings=LATENT),
    "spatial, 16 points": Row(encoder="dsae", settings=SPATIAL, length=3, learning_rate=2e-3),
    "spatial, 5 points": Row(
        encoder="dsae", settings={**SPATIAL, "points": 5}, length=3, learning_rate=2e-3
    ),
    "spatial, published": Row(
        encoder="dsae:finn2016", settings=SPATIAL, length=3, learning_rate=2e-3
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--minutes", type=float, default=5.0, help="of a training")
    parser.add_argument("--steps", type=int, help="of a training, instead of minutes")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS), metavar="ROW")
    parser.add_argument("--slots", type=int, default=1, help="processes at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/disentanglement"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # For the processes, which read them when they start.
    os.environ.update({"OMP_NUM_THREADS": "1", stages.PARENT_VARIABLE: str(os.getpid())})
    with ProcessPoolExecutor(
        arguments.slots,
        multiprocessing.get_context("spawn"),
        initializer=stages.end_with_parent,
        max_tasks_per_child=1,
    ) as pool:
        steps = all_done(pool, plan, [(name, arguments) for name in arguments.rows])
        planned = list(zip(arguments.rows, steps, strict=True))
        jobs = [
            (name, seed, steps, arguments.out)
            for seed in arguments.seeds
            for name, steps in planned
        ]
        results = all_done(pool, run, jobs)
    budget = f"{arguments.steps} steps" if arguments.steps else f"{arguments.minutes:g} minutes"
    text = page(
        {name: [r for r in results if r["row"] == name] for name in arguments.rows},
        {name: row.published for name, row in ROWS.items()},
        f"Seeds {', '.join(map(str, arguments.seeds))}; {budget} a training, in steps of {BATCH} "
        f"images (Adam; {BATCH // 3} windows of three unrelated images for the spatial encoders), "
        f"one thread a run, {arguments.slots} at a time.",
        f"the pairs are found among {POOL} random images for training and {POOL} for scoring",
        f"{POOL} images, {WIDE_POOL} for codes of more than {WIDE} numbers",
    )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    before = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    RESULTS.write_text(text + NOTES + (before.partition(NOTES)[2] or "\n"), encoding="utf-8")
    print(text)


def all_done(pool: ProcessPoolExecutor, work: Callable[..., Any], jobs: list[tuple]) -> list[Any]:
    """Return what the work gives for each job, in their order; the first error ends all."""
    futures = [pool.submit(work, *job) for job in jobs]
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return [future.result() for future in futures]


def plan(name: str, arguments: argparse.Namespace) -> int:
    """Return the steps of a row's trainings, measured once and kept."""
    row = ROWS[name]
    if not row.encoder or not row.trained:
        return 0
    if arguments.steps:
        return arguments.steps
    asked = {"minutes": arguments.minutes, **described(name)}
    path = arguments.out / f"{label(name)}-steps.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        steps = kept.pop("steps")
        refuse_another(path, kept, asked)
        return steps
    torch.set_num_threads(1)
    encoder, windows = untrained(row, seed=0), ShapeWindows(Shapes2D(), length=row.length)
    steps = training.steps_in(arguments.minutes, encoder, windows, training_config(row, 0, 1))
    save(path, {**asked, "steps": steps})
    print(f"{name}: {steps} steps in {arguments.minutes:g} minutes", flush=True)
    return steps


def run(name: str, seed: int, steps: int, out: Path) -> dict[str, Any]:
    """Train (or go on training) one row with one seed and return its figures, kept in a file."""
    row = ROWS[name]
    asked = {**described(name), "seed": seed, "steps": steps}
    path = out / f"{label(name)}-{seed}.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        refuse_another(path, {key: kept.get(key) for key in asked}, asked)
        return kept
    torch.set_num_threads(1)
    shapes, begin = Shapes2D(), time.monotonic()
    last: dict[str, float] = {}
    encoder = untrained(row, seed) if row.encoder else None
    if encoder and steps:
        windows, config = ShapeWindows(shapes, length=row.length), training_config(row, seed, steps)
        training.fit(
            encoder, windows, config, folder=out / f"{label(name)}-{seed}",
            log=lambda step, terms: last.update(terms),
            on_step=teller(f"{name}, seed {seed}", steps),
        )  # fmt: skip
    trained = time.monotonic() - begin
    scores = measure(encoder, shapes, np.random.default_rng(seed))
    figures = {
        **asked,
        "code": encoder.feature_size if encoder else len(FACTORS),
        "learns": bool(encoder and encoder.learns and steps),
        "train_seconds": round(trained, 1),
        "measure_seconds": round(time.monotonic() - begin - trained, 1),
        "last_terms": last,
        "scores": scores,
    }
    save(path, figures)
    shown = ", ".join(f"{key} {100 * scores[key]:.1f}" for key in scores)
    print(f"{name}, seed {seed}: {shown} ({time.monotonic() - begin:.0f} s)", flush=True)
    return figures


def measure(
    encoder: Encoder | None, shapes: Shapes2D, rng: np.random.Generator
) -> dict[str, float]:
    """Return every score of an encoder, or of the factors themselves."""
    factors, others = shapes.sample(rng, POOL), shapes.sample(rng, POOL)
    codes, other_codes = codes_of(encoder, shapes, factors), codes_of(encoder, shapes, others)
    train, test = Recorded(codes, factors), Recorded(other_codes, others)
    rows = POOL if codes.shape[1] <= WIDE else WIDE_POOL
    codes, factors, seed = codes[:rows], factors[:rows], int(rng.integers(2**31))
    parts = dci(codes, factors, categorical=CATEGORICAL, seed=seed)
    return {
        "beta_vae_adagrad": beta_vae_score(train, test, rng, classifier="adagrad"),
        "beta_vae_converged": beta_vae_score(train, test, rng),
        "factor_vae": factor_vae_score(train, test, rng),
        "mig": mig(codes, factors),
        "sap": sap(codes, factors, categorical=CATEGORICAL, seed=seed),
        **{f"dci_{key}": value for key, value in parts._asdict().items()},
        "modularity": modularity(codes, factors),
    }


def codes_of(encoder: Encoder | None, shapes: Shapes2D, factors: np.ndarray) -> np.ndarray:
    if encoder is None:
        return factors / (np.array(FACTOR_SIZES) - 1)
    numbers = np.split(shapes.index(factors), range(CHUNK, len(factors), CHUNK))
    return np.concatenate([encoder.encode(shapes.images(n)).features.numpy() for n in numbers])


def untrained(row: Row, seed: int) -> Encoder:
    return encoders.create(row.encoder, SHAPE, seed=seed, settings=row.settings)


def training_config(row: Row, seed: int, steps: int) -> training.Config:
    batch = BATCH // row.length
    return training.Config(steps=steps, batch=batch, learning_rate=row.learning_rate, seed=seed)


def described(name: str) -> dict[str, Any]:
    """Return what a row's results depend on, as JSON gives it back."""
    row = ROWS[name]
    values = {
        "row": name,
        "encoder": row.encoder,
        "settings": row.settings,
        "length": row.length,
        "batch": BATCH,
        "learning_rate": row.learning_rate,
        "pools": [POOL, WIDE, WIDE_POOL],
    }
    return json.loads(json.dumps(values))


def refuse_another(path: Path, kept: dict[str, Any], asked: dict[str, Any]) -> None:
    changed = [key for key in asked if kept.get(key) != asked[key]]
    if changed:
        sys.exit(f"{path} is of another {', '.join(changed)}: choose another --out")


def teller(title: str, steps: int) -> Callable[[int], None]:
    """Return what says now and then how far a training is."""
    begun: list[float] = []  # when and at which step this process took its first one
    said = time.monotonic()

    def tell(step: int) -> None:
        nonlocal said
        now = time.monotonic()
        begun[:] = begun or [now, step]
        if now - said > SAY_EVERY and step > begun[1]:
            said = now
            left = (now - begun[0]) / (step - begun[1]) * (steps - step) / 60
            print(f"{title}: step {step} of {steps}, {left:.1f} minutes left", flush=True)

    return tell


def label(name: str) -> str:
    return name.translate(str.maketrans({" ": "-", ",": "", "β": "beta"}))


def save(path: Path, values: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(values, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
