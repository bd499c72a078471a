"""Verbs as stages of a larger job: each in its own process, side by side where nothing is awaited.

What is finished is remembered, so that an interrupted job goes on where it stopped.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dsae.commands.errors import UsageError
from dsae.commands.runs import read_json, read_run, save_json, say

PARENT_VARIABLE = "DSAE_PARENT"
STAGES_FILE = "stages.json"
POLL = 0.1  # (seconds) between two looks at the running stages
STATUS_EVERY = {True: 0.5, False: 20.0}  # (seconds) between two status lines; True: on a terminal
BRIEF = 100  # characters of each running stage in a status line
LOG_TAIL = 4096  # bytes of a log that a status line or an error is taken from

_BAR = re.compile(
    r"(?P<what>[^|]*?):\s+(?P<percent>\d+%)\|[^|]*\| [^\[]*\[[^<]*<(?P<left>[^,\]]*),"
    r"\s*[^,\]]*(?:, (?P<figures>.*?))?\]?"
)
"""A line of `dsae.commands.progress`."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One call of a verb."""

    name: str
    title: str
    """What a person reads while it runs."""
    arguments: tuple[str, ...]
    """The verb and its flags."""
    needs: tuple[str, ...] = ()
    """Names of the stages whose results it reads."""
    slots: int = 1
    """How many of the slots it takes."""
    run_folder: Path | None = None
    """Where its own record says whether it is finished."""

    @property
    def command(self) -> str:
        """The command line that does the same by hand."""
        return " ".join(("dsae", *self.arguments))


class Stages:
    """Runs stages in `slots` slots, and keeps in `folder` how long each took.

    With `keep_going` a stage that fails is noted in `failures`, and so are those that wait for it;
    the others run all the same. Failures are not remembered: another call tries them again.
    """

    def __init__(
        self, stages: Sequence[Stage], folder: Path, slots: int, *, keep_going: bool = False
    ) -> None:
        self.failures: dict[str, str] = {}
        """What went wrong, in one line, by the stage's name."""
        self._keep_going = keep_going
        self._stages = stages
        self._folder = folder
        self._slots = slots
        self._begin = time.monotonic()
        self._earlier = 0.0  # seconds that interrupted calls took up to their last finished stage
        self._seconds: dict[str, float] = self._remembered()
        self._running: dict[str, tuple[Stage, subprocess.Popen[bytes], IO[bytes], float]] = {}

    @property
    def elapsed(self) -> float:
        """Seconds of wall time, those of the calls that this one goes on from included."""
        return self._earlier + time.monotonic() - self._begin

    def run(self) -> dict[str, float]:
        """Run what is not finished and return each stage's seconds by name.

        Raises UsageError with the last line that a failing stage printed; the others are ended
        (see `keep_going`).
        """
        last_status = time.monotonic()
        try:
            while self._unfinished():
                self._start_ready()
                time.sleep(POLL)
                self._collect_finished()
                if time.monotonic() - last_status > STATUS_EVERY[sys.stderr.isatty()]:
                    self._show_status()
                    last_status = time.monotonic()
        finally:
            for _, process, log, _ in self._running.values():
                process.terminate()
                process.wait()
                log.close()
        return self._seconds

    def _remembered(self) -> dict[str, float]:
        path = self._folder / STAGES_FILE
        saved: dict[str, Any] = {"seconds": {}, "elapsed": 0.0}
        if path.exists():
            saved = read_json(path)
        seconds, self._earlier = saved["seconds"], saved["elapsed"]
        for stage in self._stages:
            folder = stage.run_folder
            if stage.name not in seconds and folder and (folder / "config.yaml").exists():
                record = read_run(folder)
                if record["finished"]:  # killed between the stage's end and the note of it
                    seconds[stage.name] = record["seconds"]
        return seconds

    def _unfinished(self) -> bool:
        over = self._seconds.keys() | self.failures.keys()
        return any(stage.name not in over for stage in self._stages)

    def _start_ready(self) -> None:
        for stage in self._stages:
            if stage.name in self.failures:
                continue
            busy = sum(running[0].slots for running in self._running.values())
            pending = stage.name not in self._seconds and stage.name not in self._running
            ready = all(need in self._seconds for need in stage.needs)
            if pending and ready and (not busy or busy + stage.slots <= self._slots):
                self._start(stage)

    def _start(self, stage: Stage) -> None:
        log = open(self._log_path(stage), "ab")  # noqa: SIM115
        environment = {
            **os.environ,
            PARENT_VARIABLE: str(os.getpid()),
            "OMP_NUM_THREADS": "1",
            "LP_NUM_THREADS": "1",  # Mesa's software renderer
        }
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dsae", *stage.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        self._running[stage.name] = (stage, process, log, time.monotonic())

    def _collect_finished(self) -> None:
        for name, (stage, process, log, begin) in list(self._running.items()):
            if process.poll() is None:
                continue
            log.close()
            del self._running[name]
            if process.returncode:
                self._fail(stage, process.returncode)
                continue
            self._seconds[name] = time.monotonic() - begin
            saved = {"seconds": self._seconds, "elapsed": self.elapsed}
            save_json(self._folder / STAGES_FILE, saved)
            say(f"{self._done()} {stage.title}: {self._last_line(stage)} "
                f"({self._seconds[name]:.0f} s)")  # fmt: skip

    def _done(self) -> str:
        over = self._seconds.keys() | self.failures.keys()
        return f"[{sum(stage.name in over for stage in self._stages)}/{len(self._stages)}]"

    def _fail(self, stage: Stage, status: int) -> None:
        line = self._last_line(stage)
        if status < 0:
            name = signal.Signals(-status).name
            line = f"ended by {name}" + " (out of memory?)" * (name == "SIGKILL")
        where = f"(log: {self._log_path(stage)})"
        if not self._keep_going:
            raise UsageError(f"'{stage.command}' failed: {line} {where}")
        self.failures[stage.name] = line.removeprefix("dsae: ")
        lost = {stage.name}
        for other in self._stages:  # which stand after those that they wait for
            if lost.intersection(other.needs):
                lost.add(other.name)
                self.failures[other.name] = f"not begun, since {stage.title} failed"
        say(f"{self._done()} {stage.title} failed: {line} {where}")

    def _show_status(self) -> None:
        parts = [self._last_line(stage) for stage, _, _, _ in self._running.values()]
        text = "  |  ".join(brief(part) for part in parts if part)
        if sys.stderr.isatty():
            text = f"\r\x1b[K{text[: os.get_terminal_size(2).columns - 1]}\r"
        else:
            text += "\n"
        sys.stderr.write(text)
        sys.stderr.flush()

    def _last_line(self, stage: Stage) -> str:
        path = self._log_path(stage)
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL))
            text = file.read().decode(errors="replace")
        lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def _log_path(self, stage: Stage) -> Path:
        return self._folder / f"{stage.name}.log"


def brief(line: str) -> str:
    """Return a line of a log, of a progress bar what it is about and the figures."""
    if bar := _BAR.fullmatch(line):
        left = f" ({bar['left']} left)" if bar["left"] not in ("?", "00:00") else ""
        line = f"{bar['what']} {bar['percent']}{left} {bar['figures'] or ''}".rstrip()
    return line[:BRIEF]


def end_with_parent() -> None:
    """In a stage's process: end when the job that started it is gone, even if it was killed."""
    parent = int(os.environ.get(PARENT_VARIABLE, "0"))
    if not parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
