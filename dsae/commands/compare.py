"""Train and measure many encoders on the same data, over seeds: one table, one page.

Example:
    dsae compare runs/data/push --encoders dsae,vae,pca --minutes 2 --seeds 0,1,2

`--encoders all` takes every encoder that there is, with every preset. It ends with report.html,
table.md and results.json. An interrupted comparison goes on where it stopped, and an encoder that
fails does not stop the others. Encoders and seeds given to a finished one are added to those that
it has: every encoder gets every seed.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from data.dataset import Dataset
from dsae import encoders, training
from dsae.commands import (
    command_line,
    comparison,
    comparison_report,
    earlier,
    memory,
    runs,
    slots,
)
from dsae.commands.beside import available
from dsae.commands.devices import use_device
from dsae.commands.environments import SomeNames
from dsae.commands.errors import UsageError
from dsae.commands.options import argument, runtime
from dsae.commands.stages import Stage, Stages

ALL = "all"


def _texts(value: Any) -> Any:
    return [str(part) for part in value] if isinstance(value, list | tuple) else value


Seeds = Annotated[SomeNames, BeforeValidator(_texts)]
"""Numbers divided by commas; a YAML file may give a list of them."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compare, on how much time."""

    data: Path = argument()
    """Folder of the data set."""
    encoders: SomeNames = runtime((ALL,))
    """NAME[:preset] of each, divided by commas, or all."""
    steps: Annotated[int, Field(gt=0)] | None = None
    """Updates of each training [2000]."""
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Instead of steps: time of each training."""
    seeds: Seeds = runtime(("0",))
    """Seeds of the trainings, divided by commas; two or more give intervals."""
    batch: Annotated[int, Field(gt=0)] = training.Config.batch
    """Three-frame windows per update."""
    camera: str | None = None
    """Whose frames to use; the data set's first camera if left out."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the episodes kept from training, to measure on."""
    disentanglement: bool = runtime(True)
    """Also measure how separately the codes hold the true coordinates (some seconds each)."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: Annotated[int, Field(gt=0)] = 1
    """Threads of each process."""
    slots: Annotated[int, Field(gt=0)] | None = runtime(None)
    """Processes at the same time [as many as there are cores for their threads]."""
    memory: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = runtime(None)
    """GB that all processes together may take [what is free]."""
    out: Path | None = runtime(None)
    """Run folder [runs/compare/DATA]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Run every stage that is not finished, then write results, table and page."""
    if options.steps and options.minutes:
        raise UsageError("compare: give --steps or --minutes, not both")
    use_device(options.device, options.threads)
    asked_seeds = _seeds(options)
    dataset = Dataset.open(options.data)
    dataset.split(options.held_out)
    asked, left_out = _names(options, dataset)
    at_once, line = slots.fit(
        "compare", _each_gb(options, dataset), options.slots, options.threads, options.memory
    )
    out = options.out or Path("runs/compare") / options.data.name
    before = {} if options.overwrite else earlier.noted(out, "compare")
    # A comparison that ended before its encoders were noted still says `all`.
    known = [name for name in before.get("encoders", ()) if name != ALL]
    names = list(dict.fromkeys([*known, *asked]))
    seeds = list(dict.fromkeys([*map(int, before.get("seeds", ())), *asked_seeds]))
    stages = plan(options, names, seeds, out)
    again = []
    if options.disentanglement and not options.overwrite:
        again = earlier.lacking("disentanglement", stages, out)
    todo = options.overwrite or bool(again or earlier.missing(stages, out))
    with runs.open_run(out, "compare", options, overwrite=options.overwrite, redo=todo) as run_:
        run_.keep_to_data(dataset.fingerprint)
        run_.note_options(encoders=names, seeds=seeds)
        earlier.forget(again, out)
        if set(names) != set(asked):
            options = dataclasses.replace(options, encoders=tuple(names))
        options = dataclasses.replace(options, seeds=tuple(map(str, seeds)))
        for text in (*left_out, _announcement(options, stages, out), line):
            runs.say(text)
        work = Stages(stages, out, at_once, keep_going=True)
        seconds = work.run()
        run_.keep_to_data(Dataset.open(options.data).fingerprint)  # no episode came meanwhile
        outcomes = comparison.gather(out, names, seeds, work.failures)
        facts = {
            **_facts(options, dataset, seeds),
            "left_out": left_out,
            "memory": line,
            "largest_process_gb": slots.largest_process_gb() if todo else None,
            "stage_seconds": {stage.name: seconds.get(stage.name) for stage in stages},
            "total_seconds": work.elapsed,
        }
        comparison_report.write(out, facts, outcomes)
        if not work.failures:
            run_.finish()
    runs.say(comparison_report.summary(outcomes))
    runs.say(f"report: {out / 'report.html'}")
    if work.failures:
        failed = [outcome.name for outcome in outcomes if outcome.failures]
        runs.say(f"failed: {', '.join(failed)}; the same command tries them again")
    return 1 if work.failures else 0


def plan(options: Options, names: Sequence[str], seeds: Sequence[int], folder: Path) -> list[Stage]:
    """Return a training and an evaluation for every encoder and seed, seed after seed."""
    budget = (
        ("--minutes", str(options.minutes))
        if options.minutes
        else ("--steps", str(options.steps or training.Config.steps))
    )
    camera = ("--camera", options.camera) if options.camera else ()
    shared = ("--device", options.device, "--threads", str(options.threads))
    measured = ("--disentanglement",) if options.disentanglement else ()
    stages = []
    for seed in seeds:
        for name in names:
            slug = comparison.slug(name, seed)
            run_folder = folder / slug
            stages += [
                Stage(
                    name=f"train-{slug}",
                    title=f"training {name}, seed {seed}",
                    arguments=("train", name, str(options.data), *budget, "--batch",
                               str(options.batch), *camera, "--held-out", str(options.held_out),
                               "--seed", str(seed), *shared, "--out", str(run_folder)),
                    run_folder=run_folder,
                ),
                Stage(
                    name=f"evaluate-{slug}",
                    title=f"evaluating {name}, seed {seed}",
                    arguments=("evaluate", str(run_folder), *measured, *shared),
                    needs=(f"train-{slug}",),
                ),
            ]  # fmt: skip
    return stages


def _names(options: Options, dataset: Dataset) -> tuple[tuple[str, ...], list[str]]:
    """Return the encoders to compare, and a line for each that the data leaves out."""
    everything = options.encoders == (ALL,)
    names = encoders.names() if everything else options.encoders
    camera = dataset.camera(options.camera)
    there = available(dataset, camera, range(len(dataset)))
    found, left_out = [], []
    for name in names:
        if name in found:
            raise UsageError(f"compare: {name} is named twice")
        missing = [encoders.WORDS[need] for need in sorted(encoders.kind(name).needs - there)]
        if not missing:
            found.append(name)
            continue
        line = f"{name} needs the {' and '.join(missing)}, which {dataset.folder} does not have"
        if not everything:
            raise UsageError(line)
        left_out.append(f"left out: {line}")
    return tuple(found), left_out


def _seeds(options: Options) -> list[int]:
    seeds: list[int] = []
    for text in options.seeds:
        if not text.isdecimal():
            raise UsageError(f"compare: seeds are whole numbers like 0,1,2, not '{text}'")
        if int(text) in seeds:
            raise UsageError(f"compare: seed {int(text)} is named twice")
        seeds.append(int(text))
    return seeds


def _each_gb(options: Options, dataset: Dataset) -> float:
    """Return how many GB a training or an evaluation takes."""
    shape = dataset.image_shape(dataset.camera(options.camera))
    return memory.process_bytes(sum(dataset.lengths), shape) / memory.GB


def _announcement(options: Options, stages: Sequence[Stage], folder: Path) -> str:
    trainings = len(stages) // 2
    each = (
        f"{options.minutes:g} minutes"
        if options.minutes
        else f"{options.steps or training.Config.steps} steps"
    )
    left = len(earlier.missing(stages, folder))
    going_on = f", {left} stages left" if left < len(stages) else ""
    plural = "s" * (trainings > 1)
    return (
        f"{trainings} training{plural} of {each}{going_on}; what each prints is in {folder}/*.log"
    )


def _facts(options: Options, dataset: Dataset, seeds: list[int]) -> dict[str, Any]:
    """Return what the figures depend on, for the results and the page."""
    camera = dataset.camera(options.camera)
    return {
        "command": command_line.of("compare", options),
        "data": {
            "folder": str(options.data),
            "episodes": len(dataset),
            "frames": sum(dataset.lengths),
            "held_out_episodes": len(dataset.split(options.held_out)[1]),
            "camera": camera,
            "image_shape": dataset.image_shape(camera),
        },
        "budget": {
            "minutes": options.minutes,
            "steps": None if options.minutes else options.steps or training.Config.steps,
            "batch": options.batch,
            "threads": options.threads,
            "device": options.device,
        },
        "seeds": seeds,
    }
