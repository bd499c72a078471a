"""What a benchmark is asked for, with what an earlier call asked for and nothing left open."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from dsae import training
from dsae.commands import environments
from dsae.commands.environments import SomeNames, split
from dsae.commands.errors import UsageError
from dsae.commands.options import override, runtime

ADDED: dict[str, tuple[Any, ...]] = {
    "tasks": ("push",),
    "states": ("oracle", "blind", "dsae", "vae", "pixels"),
    "fewer": (),
}
"""Options that are lists, whose items are added to those of an earlier call; what they are where
neither gave any."""
SEEDS = 3
"""Likewise."""

Counts = Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(split)]
"""Whole numbers divided by commas; a YAML file may give a list."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compare, on how much of everything."""

    tasks: SomeNames = runtime(())
    """Short names of tasks or Gymnasium ids, divided by commas [push]."""
    states: SomeNames = runtime(())
    """Names of states, divided by commas [oracle,blind,dsae,vae,pixels]."""
    learner: str = "bc"
    """What learns on them."""
    seeds: Annotated[int, Field(gt=0, le=1000)] = runtime(0)
    """How many seeds everything is trained with: 0, 1, 2 and so on [3]."""
    episodes: Annotated[int, Field(gt=0)] | None = None
    """Episodes that each policy is rolled out in, the same for all [200]."""
    demonstrations: Annotated[int, Field(ge=3)] | None = None
    """Episodes of each task's noisy expert, to train encoders on and to learn from [100]."""
    fewer: Counts = runtime(())
    """Learn from the first 10, say, or 10,25,50 of these as well, for a curve of success over their
    number; the encoders, which need no actions, stay the same."""
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


def joined(options: Options, before: dict[str, Any]) -> Options:
    """Return the options with what an earlier call noted of lists and seeds.

    The usual ones are taken where neither gives any.
    """
    added: dict[str, Any] = {}
    for name, usual in ADDED.items():
        known = tuple(before.get(name, ()))
        # What is asked for twice stays so, for others to refuse.
        new = tuple(one for one in getattr(options, name) if one not in known)
        added[name] = (*known, *new) or usual
    added["fewer"] = tuple(sorted(added["fewer"]))
    seeds = max(options.seeds, before.get("seeds", 0)) or SEEDS
    return dataclasses.replace(options, **added, seeds=seeds)


def resolve(options: Options, learner: ModuleType) -> tuple[Options, dict[str, Any]]:
    """Return the options with nothing left open, and the learner's settings that are not its own.

    UsageError for a setting that the learner does not have, and for what goes with nothing else.
    """
    if options.encoder_steps and options.encoder_minutes:
        raise UsageError("benchmark: give --encoder-steps or --encoder-minutes, not both")
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
    _check_fewer(resolved, learner)
    return resolved, changed


def _check_fewer(options: Options, learner: ModuleType) -> None:
    """UsageError unless the counts of `fewer` are such, each once, and the learner is shown any."""
    fewer, every = options.fewer, options.demonstrations or 0
    if fewer and not learner.NEEDS_DATA:
        raise UsageError(f"benchmark: {options.learner} is shown no demonstrations: no --fewer")
    if len(set(fewer)) < len(fewer):
        raise UsageError(f"benchmark: fewer = {','.join(map(str, fewer))}: a number is there twice")
    if fewer and max(fewer) >= every:
        raise UsageError(f"benchmark: fewer = {max(fewer)}: there are {every} demonstrations")
