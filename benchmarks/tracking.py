"""Does a feature point follow every object, for every seed? All tasks, and one change at a time.

    python benchmarks/tracking.py --seeds 41 42 43 44 45 46 47 48 49 50 --minutes 2
    python benchmarks/tracking.py --study ablation --seeds 31 32 33 --minutes 1.5

Each training runs in a process of its own with one thread, as many at a time as `--slots`; episodes
are collected if they are not there. Writes docs/results/tracking.md (the study `tasks`) or
tracking_ablation.md, where the section "Notes" stays as it was. Interrupted, it goes on; what is
finished is not run again, but measured again with `--again`.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tracking_measures import follow, measure
from tracking_page import page

from data.dataset import Dataset
from data.windows import Windows
from dsae import checkpoint, encoders, training
from dsae.checkpoint import write_atomically
from dsae.commands import opengl, stages
from dsae.encoder import Encoder

EPISODES = 200
HELD_OUT = 0.1
NOTES = "## Notes"


class Case(NamedTuple):
    """What a table has one row, or one column, of."""

    task: str
    size: str = "64"
    factors: str = ""

    @property
    def name(self) -> str:
        """For files and folders."""
        return "-".join(part.replace(",", "+") for part in self if part)


class Variant(NamedTuple):
    """An encoder and its settings."""

    encoder: str = "dsae"
    settings: dict[str, Any] = {}  # noqa: RUF012


HARD = tuple(map(Case, ("push", "arrange_toys", "lift_block")))
OTHERS = tuple(map(Case, ("reach", "open_drawer", "scoop_bag", "hang_loop")))
SIZES = (Case("push", "128"), Case("push", "64x96"))
LARGE = (Case("push", "240"),)
FACTORS = tuple(
    Case("push", factors=name)
    for name in ("object_color", "object_size", "object_texture", "lighting", "camera_pose",
                 "table_texture", "distractors", "moving_distractors")
)  # fmt: skip
RECOMMENDED = {"recommended": Variant()}
ABLATION = {
    **RECOMMENDED,
    "random start": Variant(settings={"start": "random"}),
    "no waiting": Variant(settings={"waiting": 0.0, "easing": 0.0}),
    "published slowness": Variant(settings={"jump": 0.0}),
    "slowness 1": Variant(settings={"slowness": 1.0}),
    "slowness 1, published": Variant(settings={"slowness": 1.0, "jump": 0.0}),
    "no slowness": Variant(settings={"slowness": 0.0}),
    "plain squared error": Variant(settings={"foreground_weight": 0.0}),
    "foreground weight 0.9": Variant(settings={"foreground_weight": 0.9}),
    "8 points": Variant(settings={"points": 8}),
    "32 points": Variant(settings={"points": 32}),
    "none of the three": Variant(
        settings={"start": "random", "waiting": 0.0, "easing": 0.0, "jump": 0.0, "slowness": 1.0}
    ),
    "linear decoder": Variant(settings={"decoder": "linear"}),
    "published (finn2016)": Variant("dsae:finn2016"),
}
STUDIES: dict[str, tuple[tuple[Case, ...], dict[str, Variant]]] = {
    "tasks": ((*HARD, *OTHERS, *SIZES, *LARGE), RECOMMENDED),
    "ablation": (HARD, ABLATION),
    "factors": (FACTORS, {**RECOMMENDED, "random start": ABLATION["random start"]}),
}
FEWER = {**dict.fromkeys((*OTHERS, *SIZES), 3), **dict.fromkeys(LARGE, 1)}
"""Seeds of the cases that have fewer."""


class Job(NamedTuple):
    """One training and what is measured of it."""

    case: Case
    variant: str
    encoder: str
    settings: dict[str, Any]
    seed: int
    minutes: float
    out: Path
    again: bool
    states: bool
    """Whether presence, pruning and goals are measured as well."""

    @property
    def label(self) -> str:
        """For its files."""
        words = self.variant.translate(str.maketrans({" ": "-", "(": "", ")": ""}))
        return f"{self.case.name}-{words}-{self.seed}"

    @property
    def asked(self) -> dict[str, Any]:
        """What decides the figures."""
        parts = self._asdict() | {"case": list(self.case)}
        return {k: v for k, v in parts.items() if k not in ("out", "again", "states")}


Measured = Callable[[Encoder, Windows, Windows], dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--study", choices=list(STUDIES), default="tasks")
    parser.add_argument("--tasks", nargs="+", help="these cases alone, such as push or push-128")
    parser.add_argument("--variants", nargs="+", help="these variants alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(41, 51)))
    parser.add_argument("--minutes", type=float, default=2.0, help="of a training")
    parser.add_argument("--data-seed", type=int, default=5000, help="of the first episode")
    parser.add_argument("--slots", type=int, default=2, help="processes at a time")
    parser.add_argument("--again", action="store_true", help="measure what is trained again")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/tracking"))
    arguments = parser.parse_args()
    opengl.ensure()
    os.environ.update({"OMP_NUM_THREADS": "1", stages.PARENT_VARIABLE: str(os.getpid())})
    planned = list(jobs(arguments))
    for case in dict.fromkeys(job.case for job in planned):
        collect(case, arguments)
    with ProcessPoolExecutor(
        arguments.slots,
        multiprocessing.get_context("spawn"),
        initializer=stages.end_with_parent,
        max_tasks_per_child=1,
    ) as pool:
        done = list(pool.map(run, planned))
    name = "tracking.md" if arguments.study == "tasks" else f"tracking_{arguments.study}.md"
    results = Path("docs/results") / name
    text = page(arguments.study, done, " ".join(["python", *sys.argv]))
    results.parent.mkdir(parents=True, exist_ok=True)
    before = results.read_text(encoding="utf-8") if results.exists() else ""
    results.write_text(text + NOTES + (before.partition(NOTES)[2] or "\n"), encoding="utf-8")
    print(text)


def jobs(arguments: argparse.Namespace) -> Iterator[Job]:
    """Give every training, those of one seed after those of another."""
    cases, variants = STUDIES[arguments.study]
    for index, seed in enumerate(arguments.seeds):
        for case in cases:
            if arguments.tasks and case.name.removesuffix("-64") not in arguments.tasks:
                continue
            if index >= FEWER.get(case, len(arguments.seeds)):
                continue
            for name, variant in variants.items():
                if not arguments.variants or name in arguments.variants:
                    rest = seed, arguments.minutes, arguments.out, arguments.again
                    yield Job(case, name, *variant, *rest, arguments.study == "tasks")


def collect(case: Case, arguments: argparse.Namespace) -> None:
    """Collect the case's episodes unless they are there."""
    folder = arguments.out / "data" / case.name
    if (folder / "done").exists():
        return
    extra = ["--factors", case.factors] if case.factors else []
    subprocess.run(
        [sys.executable, "-m", "dsae", "collect", case.task, "--episodes", str(EPISODES), "--size",
         case.size, "--seed", str(arguments.data_seed), "--workers", str(arguments.slots), *extra,
         "--out", str(folder)],
        check=True,
    )  # fmt: skip
    (folder / "done").touch()


