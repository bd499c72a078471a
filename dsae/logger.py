"""The log of a run: metrics.jsonl for programs, TensorBoard events for people."""

import json
import time
from pathlib import Path
from typing import Self

from torch.utils.tensorboard import SummaryWriter

METRICS_FILE = "metrics.jsonl"


class Logger:
    """Appends rows of figures to a run folder.

    When a run is resumed at `step`, the rows that an interrupted run wrote after it are dropped.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._path = folder / METRICS_FILE
        rows = [row for row in read_metrics(folder) if row["step"] <= step] if step else []
        self._path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self._events = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures of one step."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._events.add_scalar(name, value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._events.close()


class LateLogger:
    """A logger that begins with its first row, and drops what an interrupted run wrote after it.

    Each row says how many `seconds` went by until then, those of the interrupted run included.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logger: Logger | None = None
        self._begin = time.monotonic()

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures of one step, the steps rising."""
        if self._logger is None:
            self._logger = Logger(self._folder, step - 1)
            before = read_metrics(self._folder)
            self._begin -= before[-1].get("seconds", 0.0) if before else 0.0
        seconds = round(time.monotonic() - self._begin, 3)
        self._logger(step, {**figures, "seconds": seconds})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._logger:
            self._logger.__exit__(*error)


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the rows logged in a run folder; a last row cut short by a crash is left out."""
    path = folder / METRICS_FILE
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
