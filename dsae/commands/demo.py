"""The whole road once: collect, train, look, clone four policies, optimise three, compare, report.

Example:
    dsae demo --out runs/demo

Push at 64x64 pixels, five to fifteen minutes on two cores; `--quick` does all of it small, in
about a minute, with figures that mean nothing. It ends with report.html and results.json. An
interrupted demo goes on where it stopped.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from dsae.commands import opengl, runs
from dsae.commands.command_line import pairs
from dsae.commands.demo_report import ENCODERS, SEARCHES, STATES, gather, summary, write_page
from dsae.commands.options import Seed, runtime
from dsae.commands.stages import Stage, Stages
from dsae.commands.vision_loop import PRESENCE
from policies.learners import lqr_flm


@dataclass(frozen=True, kw_only=True)
class Options:
    """How large, and where."""

    quick: bool = False
    """All of it small, in about a minute."""
    seed: Seed = 0
    """Seed of everything; the fresh episodes are the same for every seed."""
    out: Path = runtime(Path("runs/demo"))
    """Run folder."""
    slots: Annotated[int, Field(gt=0)] = runtime(max(2, os.cpu_count() or 2))
    """Stages that may run at the same time, one thread each."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    episodes: int
    steps: int
    batch: int
    epochs: int
    rollouts: int
    prune: bool
    """Whether the points are worth choosing from."""
    searched: Mapping[str, Any]
    """Settings of the optimised trajectories, stronger than the loop's own (`vision_loop`)."""


FULL = Size(episodes=200, steps=2000, batch=8, epochs=100, rollouts=100, prune=True, searched={})
QUICK = Size(
    episodes=10, steps=25, batch=4, epochs=5, rollouts=4, prune=False,
    searched={"iterations": 2, "rollouts": 2},
)  # fmt: skip


def run(options: Options) -> int:
    """Run every stage that is not finished, then write report and results."""
    opengl.ensure()
    size = QUICK if options.quick else FULL
    stages = plan(options, size)
    with runs.open_run(options.out, "demo", options, overwrite=options.overwrite) as run_:
        if not run_.resumed:
            runs.say(f"{len(stages)} stages; what each prints is in {options.out}/*.log")
        work = Stages(stages, options.out, options.slots)
        seconds = work.run()
        results = {
            "quick": options.quick,
            "seed": options.seed,
            **gather(options.out, {one.name: seconds[one.name] for one in stages}, work.elapsed),
        }
        runs.save_json(options.out / "results.json", results)
        write_page(options.out, size.steps, stages, results)
        run_.finish()
    runs.say(summary(results))
    runs.say(f"report: {options.out / 'report.html'}")
    return 0


def plan(options: Options, size: Size) -> list[Stage]:
    """Return the stages, those that others wait for first."""
    out, seed = options.out, str(options.seed)
    data = out / "data"
    collect = ("collect", "push", "--episodes", str(size.episodes), "--seed",
               str(options.seed * size.episodes), "--workers", str(options.slots),
               "--out", str(data))  # fmt: skip
    stages = [
        Stage(name="collect", title="collecting episodes", arguments=collect, run_folder=data,
              slots=options.slots),
        Stage(name="sheet", title="drawing a contact sheet", needs=("collect",),
              arguments=("inspect", str(data), "--sheet", str(out / "sheet.png"))),
    ]  # fmt: skip
    for name in ENCODERS:
        folder = out / f"encoder-{name}"
        train = ("train", name, str(data), "--steps", str(size.steps), "--batch", str(size.batch),
                 "--seed", seed, "--threads", "1", "--out", str(folder))  # fmt: skip
        stages += [
            Stage(name=f"train-{name}", title=f"training {name}", arguments=train,
                  needs=("collect",), run_folder=folder),
            Stage(name=f"evaluate-{name}", title=f"evaluating {name}", needs=(f"train-{name}",),
                  arguments=("evaluate", str(folder), "--threads", "1")),
        ]  # fmt: skip
    drawn = ("overlay", str(out / "encoder-dsae"), "--out", str(out / "overlay.mp4"), "--overwrite")
    judge = _judge(out, size, "state-dsae")
    believed = ("overlay", str(out / "state-dsae"), "--goal", "last", "--out",
                str(out / "state.mp4"), "--overwrite")  # fmt: skip
    stages += [
        Stage(name="overlay", title="drawing points", arguments=drawn, needs=("evaluate-dsae",)),
        Stage(name="state", title="choosing points, fitting filters", arguments=judge,
              needs=("train-dsae",), run_folder=out / "state-dsae"),
        Stage(name="overlay-state", title="drawing the state", arguments=believed,
              needs=("state",)),
    ]  # fmt: skip
    for state in STATES:
        stages += _policy_stages(options, size, state)
    return stages + _search_stages(options, size)


def _judge(out: Path, size: Size, folder: str, **settings: Any) -> tuple[str, ...]:
    """Return the command that makes a state of the spatial autoencoder's points."""
    chosen = {"prune": size.prune, **settings}
    return ("state", str(out / "encoder-dsae"), "--threads", "1", *pairs("--set", chosen), "--out",
            str(out / folder))  # fmt: skip


def _search_stages(options: Options, size: Size) -> list[Stage]:
    """Return the optimisation of a trajectory on each state, all from nothing.

    The points' state is made as the loop makes it (`vision_loop`), of the demo's encoder.
    """
    out = options.out
    settings = {**lqr_flm.SEEN, **size.searched}
    stages = [
        Stage(name=SEARCHES["dsae"], title="fitting filters to what the hand half hides",
              arguments=_judge(out, size, SEARCHES["dsae"], presence=PRESENCE),
              needs=("train-dsae",), run_folder=out / SEARCHES["dsae"]),
    ]  # fmt: skip
    for state, source in SEARCHES.items():
        folder = out / f"search-{state}"
        learned = state in ENCODERS
        seen = str(out / source) if learned else source
        arguments = ("learn", "lqr_flm", "push", "--state", seen, "--seed", str(options.seed),
                     "--threads", "1", "--workers", "1", *pairs("--set", settings), "--out",
                     str(folder))  # fmt: skip
        stages.append(
            Stage(name=f"search-{state}", title=f"optimising a trajectory on {state}",
                  arguments=arguments, needs=(source,) if learned else (), run_folder=folder)
        )  # fmt: skip
    return stages


def _policy_stages(options: Options, size: Size, state: str) -> list[Stage]:
    out = options.out
    policy, rollout = out / f"policy-{state}", out / f"rollout-{state}"
    source = str(out / f"encoder-{state}") if state in ENCODERS else state
    learn = ("learn", "bc", "push", "--data", str(out / "data"), "--state", source, "--seed",
             str(options.seed), "--threads", "1", "--set", f"epochs={size.epochs}",
             "--out", str(policy))  # fmt: skip
    video = ("--video", str(out / "rollout.mp4")) if state == "dsae" else ()
    roll = ("rollout", str(policy), "--episodes", str(size.rollouts), "--workers", "1",
            "--out", str(rollout), *video)  # fmt: skip
    needs = f"train-{state}" if state in ENCODERS else "collect"
    return [
        Stage(name=f"learn-{state}", title=f"cloning on {state}", arguments=learn, needs=(needs,),
              run_folder=policy),
        Stage(name=f"rollout-{state}", title=f"rolling out {state}", arguments=roll,
              needs=(f"learn-{state}",), run_folder=rollout),
    ]  # fmt: skip
