"""How fast do episodes come in, against the limit that physics and drawing alone set?

    python benchmarks/rendering.py                 our own tasks, all of them
    python benchmarks/rendering.py push reach      some of them
    python benchmarks/rendering.py fetch/push ...  a suite's, in an environment that has it: its own
                                                   visual settings against the adapter's fast ones

The limit is a bare loop in as many processes: the very control signals of an expert's episode are
played into `mj_step`, and each step's picture is drawn and read back; nothing else is done. It and
`data.collect` (controller, observations, ground truth, compressing and writing included) take turns
in this one run, so that the ratio holds on a machine that others use, too. Starting the processes
is left out of both. Writes docs/results/rendering.md, for a suite rendering_SUITE.md.
"""

import datetime
import functools
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np

import envs
from data import collect as collection
from data.controllers import ExpertController
from data.environments import make_env
from data.processes import spawn_pool
from dsae.commands import opengl
from dsae.commands.survey import frames_per_second
from envs import robot

SIZES = (64, 128, 240)
PROCESSES = (1, 2)
SPELL = 1.5  # seconds of the bare loop
TURNS = 2  # of the bare loop and of collecting; the best of each counts
EPISODES = {64: 14, 128: 12, 240: 9}  # collected per process and turn, those of `STARTING` too
STARTING = 3  # first episodes per process that are not counted: the processes start one by one


def main() -> None:
    opengl.ensure()
    names = sys.argv[1:] or list(envs.names())
    suites = {name.partition("/")[0] for name in names if "/" in name}
    for suite in sorted(suites):
        chosen = [name for name in names if name.startswith(f"{suite}/")]
        write(f"rendering_{suite}.md", suite_lines(chosen))
    if own := [name for name in names if "/" not in name]:
        write("rendering.md", own_lines(own))


def write(file: str, lines: list[str]) -> None:
    head = [
        "# Rendering",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {platform.machine()}, "
        f"{os.cpu_count()} cores, OpenGL through {os.environ.get('MUJOCO_GL')}, MuJoCo "
        f"{mujoco.__version__}.",
        "",
    ]
    text = "\n".join([*head, *lines]) + "\n"
    path = Path("docs/results") / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)


def own_lines(names: list[str]) -> list[str]:
    lines = [
        "Frames per second of wall time with shadows on, best of "
        f"{TURNS} spells: what `data.collect` reaches with the scripted expert, everything "
        "included, of what a bare step-and-render loop with the same physics reaches.",
        "",
        "| task | processes | " + " | ".join(f"{size}×{size}" for size in SIZES) + " |",
        "|---|---|" + "---|" * len(SIZES),
    ]
    shares: dict[int, list[float]] = {size: [] for size in SIZES}
    for name in names:
        for processes in PROCESSES:
            cells = []
            for size in SIZES:
                limit, reached = compare(name, size, processes)
                shares[size].append(reached / limit)
                cells.append(f"{reached:.0f} of {limit:.0f} = {reached / limit:.0%}")
                print(name, processes, size, cells[-1], file=sys.stderr)
            lines.append(f"| {name} | {processes} | {' | '.join(cells)} |")
    lowest = ", ".join(f"{min(shares[size]):.0%} at {size}" for size in SIZES)
    return [*lines, "", f"The lowest shares: {lowest}."]


def compare(name: str, size: int, processes: int) -> tuple[float, float]:
    """Frames per second of the bare loop and of collecting, taking turns."""
    limit, reached = 0.0, 0.0
    with spawn_pool(processes) as pool:
        play = functools.partial(bare, name, size)
        for seconds in [0.1] + [SPELL] * TURNS:  # the first one only makes things ready
            rates = [future.result() for future in [pool.submit(play, seconds)
                     for _ in range(processes)]]  # fmt: skip
            if seconds == SPELL:
                limit = max(limit, sum(rates))
                reached = max(reached, collected(name, size, processes))
    return limit, reached


_stages: dict[tuple[str, int], Any] = {}


