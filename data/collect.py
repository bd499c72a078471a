"""Collect a data set: many episodes, on several processes, safe to interrupt at any moment."""

import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import index
from data.controllers import Controller, Env
from data.episode import read
from data.errors import DamagedFileError, DataError
from data.files import make_folder, remove_leftovers
from data.index import Entry
from data.plain import to_json
from data.workers import Job, run_here, run_in_processes

INDEX_EVERY = 30.0
"""Seconds between two writings of the index while episodes come in."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a collection stands."""

    done: int
    """Episodes that are whole, those kept from an earlier run included."""

    total: int
    """Episodes asked for."""

    frames_per_second: float
    """Of this run, over all workers."""

    seconds_left: float
    """At this run's rate; infinite before its first episode."""

    successes: int
    """Episodes that ended in success."""


@dataclass(frozen=True, kw_only=True)
class CollectReport:
    """What a collection did."""

    folder: Path
    episodes: int
    """Whole episodes of those asked for: kept + collected."""

    kept: int
    """Found whole from an earlier run."""

    collected: int
    """Made in this run."""

    frames: int
    """Time steps over all episodes."""

    successes: int
    """Episodes that ended in success."""

    seconds: float
    """Wall time of this run."""

    leftovers: int
    """Unfinished files of an interrupted run that were removed."""


def collect(
    folder: str | Path,
    make_env: Callable[[], Env],
    make_controller: Callable[[], Controller],
    *,
    episodes: int,
    seed: int,
    workers: int = 1,
    cameras: Sequence[str] = ("front",),
    meta: Mapping[str, Any] | None = None,
    max_steps: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> CollectReport:
    """Collect episodes into `folder`, keeping those that are there already.

    Episode i starts from seed + i, and its bytes depend on nothing else. Whatever kills this
    process, even SIGKILL, loses only unfinished episodes; the same call goes on from there.

    Args:
        folder: made if missing.
        make_env: called once per worker, with render_mode "rgb_array"; importable (no lambda).
        make_controller: called once per worker; importable, too.
        episodes: how many there shall be.
        seed: of the first episode.
        workers: processes; 0 collects in this one.
        cameras: names for the frames, see `rollout`.
        meta: stored with every episode: task, controller, whatever tells this data set apart.
        max_steps: cuts longer episodes.
        progress: called at the start and after every episode.

    Raises:
        DataError: the folder holds episodes of another configuration, a worker died, the disk is
            full, or the environment is not fit (see `rollout`).
    """
    if episodes < 1 or workers < 0:
        raise DataError(f"cannot collect {episodes} episodes on {workers} workers")
    folder = Path(folder)
    make_folder(folder)
    leftovers = remove_leftovers(folder)
    meta = {**(meta or {}), "max_steps": max_steps}
    job = Job(make_env, make_controller, tuple(cameras), meta, max_steps)
    seeds = {index.episode_path(folder, number): seed + number for number in range(episodes)}
    ledger = _Ledger(folder, episodes, _kept(job, seeds))
    tell = progress or (lambda _: None)
    tell(ledger.progress())
    try:
        for entry in _run(job, ledger.missing(seeds), workers):
            ledger.add(entry)
            tell(ledger.progress())
    except BrokenProcessPool as error:
        raise DataError(
            "a worker died (out of memory?); run the same command again, perhaps with fewer "
            f"workers: {sum(map(Path.exists, seeds))} of {episodes} episodes are kept"
        ) from error
    ledger.save_index()
    return ledger.report(leftovers)


def missing(folder: str | Path, episodes: int) -> int:
    """Return how many of so many episodes `folder` lacks or holds damaged; all bytes are read.

    Raises:
        DataError: an episode is of an unknown format version.
    """
    paths = [index.episode_path(Path(folder), number) for number in range(episodes)]
    return sum(not _whole(path) for path in paths)


def _whole(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        read(path)
    except DamagedFileError:
        return False
    return True


class _Ledger:
    """Which episodes are whole, and what this run did so far."""

    def __init__(self, folder: Path, total: int, kept: dict[str, Entry]) -> None:
        self._folder = folder
        self._total = total
        self._entries = kept  # by file name
        self._kept = len(kept)
        self._begin = self._indexed = time.monotonic()

    def missing(self, seeds: Mapping[Path, int]) -> dict[Path, int]:
        return {path: seed for path, seed in seeds.items() if path.name not in self._entries}

    def add(self, entry: Entry) -> None:
        self._entries[entry.file] = entry
        if time.monotonic() - self._indexed > INDEX_EVERY:
            self.save_index()

    def save_index(self) -> None:
        """List the episodes, and any further ones that a longer, earlier run left."""
        entries, _ = index.scan(self._folder, self._entries)
        index.save(self._folder, entries)
        self._indexed = time.monotonic()

    def progress(self) -> Progress:
        fresh = list(self._entries.values())[self._kept :]
        seconds = self._seconds()
        left = self._total - len(self._entries)
        return Progress(
            done=len(self._entries),
            total=self._total,
            frames_per_second=sum(entry.length for entry in fresh) / seconds,
            seconds_left=left * seconds / len(fresh) if fresh else math.inf if left else 0.0,
            successes=self._successes(),
        )

    def report(self, leftovers: int) -> CollectReport:
        return CollectReport(
            folder=self._folder,
            episodes=len(self._entries),
            kept=self._kept,
            collected=len(self._entries) - self._kept,
            frames=sum(entry.length for entry in self._entries.values()),
            successes=self._successes(),
            seconds=self._seconds(),
            leftovers=leftovers,
        )

    def _seconds(self) -> float:
        return max(time.monotonic() - self._begin, 1e-9)

    def _successes(self) -> int:
        return sum(entry.success is True for entry in self._entries.values())


def _run(job: Job, tasks: Mapping[Path, int], workers: int) -> Iterator[Entry]:
    if not tasks:
        return iter(())
    if workers == 0:
        return run_here(job, tasks)
    try:
        pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DataError(
            f"the environment or controller cannot be sent to workers ({error}): hand in "
            "importable functions, not lambdas, or use workers=0"
        ) from error
    return run_in_processes(job, tasks, min(workers, len(tasks)))


def _kept(job: Job, seeds: Mapping[Path, int]) -> dict[str, Entry]:
    """The whole episodes of an earlier run, by file name.

    Raises:
        DataError: one is of another configuration, which must not be mixed with this one.
    """
    kept = {}
    for path, seed in seeds.items():
        if not path.exists():
            continue
        try:
            episode = read(path)
        except DamagedFileError:
            continue  # the same seed gives the same episode again
        for key, value in {**job.meta, "seed": seed}.items():
            _check_same(path, key, episode.meta.get(key), value)
        _check_same(path, "cameras", sorted(episode.images), sorted(job.cameras))
        kept[path.name] = index.entry_of(path)
    return kept


def _check_same(path: Path, key: str, found: object, wanted: object) -> None:
    # As text, since a tuple comes back from JSON as a list.
    if to_json(found, what=key) != to_json(wanted, what=key):
        raise DataError(
            f"{path} was collected with {key} {found!r}, not {wanted!r}: choose another folder, or "
            "delete this one"
        )
