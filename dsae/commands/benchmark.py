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
rest. Tasks, states and seeds given to a finished one are added to those that it has. With --fewer
what learns from demonstrations learns from the first few alone, too.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

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
from dsae.commands.benchmark_options import ADDED, Options, joined, resolve
from dsae.commands.contestants import contestants
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.glimpse import Glimpse
from dsae.commands.grid import Grid, Orders, by_folder
from dsae.commands.stages import Stage, Stages
from policies import learners
from policies.learner import refuse_image, wants_velocities
from policies.state import PIXELS

ALL_SIGHTS = {"presence": 0.0, "per_thing": 1000}
"""How points are judged for what is learned without velocities: a network makes more of a doubtful
sight than of a filter's guess, of many points on a thing than of one (docs/results/cloning.md)."""


def run(options: Options) -> int:
    """Run every stage that is not finished, then write results, table and page."""
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
        boards = standings.gather(laid, work.failures, options.demonstrations or 0)
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
    if pixels:
        for one in seen.values():
            refuse_image(learner, one.image_shape)
    laid = grid.lay_out(
        out, tasks, states, options.seeds, seen, cameras=options.cameras, velocities=velocities,
        fewer=options.fewer,
    )  # fmt: skip
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
        "fewer": list(options.fewer),
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
