"""Learn policies on many states of many tasks, over seeds: one table, one page.

Example:
    dsae benchmark --tasks push --states oracle,blind,dsae,pixels --learner bc --seeds 3

Every state gets the same demonstrations of the task's noisy expert (for a learner that needs none,
encoders learn from their frames), the same learner and the same budget, and every policy is rolled
out on the same fresh episodes. A state is oracle, oracle_pose, blind, pixels (the image, which the
learner itself has to make sense of), NAME[:preset] of an encoder, or that with `+state`, filtered
by `dsae state`; a learner on velocities takes every encoder so, and with several cameras there is
an encoder for each and the state is made of all. It ends with report.html, table.md and
results.json. An interrupted benchmark goes on where it stopped, and what fails does not stop the
rest. Tasks, states and seeds given to a finished one are added to those that it has.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from dsae import training
from dsae.commands import (
    benchmark_report,
    command_line,
    earlier,
    environments,
    glimpse,
    grid,
    memory,
    opengl,
    runs,
    slots,
    standings,
    vision_loop,
)
from dsae.commands.contestants import contestants
from dsae.commands.devices import use_device
from dsae.commands.environments import SomeNames
from dsae.commands.errors import UsageError
from dsae.commands.glimpse import Glimpse
from dsae.commands.grid import Grid, Orders, by_folder
from dsae.commands.options import override, runtime
from dsae.commands.stages import Stage, Stages
from policies import learners
from policies.learner import wants_velocities
from policies.state import PIXELS

ADDED = ("tasks", "states")
"""Options whose names are added to those of an earlier call."""
ALL_SIGHTS = {"presence": 0.0, "per_thing": 1000}
"""How points are judged for what is learned without velocities: a network makes more of a doubtful
sight than of a filter's guess, of many points on a thing than of one (docs/results/cloning.md)."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compare, on how much of everything."""

    tasks: SomeNames = runtime(("push",))
    """Short names of tasks or Gymnasium ids, divided by commas."""
    states: SomeNames = runtime(("oracle", "blind", "dsae", "vae", "pixels"))
    """Names of states, divided by commas."""
    learner: str = "bc"
    """What learns on them."""
    seeds: Annotated[int, Field(gt=0, le=1000)] = runtime(3)
    """How many seeds everything is trained with: 0, 1, 2 and so on."""
    episodes: Annotated[int, Field(gt=0)] | None = None
    """Episodes that each policy is rolled out in, the same for all [200]."""
    demonstrations: Annotated[int, Field(ge=3)] | None = None
    """Episodes of each task's noisy expert, to train encoders on and to learn from [100]."""
    encoder_steps: Annotated[int, Field(gt=0)] | None = None
    """Updates of each encoder's training [2000]."""
    encoder_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Instead of steps: time of each encoder's training."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the learner, such as hidden=128."""
    quick: bool = False
    """All of it small, with figures that mean nothing."""
    target: Annotated[float, Field(gt=0, le=1)] = runtime(0.8)
    """Success until whose first sight samples and seconds are counted."""
    size: environments.Size | None = None
    """Image size in pixels; 64 for our own tasks."""
    cameras: SomeNames = ("front",)
    """Whose frames are seen, like front,side."""
    env: dict[str, Any] = field(default_factory=dict)
    """Further settings of the tasks, such as action_mode=torque."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: Annotated[int, Field(gt=0)] = 1
    """Threads of each process."""
    slots: Annotated[int, Field(gt=0)] | None = runtime(None)
    """Processes at the same time [as many as there are cores for their threads]."""
    memory: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = runtime(None)
    """GB that all processes together may take [what is free]."""
    out: Path | None = runtime(None)
    """Run folder [runs/benchmark/LEARNER]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


class Size(NamedTuple):
    """How much of everything, where the options leave it out."""

    episodes: int
    demonstrations: int
    encoder_steps: int


FULL = Size(episodes=200, demonstrations=100, encoder_steps=training.Config.steps)
QUICK = Size(episodes=4, demonstrations=6, encoder_steps=10)


