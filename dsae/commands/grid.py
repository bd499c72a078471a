"""The cells of a benchmark, task x state x seed, and the stages that they are made by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dsae.commands import environments
from dsae.commands.contestants import FILTERED, Contestant, slug
from dsae.commands.errors import UsageError
from dsae.commands.glimpse import Glimpse, why_not
from dsae.commands.stages import Stage


@dataclass(frozen=True)
class Cell:
    """One state on one task, learned on with one seed."""

    folder: Path
    """Of all that is made for the task."""
    task: str
    contestant: Contestant
    seed: int
    cameras: tuple[str, ...]
    shown: int | None = None
    """How many of the demonstrations are learned from, if not all."""

    @property
    def data(self) -> Path:
        """The demonstrations, which all cells of the task share."""
        return self.folder / "data"

    @property
    def encoders(self) -> dict[str, Path]:
        """Run folders of the encoder, one by camera, which all states of it share."""
        several = len(self.cameras) > 1
        return {name: self._encoder(f"-{name}" if several else "") for name in self.cameras}

    @property
    def estimator(self) -> Path:
        """What `dsae state` makes of the encoder, or of the encoders of all cameras."""
        encoder = self._encoder()
        return encoder.with_name(encoder.name + FILTERED)

    def _encoder(self, camera: str = "") -> Path:
        return self.folder / "encoders" / f"{slug(self.contestant.encoder)}{camera}-s{self.seed}"

    @property
    def policy(self) -> Path:
        """Run folder of the learning."""
        few = f"-n{self.shown}" if self.shown else ""
        return self.folder / f"{self.contestant.slug}-s{self.seed}{few}" / "policy"

    @property
    def rollout(self) -> Path:
        """Run folder of the evaluation."""
        return self.policy.with_name("rollout")

    @property
    def source(self) -> str:
        """What `dsae learn --state` is given."""
        if not self.contestant.encoder:
            return self.contestant.name
        return str(self.estimator if self.contestant.filtered else self.encoders[self.cameras[0]])

    @property
    def stages(self) -> dict[Path, str]:
        """The names of the stages that it may need, in their order, by the folders they fill."""
        place, own = self.folder.name, self.policy.parent.name
        made = {self.data: f"collect-{place}"}
        if self.contestant.encoder:
            made |= {run: f"train-{place}-{run.name}" for run in self.encoders.values()}
        if self.contestant.filtered:
            made[self.estimator] = f"state-{place}-{self._encoder().name}"
        return {**made, self.policy: f"learn-{place}-{own}", self.rollout: f"rollout-{place}-{own}"}


@dataclass(frozen=True)
class Grid:
    """All that is compared."""

    folder: Path
    tasks: Mapping[str, str]
    """As they are asked for, by what their folders are called."""
    contestants: Sequence[Contestant]
    seeds: int
    cameras: tuple[str, ...]
    fewer: tuple[int, ...] = ()
    """Numbers of demonstrations, besides all of them, that are learned from."""
    left_out: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Why, by task (its folder's name) and state, a task does not have a state."""

    def cells(self) -> Iterator[Cell]:
        """Go through all cells, seed after seed, those on fewer demonstrations last of each."""
        for seed in range(self.seeds):
            for shown in (None, *self.fewer):
                for place, task in self.tasks.items():
                    for one in self.contestants:
                        if (place, one.name) not in self.left_out:
                            yield Cell(self.folder / place, task, one, seed, self.cameras, shown)


def by_folder(tasks: Sequence[str]) -> dict[str, str]:
    """Return tasks by what their folders are called; UsageError if one is named twice."""
    found: dict[str, str] = {}
    for task in tasks:
        place = environments.folder_name(task)
        if place in found:
            raise UsageError(f"benchmark: {task} is named twice")
        found[place] = task
    return found


