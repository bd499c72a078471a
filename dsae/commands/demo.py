"""The whole road once: collect, train, look, clone four policies, compare, report.

Example:
    dsae demo --out runs/demo

Push at 64x64 pixels, about ten minutes on two cores; `--quick` does all of it small, in about a
minute, with figures that mean nothing. It ends with report.html and results.json. An interrupted
demo goes on where it stopped.
"""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from data.dataset import Dataset
from dsae import report
from dsae.commands import opengl, runs
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.options import Seed, runtime
from dsae.commands.rollout import RESULTS_FILE
from dsae.commands.stages import Stage, Stages
from dsae.commands.state import POINTS_FILE
from dsae.state.judging import percent
from envs.tasks import push

STATES = {
    "oracle": ("oracle", "told the block's true position by the simulator"),
    "dsae": ("spatial autoencoder", "sees 16 learned points in the image"),
    "vae": ("VAE", "sees a VAE's code of the image"),
    "blind": ("no vision", "knows nothing about the block"),
}
ENCODERS = ("dsae", "vae")


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


FULL = Size(episodes=200, steps=2000, batch=8, epochs=100, rollouts=100, prune=True)
QUICK = Size(episodes=10, steps=25, batch=4, epochs=5, rollouts=4, prune=False)


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
        results = gather(options, stages, seconds, work.elapsed)
        runs.save_json(options.out / "results.json", results)
        write_page(options, size, stages, results)
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
    judge = ("state", str(out / "encoder-dsae"), "--threads", "1", "--set",
             f"prune={str(size.prune).lower()}", "--out", str(out / "state-dsae"))  # fmt: skip
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


def gather(
    options: Options, stages: list[Stage], seconds: dict[str, float], elapsed: float
) -> dict[str, Any]:
    """Return every figure of the report under plain names."""
    out = options.out
    dataset = Dataset.open(out / "data")
    rollouts = {state: runs.read_json(out / f"rollout-{state}" / RESULTS_FILE) for state in STATES}
    oracle, ours, blind = (rollouts[s]["success_rate"] for s in ("oracle", "dsae", "blind"))
    return {
        "quick": options.quick,
        "seed": options.seed,
        "episodes": len(dataset),
        "frames": sum(dataset.lengths),
        "encoders": {
            name: runs.read_json(out / f"encoder-{name}" / EVALUATION_FILE) for name in ENCODERS
        },
        "points": next(iter(runs.read_json(out / "state-dsae" / POINTS_FILE).values()))["scores"],
        "success": {
            state: {key: figures[key] for key in _SUCCESS_KEYS}
            for state, figures in rollouts.items()
        },
        "learned_share_of_oracle": ours / oracle if oracle else None,
        "learned_points_above_blind": 100 * (ours - blind),
        "stage_seconds": {stage.name: seconds[stage.name] for stage in stages},
        "total_seconds": elapsed,
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "torch": version("torch"),
            "mujoco": version("mujoco"),
        },
    }


_SUCCESS_KEYS = ("successes", "episodes", "success_rate", "interval95", "median_distance_m")


def write_page(options: Options, size: Size, stages: list[Stage], results: dict[str, Any]) -> None:
    """Write report.html, everything in it taken from `results`."""
    out, success = options.out, results["success"]
    spatial, vae = (results["encoders"][name] for name in ENCODERS)
    report.write_report(
        out / "report.html",
        "demo.html.j2",
        quick=options.quick,
        point_count=len(spatial["points"]["spread"]),
        ours=success["dsae"],
        oracle=success["oracle"],
        blind=success["blind"],
        episodes=results["episodes"],
        frames=results["frames"],
        **spatial["image"],
        sheet=report.embed(out / "sheet.png"),
        overlay=report.embed(out / "overlay.mp4"),
        rollout=report.embed(out / "rollout.mp4"),
        state=report.embed(out / "state.mp4"),
        points=results["points"] or [],
        held_out_frames=spatial["held_out_frames"],
        keypoints=spatial["keypoints"],
        vae_keypoints=vae["keypoints"],
        px=lambda value: "–" if value is None else f"{value:.2f}",
        percent=percent,
        success_cm=f"{100 * push.CLOSE:.0f}",
        bars=[
            {"title": title, "text": text, "ours": state == "dsae", **success[state]}
            for state, (title, text) in STATES.items()
        ],
        steps=size.steps,
        code_size=spatial["code_size"],
        total_seconds=results["total_seconds"],
        machine=results["machine"],
        stages=[
            {"title": s.title, "command": s.command, "seconds": results["stage_seconds"][s.name]}
            for s in stages
        ],
    )


def summary(results: dict[str, Any]) -> str:
    """Return what a person wants to know, as text."""
    lines = ["", "tracking error on held-out episodes (best single point):"]
    keypoints = results["encoders"]["dsae"]["keypoints"]
    for name, row in keypoints.items():
        if row["tracking_px"] is not None:
            width = results["encoders"]["dsae"]["image"]["width"]
            lines.append(
                f"  {name.replace('_', ' '):20}{row['tracking_px']:6.2f} px of {width}"
                f"   (constant guess {row['constant_px']:.1f})"
            )
    lines.append("success on fresh seeds:")
    for state, (title, _) in STATES.items():
        figures = results["success"][state]
        low, high = figures["interval95"]
        lines.append(
            f"  {title:20}{figures['success_rate']:7.0%}   (95 % interval {low:.0%} to {high:.0%})"
        )
    lines.append(f"{results['total_seconds'] / 60:.1f} minutes")
    return "\n".join(lines)
