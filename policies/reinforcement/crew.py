"""Copies of a task, spread over processes that step and draw at the same time.

The processes are spawned: a fork after this one has drawn hangs. Their frames come back pickled, as
shared memory would not pay: sending four of 128×128 there and back took 0.14 ms on top of 0.12 ms
for the call, drawing them 9 ms.
"""

import itertools
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from data.processes import spawn_pool
from policies.errors import of_dead_workers
from policies.policy import Task
from policies.reinforcement.copies import Copies, Moved, Seen


class Crew:
    """N copies of a task in at most `workers` processes; if that is one, in this process.

    `begin` and `finish` are a step in two halves. What comes back is in the order of the copies.
    Raises PolicyError if the task cannot be made, or a process died.
    """

    def __init__(
        self, task: Task, cameras: Sequence[str | None], copies: int, workers: int
    ) -> None:
        parts = np.array_split(np.arange(copies), min(workers, copies))
        self._ends = np.cumsum([len(part) for part in parts])[:-1]
        self._pools: list[ProcessPoolExecutor] = []
        self._here: Copies | None = None
        self._steps: list[Future[Any]] | list[Moved] = []
        self._open = ExitStack()
        if len(parts) == 1:
            self._here = Copies(task, cameras, parts[0].tolist())
            return
        with ExitStack() as opening:
            # A pool of one process each: a copy stays where it is.
            self._pools = [opening.enter_context(spawn_pool(1)) for _ in parts]
            arguments = [(task, tuple(cameras), part.tolist()) for part in parts]
            _results([p.submit(_make, *a) for p, a in zip(self._pools, arguments, strict=True)])
            self._open = opening.pop_all()

    @property
    def action_space(self) -> Any:
        """Of one copy."""
        if self._here:
            return self._here.action_space
        return _results([self._pools[0].submit(_action_space)])[0]

    def reset(self, seed: int) -> list[Seen]:
        """Begin an episode in every copy."""
        if self._here:
            return self._here.reset(seed)
        return _joined([pool.submit(_reset, seed) for pool in self._pools])

    def begin(self, actions: np.ndarray) -> None:
        """Let every copy take its action, (N, A) in all."""
        if self._here:
            self._steps = self._here.step(actions)
            return
        parts = np.split(actions, self._ends)
        self._steps = [
            pool.submit(_step, part) for pool, part in zip(self._pools, parts, strict=True)
        ]

    def finish(self) -> list[Moved]:
        """Return what the step that was begun led to."""
        steps: list[Any] = self._steps
        return steps if self._here else _joined(steps)

    def close(self) -> None:
        """End the processes."""
        if self._here:
            self._here.close()
        self._open.close()


def _results(futures: Sequence["Future[Any]"]) -> list[Any]:
    with of_dead_workers():
        return [future.result() for future in futures]


def _joined(futures: Sequence["Future[Any]"]) -> list[Any]:
    """Return in one list what the processes return as one each."""
    return list(itertools.chain.from_iterable(_results(futures)))


_copies: Copies | None = None
"""Those of this process, where it is a worker."""


def _make(task: Task, cameras: tuple[str | None, ...], indices: list[int]) -> None:
    global _copies
    _copies = Copies(task, cameras, indices)


def _action_space() -> Any:
    assert _copies is not None
    return _copies.action_space


def _reset(seed: int) -> list[Seen]:
    assert _copies is not None
    return _copies.reset(seed)


def _step(actions: np.ndarray) -> list[Moved]:
    assert _copies is not None
    return _copies.step(actions)