def lay_out(
    folder: Path,
    tasks: Mapping[str, str],
    contestants: Sequence[Contestant],
    seeds: int,
    seen: Mapping[str, Glimpse],
    *,
    cameras: tuple[str, ...],
    velocities: bool,
    fewer: tuple[int, ...] = (),
) -> Grid:
    """Return the grid of tasks that were `seen`.

    Where a task lacks what a state is made of, that state is left out there. Raises UsageError for
    a state that no task has.
    """
    reasons = {
        (place, one.name): reason
        for one in contestants
        for place in tasks
        if (reason := why_not(one, seen[place], velocities=velocities))
    }
    for one in contestants:
        if all((place, one.name) in reasons for place in tasks):
            raise UsageError(f"benchmark: {reasons[next(iter(tasks)), one.name]}")
    left_out = {
        (place, name): f"left out: {name} on {place}: {reason}"
        for (place, name), reason in reasons.items()
    }
    return Grid(folder, tasks, contestants, seeds, cameras, fewer, left_out)


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What every stage of a verb is told, whatever its cell."""

    collect: tuple[str, ...]
    train: tuple[str, ...]
    state: tuple[str, ...]
    learn: tuple[str, ...]
    learn_pixels: tuple[str, ...]
    """Besides, where the learner looks at frames itself."""
    rollout: tuple[str, ...]
    demonstrated: bool
    """Whether the learner is given the demonstrations."""
    slots: int
    """How many processes a collection may take."""


def plan(grid: Grid, orders: Orders) -> list[Stage]:
    """Return the stages, those that others wait for first, each one once.

    Collections take all processes: they come before everything, or the others would idle until the
    last stage that is running ends.
    """
    stages: dict[str, Stage] = {}
    for cell in grid.cells():
        for stage in _stages(cell, orders):
            stages.setdefault(stage.name, stage)
    return sorted(stages.values(), key=lambda stage: -stage.slots)


def _stages(cell: Cell, orders: Orders) -> Iterator[Stage]:
    names, contestant = cell.stages, cell.contestant
    on = f"{contestant.name} on {cell.folder.name}, seed {cell.seed}"
    on += f", {cell.shown} demonstrations" if cell.shown else ""
    of = f"{contestant.encoder} on {cell.folder.name}, seed {cell.seed}"
    seed = ("--seed", str(cell.seed))
    needs: tuple[str, ...] = ()
    if orders.demonstrated or contestant.encoder:
        yield Stage(
            name=names[cell.data],
            title=f"collecting {cell.folder.name}",
            arguments=("collect", cell.task, *orders.collect, "--out", str(cell.data)),
            run_folder=cell.data,
            slots=orders.slots,
        )
        needs = (names[cell.data],)
    if contestant.encoder:
        yield from _trainings(cell, orders, of)
        needs = tuple(names[run] for run in cell.encoders.values())
    if contestant.filtered:
        first, *others = map(str, cell.encoders.values())
        also = ("--also", ",".join(others)) if others else ()
        yield Stage(
            name=names[cell.estimator],
            title=f"making a state of {of}",
            arguments=("state", first, *also, *orders.state, "--out", str(cell.estimator)),
            needs=needs,
            run_folder=cell.estimator,
        )
        needs = (names[cell.estimator],)
    data = ("--data", str(cell.data)) if orders.demonstrated else ()
    few = ("--demonstrations", str(cell.shown)) if cell.shown else ()
    looks = orders.learn_pixels if contestant.name == "pixels" else ()
    yield Stage(
        name=names[cell.policy],
        title=f"learning {on}",
        arguments=("learn", orders.learn[0], cell.task, *data, *few, "--state", cell.source,
                   *orders.learn[1:], *looks, *seed, "--out", str(cell.policy)),
        needs=needs,
        run_folder=cell.policy,
    )  # fmt: skip
    yield Stage(
        name=names[cell.rollout],
        title=f"rolling out {on}",
        arguments=("rollout", str(cell.policy), *orders.rollout, "--out", str(cell.rollout)),
        needs=(names[cell.policy],),
        run_folder=cell.rollout,
    )


def _trainings(cell: Cell, orders: Orders, of: str) -> Iterator[Stage]:
    """One training for each camera."""
    several = len(cell.cameras) > 1
    for camera, folder in cell.encoders.items():
        yield Stage(
            name=cell.stages[folder],
            title=f"training {of}" + (f", camera {camera}" if several else ""),
            arguments=("train", cell.contestant.encoder, str(cell.data), *orders.train,
                       *(("--camera", camera) if several else ()), "--seed", str(cell.seed),
                       "--out", str(folder)),
            needs=(cell.stages[cell.data],),
            run_folder=folder,
        )  # fmt: skip
