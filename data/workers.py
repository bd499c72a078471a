"""The processes that collect episodes side by side."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, NamedTuple

from data.controllers import Controller, Env
from data.episode import write
from data.index import Entry, entry_of
from data.processes import spawn_pool
from data.rollout import Film, rollout


class Job(NamedTuple):
    """What is the same for every episode; see `collect`."""

    make_env: Callable[[], Env]
    make_controller: Callable[[], Controller]
    cameras: tuple[str, ...]
    meta: dict[str, Any]
    max_steps: int | None


class _Collector:
    """Makes episodes in one process, with one environment for all of them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._env = job.make_env()
        self._controller = job.make_controller()
        self._films = {camera: Film() for camera in job.cameras}

    def collect(self, path: Path, seed: int) -> Entry:
        episode = rollout(
            self._env,
            self._controller,
            seed=seed,
            cameras=self._job.cameras,
            max_steps=self._job.max_steps,
            meta=self._job.meta,
            films=self._films,
        )
        write(path, episode)
        return entry_of(path)

    def close(self) -> None:
        self._env.close()


def run_here(job: Job, tasks: Mapping[Path, int]) -> Iterator[Entry]:
    """Collect the episodes of `tasks` (file: seed) in this process, yielding each when whole."""
    collector = _Collector(job)
    try:
        for path, seed in tasks.items():
            yield collector.collect(path, seed)
    finally:
        collector.close()


def run_in_processes(job: Job, tasks: Mapping[Path, int], workers: int) -> Iterator[Entry]:
    """The same on spawned processes, in the order in which episodes become whole.

    Raises:
        BrokenProcessPool: a worker died.
    """
    with spawn_pool(workers, _start_worker, (job,)) as pool:
        futures = [pool.submit(_collect, path, seed) for path, seed in tasks.items()]
        for future in as_completed(futures):
            yield future.result()


_job: Job | None = None
_collector: _Collector | None = None


def _start_worker(job: Job) -> None:
    global _job
    _job = job


def _collect(path: Path, seed: int) -> Entry:
    global _collector
    if _collector is None:
        assert _job is not None
        # Here and not in `_start_worker`, where an error would only break the pool.
        _collector = _Collector(_job)
    return _collector.collect(path, seed)