def run(options: Options) -> int:
    """Run every stage that is not finished, then write results, table and page."""
    if options.encoder_steps and options.encoder_minutes:
        raise UsageError("benchmark: give --encoder-steps or --encoder-minutes, not both")
    use_device(options.device, options.threads)
    opengl.ensure()
    learner = learners.module(options.learner)
    out = options.out or Path("runs/benchmark") / options.learner
    before = {} if options.overwrite else earlier.noted(out, "benchmark")
    asked = joined(options, before)
    options, changed = resolve(asked, learner)
    laid, each = lay_out(options, out, learner)
    at_once, line = slots.fit("benchmark", each, options.slots, options.threads, options.memory)
    stages = grid.plan(laid, orders(options, changed, learner, at_once))
    todo = options.overwrite or bool(earlier.missing(stages, out))
    redo = todo or before.get("target") != options.target
    with runs.open_run(out, "benchmark", options, overwrite=options.overwrite, redo=redo) as run_:
        run_.note_options(**{name: getattr(options, name) for name in (*ADDED, "seeds", "target")})
        for text in (*laid.left_out.values(), _announcement(laid, stages), line):
            runs.say(text)
        work = Stages(stages, out, at_once, keep_going=True)
        seconds = work.run()
        boards = standings.gather(laid, work.failures, options.target)
        facts = {
            **_facts(options, laid, learner),
            "command": command_line.of("benchmark", asked),
            "processes": line,
            "largest_process_gb": slots.largest_process_gb() if todo else None,
            "stages": [
                {"title": s.title, "command": s.command, "seconds": seconds.get(s.name)}
                for s in stages
            ],
            "total_seconds": work.elapsed,
        }
        benchmark_report.write(out, facts, boards)
        if not work.failures:
            run_.finish()
    runs.say(benchmark_report.summary(boards, options.target))
    runs.say(f"report: {out / 'report.html'}")
    if work.failures:
        runs.say(f"{len(work.failures)} stages failed; the same command tries them again")
    return 1 if work.failures else 0


def joined(options: Options, before: dict[str, Any]) -> Options:
    """Return the options with the tasks, states and seeds that an earlier call noted."""
    added: dict[str, Any] = {}
    for name in ADDED:
        known = tuple(before.get(name, ()))
        # What is asked for twice stays so, for others to refuse.
        added[name] = (*known, *(one for one in getattr(options, name) if one not in known))
    return dataclasses.replace(options, **added, seeds=max(options.seeds, before.get("seeds", 0)))


def resolve(options: Options, learner: ModuleType) -> tuple[Options, dict[str, Any]]:
    """Return the options with nothing left open, and the learner's settings that are not its own.

    UsageError for a setting that the learner does not have.
    """
    size = QUICK if options.quick else FULL
    base = learner.SMALL if options.quick else learner.Config()
    config = override(base, options.settings, where=f"learner {options.learner}")
    settings = vars(config)
    usual = vars(learner.Config())
    changed = {name: value for name, value in settings.items() if value != usual[name]}
    steps = None if options.encoder_minutes else options.encoder_steps or size.encoder_steps
    resolved = dataclasses.replace(
        options,
        episodes=options.episodes or size.episodes,
        demonstrations=options.demonstrations or size.demonstrations,
        encoder_steps=steps,
        settings=settings,
    )
    return resolved, changed


def lay_out(options: Options, out: Path, learner: ModuleType) -> tuple[Grid, float]:
    """Return the grid, and how many GB its largest process takes; nothing is made yet.

    Raises UsageError, PolicyError or TaskError for what does not exist or fit (`grid.lay_out`).
    """
    velocities = wants_velocities(learner, learner.Config(**options.settings))
    several = len(options.cameras) > 1
    why = "for a learner on velocities" if velocities else "of several cameras" if several else ""
    states = contestants(options.states, all_filtered=why)
    pixels = any(state.name == PIXELS for state in states)
    if pixels and several:
        raise UsageError(f"benchmark: {PIXELS} looks through one camera: name one in --cameras")
    for state in states:
        learner.check(state.name)
    tasks = by_folder(options.tasks)
    demonstrated = learner.NEEDS_DATA or any(state.encoder for state in states)
    seen = {
        place: glimpse.look(
            task,
            environments.task_settings(task, options.size, options.cameras, (), options.env),
            demonstrated=demonstrated,
        )
        for place, task in tasks.items()
    }
    laid = grid.lay_out(
        out, tasks, states, options.seeds, seen, cameras=options.cameras, velocities=velocities
    )
    looking = learner if pixels else None
    return laid, max(_gb(one, options, looking) for one in seen.values())