def bare(name: str, size: int, seconds: float) -> float:
    """Play recorded control signals and draw, for so long; return the frames per second."""
    if (name, size) not in _stages:
        task = gymnasium.make(envs.task_id(name), width=size, height=size).unwrapped
        renderer = mujoco.Renderer(task.model, size, size)
        _stages[name, size] = (*record(name), task.model, task.data, renderer)
    signals, state, model, data, renderer = _stages[name, size]
    camera, frames = model.cam("front").id, 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        mujoco.mj_setState(model, data, state, int(mujoco.mjtState.mjSTATE_INTEGRATION))
        for step in signals:
            for control, count in step:
                data.ctrl[:] = control
                mujoco.mj_step(model, data, count)
            renderer.update_scene(data, camera)
            renderer.render()
            frames += 1
            if time.perf_counter() - begin > seconds:
                break
    return frames / (time.perf_counter() - begin)


def record(name: str) -> tuple[list[list[tuple[np.ndarray, int]]], np.ndarray]:
    """The control signals of an expert's episode, per step, and the state that it began from."""
    task: Any = gymnasium.make(envs.task_id(name)).unwrapped
    task.reset(seed=0)
    kind = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    state = np.empty(mujoco.mj_stateSize(task.model, kind))
    mujoco.mj_getState(task.model, task.data, state, kind)
    signals: list[list[tuple[np.ndarray, int]]] = []

    class Recorder:
        """Stands in for the module in `envs.robot`, and notes each call of `mj_step`."""

        def mj_step(self, model: Any, data: Any, count: int) -> None:
            signals[-1].append((data.ctrl.copy(), count))
            mujoco.mj_step(model, data, count)

        def __getattr__(self, name: str) -> Any:
            return getattr(mujoco, name)

    robot.mujoco = Recorder()  # type: ignore[attr-defined]
    for _ in range(task.HORIZON):
        signals.append([])
        task.step(task.expert_action())
    robot.mujoco = mujoco  # type: ignore[attr-defined]
    return signals, state


def collected(name: str, size: int, processes: int) -> float:
    """Frames per second of `data.collect`, from each process's first `STARTING` episodes on."""
    marks: list[tuple[float, int]] = []
    horizon = gymnasium.make(envs.task_id(name)).unwrapped.HORIZON  # type: ignore[attr-defined]
    episodes = max(STARTING + 4, EPISODES[size] * 100 // horizon) * processes
    with tempfile.TemporaryDirectory() as folder:
        collection.collect(
            folder,
            functools.partial(make_env, envs.task_id(name), width=size, height=size),
            ExpertController,
            episodes=episodes,
            seed=1000,
            workers=processes,
            progress=lambda p: marks.append((time.perf_counter(), p.done)),
        )
    # The last episodes are left out, too: there one process waits for the other.
    marks = marks[STARTING * processes : len(marks) - processes + 1]
    (begin, first), (end, last) = marks[0], marks[-1]
    return (last - first) * horizon / (end - begin)


def suite_lines(names: list[str]) -> list[str]:
    lines = [
        "Frames per second of process time, stepping (random actions) and drawing: the suite's "
        "own visual settings, and the adapter's fast ones.",
        "",
        "| task | settings | " + " | ".join(f"{size}×{size}" for size in SIZES) + " |",
        "|---|---|" + "---|" * len(SIZES),
    ]
    os.environ["LP_NUM_THREADS"] = "1"
    for name in names:
        for settings in ("default", "fast"):
            cells = [f"{suite_rate(name, size, settings):.1f}" for size in SIZES]
            lines.append(f"| {name} | {settings} | {' | '.join(cells)} |")
    return lines


def suite_rate(name: str, size: int, settings: str) -> float:
    env = gymnasium.make(
        envs.task_id(name), render_mode="rgb_array", width=size, height=size, rendering=settings
    )
    env.action_space.seed(0)
    rate = frames_per_second(env, env.action_space.sample, seed=0)
    env.close()
    return rate


if __name__ == "__main__":
    main()
