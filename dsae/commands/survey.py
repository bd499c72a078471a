"""What a look at a task finds, made in a worker process: its expert, its speed, its pictures."""

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import gymnasium
import numpy as np

import envs
from data.controllers import ExpertController

SPELL = 0.5  # seconds of process time in which frames are counted
SPELLS = 3  # of which the fastest counts
PICTURES = 6  # frames in a row of a strip
SIDE = 160  # pixels of a strip's frames
GAP = 3  # white pixels between them
TRIES = 20  # episodes until one succeeds that is worth a picture


class Finding(NamedTuple):
    """A task as `dsae tasks` lists it."""

    name: str
    id: str
    about: str
    """One sentence."""
    horizon: int | None
    """Steps of an episode."""
    actions: dict[str, int]
    """Numbers in an action, by mode."""
    objects: tuple[str, ...]
    factors: tuple[str, ...]
    has_expert: bool
    episodes: int
    """In which the expert was measured."""
    successes: int | None
    """None where nothing was measured."""
    rate: float | None
    """Frames per second of process time."""


def look(name: str, episodes: int, seed: int, size: int) -> Finding:
    """Measure a task; with no episodes, only describe it."""
    env = _make(name)
    world: Any = env.unwrapped
    has_expert = hasattr(world, "expert_action")
    horizon = getattr(world, "HORIZON", None) or (env.spec.max_episode_steps if env.spec else None)
    modes = ("cartesian", "torque") if hasattr(world, "robot") else ("",)
    sizes = {mode: _action_size(name, mode) for mode in modes}
    about = (sys.modules[type(world).__module__].__doc__ or "").partition("\n")[0]
    points = getattr(world, "keypoint_names", ())
    others = ("end_effector", *getattr(world, "GOALS", ("goal",)))
    variation = getattr(world, "variation", None)
    measured = episodes > 0
    found = Finding(
        name=name,
        id=envs.task_id(name).rpartition(":")[2],
        about=about.partition(": ")[2].capitalize() or about,
        horizon=horizon,
        actions=sizes,
        objects=tuple(name for name in points if name not in others),
        factors=variation.available if variation else (),
        has_expert=has_expert,
        episodes=episodes,
        successes=_successes(env, episodes, seed) if measured and has_expert else None,
        rate=_rate(name, size, seed) if measured else None,
    )
    env.close()
    return found


def strip(name: str, seed: int) -> bytes:
    """Return a PNG: a successful expert's episode, and below it first frames of varied episodes."""
    env = _make(name, render_mode="rgb_array", width=SIDE, height=SIDE)
    frames: list[np.ndarray] = []
    for number in range(TRIES):
        frames = []
        if _episode(env, seed + number, frames):
            break
    chosen = np.linspace(0, len(frames) - 1, PICTURES).round().astype(int)
    rows = [_row([frames[i] for i in chosen])]
    env.close()
    if getattr(env.unwrapped, "variation", None):
        varied = _make(name, render_mode="rgb_array", width=SIDE, height=SIDE, factors=("all",))
        first: list[Any] = []
        for number in range(PICTURES):
            varied.reset(seed=seed + number)
            first.append(varied.render())
        rows.append(_row(first))
        varied.close()
    picture = np.concatenate(rows, axis=0)
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def _row(pictures: list[np.ndarray]) -> np.ndarray:
    """Join pictures with white gaps between them and below."""
    framed = [np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(framed, axis=1)


def _make(name: str, **settings: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(envs.task_id(name), **settings)


def _action_size(name: str, mode: str) -> int:
    env = _make(name, **({"action_mode": mode} if mode else {}))
    size = int(np.prod(env.action_space.shape or (1,)))
    env.close()
    return size


def _successes(env: gymnasium.Env[Any, Any], episodes: int, seed: int) -> int:
    return sum(_episode(env, seed + number) for number in range(episodes))


def _episode(
    env: gymnasium.Env[Any, Any], seed: int, frames: list[np.ndarray] | None = None
) -> bool:
    """Let the expert act, at random where there is none; return whether it ended in success."""
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    expert = ExpertController() if hasattr(env.unwrapped, "expert_action") else None
    if expert:
        expert.reset(env, seed)
    ended = False
    while not ended:
        if frames is not None:
            frames.append(np.asarray(env.render()))
        action = expert.act(observation).executed if expert else env.action_space.sample()
        observation, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
    return bool(info.get("is_success"))


def _rate(name: str, size: int, seed: int) -> float:
    """Frames per second of process time, the expert's step (or one that does nothing) included."""
    env = _make(name, render_mode="rgb_array", width=size, height=size)
    still = np.zeros(env.action_space.shape or (), np.float32)
    rate = frames_per_second(env, getattr(env.unwrapped, "expert_action", lambda: still), seed)
    env.close()
    return rate


def frames_per_second(
    env: gymnasium.Env[Any, Any], choose: Callable[[], np.ndarray], seed: int
) -> float:
    """Step and draw an environment, and return the frames per second of process time at best."""
    env.reset(seed=seed)
    env.render()
    best = 0.0
    for _ in range(SPELLS):
        begin, frames = time.process_time(), 0
        while time.process_time() - begin < SPELL:
            _, _, terminated, truncated, _ = env.step(choose())
            env.render()
            frames += 1
            if terminated or truncated:
                env.reset()
        best = max(best, frames / (time.process_time() - begin))
    return best
