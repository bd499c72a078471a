"""How many frames a second does one core draw? Every task, with shadows, physics apart.

    python benchmarks/rendering.py

Writes docs/results/rendering.md. Process time is counted, not wall time: the machine may be shared.
"""

import datetime
import os
import platform
import sys
import time
from pathlib import Path

os.environ["LP_NUM_THREADS"] = "1"  # Mesa's software renderer on one core

import gymnasium

import envs
from dsae.commands import opengl

RESULTS = Path("docs/results/rendering.md")
SIZES = (64, 128, 240)
SECONDS = 3.0
FRAMES = 50  # drawn between two looks at the clock


def main() -> None:
    opengl.ensure()
    lines = [
        "# Rendering",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {platform.machine()}, one "
        f"core, OpenGL through {os.environ.get('MUJOCO_GL')}.",
        "",
        "Frames per second of process time with shadows on, best of the spells of "
        f"{FRAMES} frames within {SECONDS:.0f} s; collecting is the expert's step with its frame, "
        "controller and physics included.",
        "",
        "| task | " + " | ".join(f"{size}×{size}" for size in SIZES) + " | collecting at 64×64 |",
        "|---|" + "---|" * (len(SIZES) + 1),
    ]
    for name in envs.names():
        cells = [f"{rate(name, size, moving=False):.0f}" for size in SIZES]
        cells.append(f"{rate(name, SIZES[0], moving=True):.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def rate(name: str, size: int, *, moving: bool) -> float:
    env = gymnasium.make(envs.task_id(name), render_mode="rgb_array", width=size, height=size)
    env.reset(seed=0)
    env.render()
    best, begin = 0.0, time.monotonic()
    while time.monotonic() - begin < SECONDS:
        start = time.process_time()
        for _ in range(FRAMES):
            if moving:
                _, _, terminated, truncated, _ = env.step(env.unwrapped.expert_action())
                if terminated or truncated:
                    env.reset()
            env.render()
        best = max(best, FRAMES / (time.process_time() - start))
    env.close()
    return best


if __name__ == "__main__":
    main()
