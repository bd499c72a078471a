"""Collect episodes of a task: frames, robot state, actions and ground truth.

Example:
    dsae collect push --episodes 200 --controller noisy-expert --out runs/data/push

The task is a short name (see `dsae tasks`) or any Gymnasium id that renders; the controller is
expert, noisy-expert, random, or the run folder of a learned policy. The same seed gives the same
files whatever the number of workers, and an interrupted collection goes on where it stopped.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from data import collect as collection
from data import controllers
from dsae.commands import environments, opengl, runs
from dsae.commands.errors import UsageError
from dsae.commands.options import Seed, argument, runtime, source
from dsae.commands.progress import Bar
from policies import controller as learned


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to collect."""

    task: str = argument()
    """Short name of a task, or a Gymnasium id."""
    episodes: Annotated[int, Field(gt=0)] = 200
    """Number of episodes."""
    controller: str = source("noisy-expert")
    """expert, noisy-expert, random, or the run folder of a learned policy."""
    noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Exploration noise of a learned policy's actions, as a share of half their range [0]."""
    size: environments.Size | None = None
    """Image size in pixels, like 64 or 48x64 (height x width); 64 for our own tasks."""
    cameras: environments.SomeNames = ("front",)
    """Cameras that draw, like front,side; for an environment that has no choice, one name."""
    factors: environments.Names = ()
    """Factors of variation that are drawn for each episode, like lighting,camera_pose; or all."""
    max_steps: Annotated[int, Field(gt=0)] | None = None
    """Cut longer episodes here."""
    seed: Seed = 0
    """Seed of the first episode; the others count on from it."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the environment, such as action_mode=torque."""
    out: Path | None = runtime(None)
    """Folder of the data set [runs/data/TASK]."""
    workers: Annotated[int, Field(ge=0)] = runtime(os.cpu_count() or 1)
    """Processes; 0 collects in this one."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Collect and say what there is."""
    opengl.ensure()
    settings = environments.task_settings(
        options.task, options.size, options.cameras, options.factors, options.settings
    )
    make_env = environments.env_factory(options.task, settings)
    make_controller = _controller(options.controller, options.noise, make_env)
    folder = options.out or Path("runs/data") / environments.folder_name(options.task)
    redo = not options.overwrite and _has_lost_episodes(folder, options.episodes)
    with runs.open_run(folder, "collect", options, overwrite=options.overwrite, redo=redo) as run_:
        with Bar("collecting", options.episodes, "episode") as bar:
            report = collection.collect(
                folder,
                make_env,
                make_controller,
                episodes=options.episodes,
                seed=options.seed,
                workers=min(options.workers, options.episodes),
                cameras=options.cameras,
                meta={"task": options.task, "settings": settings, "controller": options.controller},
                max_steps=options.max_steps,
                progress=lambda p: bar.show(p.done, f"{p.frames_per_second:.0f} frames/s"),
            )
        run_.finish()
    runs.say(
        f"{report.episodes} episodes, {report.frames} frames in {folder} "
        f"({report.collected} new, {report.successes} successful, {report.seconds:.0f} s)"
    )
    return 0


def _has_lost_episodes(folder: Path, episodes: int) -> bool:
    """Whether a finished run lacks episodes, or holds damaged ones, that can be made again."""
    if not (folder / runs.CONFIG_FILE).is_file() or not runs.read_run(folder)["finished"]:
        return False
    return collection.missing(folder, episodes) > 0


def _controller(
    name: str, noise: float | None, make_env: Callable[[], controllers.Env]
) -> Callable[[], controllers.Controller]:
    """Return what makes a controller by its name, or else by the folder of a learned policy."""
    if name in controllers.NAMES or not Path(name).exists():
        if noise is not None:
            raise UsageError(f"--noise is a learned policy's: the controller is '{name}'")
        return controllers.by_name(name)
    env = make_env()
    try:
        learned.PolicyController(Path(name)).check(env)
    finally:
        env.close()
    return partial(learned.PolicyController, Path(name), noise or 0.0)