def orders(options: Options, changed: dict[str, Any], learner: ModuleType, at_once: int) -> Orders:
    """Return what the stages of each verb are told."""
    shared = ("--device", options.device, "--threads", str(options.threads))
    size = ("--size", options.size) if options.size else ()
    cameras = ",".join(options.cameras)
    budget = (
        ("--minutes", str(options.encoder_minutes))
        if options.encoder_minutes
        else ("--steps", str(options.encoder_steps))
    )
    acts = not learner.NEEDS_DATA
    return Orders(
        collect=("--episodes", str(options.demonstrations), *size, "--cameras", cameras,
                 *command_line.pairs("--set", options.env), "--workers", str(at_once)),
        train=(*budget, *shared),
        state=(*shared, *command_line.pairs("--set", _judged(options, learner))),
        learn=(options.learner, *shared, "--workers", "1",
               *command_line.pairs("--set", changed),
               *(command_line.pairs("--env", options.env) if acts else ())),
        learn_pixels=(*size, "--camera", cameras) if acts else (),
        rollout=("--episodes", str(options.episodes), "--workers", "1", "--device",
                 options.device),
        demonstrated=learner.NEEDS_DATA,
        slots=at_once,
    )  # fmt: skip


def _judged(options: Options, learner: ModuleType) -> dict[str, Any]:
    """Return the settings that points are judged by; those of its loop if the learner has one."""
    judged: dict[str, Any] = {}
    if hasattr(learner, "FIRST"):
        judged["presence"] = vision_loop.PRESENCE
    elif not wants_velocities(learner, learner.Config(**options.settings)):
        judged |= ALL_SIGHTS
    if options.quick:
        judged["prune"] = False  # of points that hardly learned anything, none is worth keeping
    return judged


def _gb(task: Glimpse, options: Options, looking: ModuleType | None) -> float:
    """Return about how many GB the largest process for a task takes.

    `looking` is the learner if it looks at images itself.
    """
    frames = (options.demonstrations or 0) * task.steps
    taken = memory.process_bytes(frames * len(options.cameras), task.image_shape)
    if looking and looking.NEEDS_DATA:
        taken += memory.looking_bytes(task.image_shape, cloned=frames)
    elif looking:
        buffer, steps = (options.settings.get(name, 0) for name in ("buffer", "steps"))
        taken += memory.looking_bytes(task.image_shape, replayed=min(buffer, steps))
    return taken / memory.GB


def _facts(options: Options, laid: Grid, learner: ModuleType) -> dict[str, Any]:
    """Return what the figures depend on, for the results and the page."""
    return {
        "learner": options.learner,
        "settings": options.settings,
        "needs_data": learner.NEEDS_DATA,
        "tasks": list(laid.tasks),
        "episodes": options.episodes,
        "demonstrations": options.demonstrations,
        "cameras": list(options.cameras),
        "judged": _judged(options, learner) if any(s.filtered for s in laid.contestants) else None,
        "encoder": {"steps": options.encoder_steps, "minutes": options.encoder_minutes},
        "seeds": list(range(options.seeds)),
        "target": options.target,
        "quick": options.quick,
        "device": options.device,
        "left_out": list(laid.left_out.values()),
    }


def _announcement(laid: Grid, stages: Sequence[Stage]) -> str:
    policies = len(list(laid.cells()))
    left = len(earlier.missing(stages, laid.folder))
    going_on = f", {left} left" if left < len(stages) else ""
    return (
        f"{policies} {'policies' if policies > 1 else 'policy'}, {len(stages)} stages{going_on}; "
        f"what each prints is in {laid.folder}/*.log"
    )