def run(job: Job) -> dict[str, Any]:
    """Train and measure, or read what was measured before."""
    torch.set_num_threads(1)
    path = job.out / f"{job.label}.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["asked"] != json.loads(json.dumps(job.asked)):
            sys.exit(f"{path} is of other options: choose another --out")
        if not job.again:
            return kept
    dataset = Dataset.open(job.out / "data" / job.case.name)
    train, test = (Windows(dataset, None, part) for part in dataset.split(HELD_OUT))
    folder = job.out / job.label
    figures_of: Measured = measure if job.states else follow
    if path.exists():
        return written(path, job, kept | figures_of(checkpoint.load(folder), train, test))
    encoder = encoders.create(job.encoder, train.frame_shape, seed=job.seed, settings=job.settings)
    config = training.Config(
        steps=planned_steps(job, encoder, train), batch=8, learning_rate=2e-3, seed=job.seed
    )
    begin = time.process_time()
    training.fit(encoder, train, config, folder=folder)
    seconds = time.process_time() - begin
    figures = {"asked": job.asked, "steps": config.steps, "seconds": seconds}
    (folder / checkpoint.CHECKPOINT_FILE).unlink(missing_ok=True)
    return written(path, job, figures | figures_of(encoder, train, test))


def written(path: Path, job: Job, figures: dict[str, Any]) -> dict[str, Any]:
    """Keep the figures of a training, and return them as they will be read."""
    write_atomically(path, (json.dumps(figures, indent=1) + "\n").encode())
    print(f"{job.label}: {figures['steps']} steps, {summary(figures)}", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def planned_steps(job: Job, encoder: Encoder, windows: Windows) -> int:
    """Return the steps of all trainings of this case and variant, measured once and kept."""
    path = job.out / f"{job.case.name}-{job.variant}-{job.minutes:g}-steps.json"
    if not path.exists():
        steps = training.steps_in(job.minutes, encoder, windows, training.Config(batch=8))
        write_atomically(path, json.dumps(steps).encode())
    return json.loads(path.read_text(encoding="utf-8"))


def summary(figures: dict[str, Any]) -> str:
    """Return the errors in a line."""
    cells = [f"{name} {row['error']:.2f}" for name, row in figures["keypoints"].items()]
    kept = f"; {figures['kept']} kept" if "kept" in figures else ""
    return f"{', '.join(cells)}{kept}"


if __name__ == "__main__":
    main()
