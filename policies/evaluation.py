"""How often does a policy succeed? Rollouts over seeds, and an interval around the rate."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from data import environments
from data.controllers import task_name
from data.errors import DataError
from data.processes import spawn_pool
from policies.actor import Actor
from policies.errors import PolicyError, of_dead_workers
from policies.policy import Policy, Task, load
from policies.wrapper import StateObservation, frame_of

CHUNK = 5  # episodes that a worker takes at a time
MOVED_STREAM = 0x307ED  # sets the draws of perturbed conditions apart from the environment's
Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution


class Trial(NamedTuple):
    """One episode to roll out."""

    seed: int
    condition: int = 0
    """Number of the condition, of a policy that was learned for some."""
    options: dict[str, Any] | None = None
    """What the episode is reset to: the condition, perhaps perturbed."""


class Outcome(NamedTuple):
    """How one episode ended."""

    seed: int
    success: bool
    """Whether the task was solved at the episode's *last* step."""
    distance: float
    """What was left to the goal then, in metres; NaN where the task does not say."""
    steps: int


def trials(actor: Actor, seeds: Sequence[int], *, moved: bool = False) -> list[Trial]:
    """Return an episode for each seed, on the actor's conditions in turn, if it has any.

    With `moved`, what its `moves` name is put elsewhere, drawn by the seed.
    """
    if not actor.conditions:
        return [Trial(seed) for seed in seeds]
    made = []
    for count, seed in enumerate(seeds):
        number = count % len(actor.conditions)
        options = dict(actor.conditions[number])
        if moved:
            rng = np.random.default_rng([MOVED_STREAM, seed])
            options = elsewhere(options, actor.moves, rng)
        made.append(Trial(seed, number, options))
    return made


def elsewhere(
    options: Mapping[str, Any], moves: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return reset options with what `moves` names shifted evenly within its half-widths."""
    return {**options} | {
        name: (np.asarray(options[name]) + rng.uniform(-1, 1, len(half)) * half).tolist()
        for name, half in moves.items()
    }


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a success rate (Wilson 1927), within [0, 1]."""
    if trials < 1:
        raise PolicyError("an interval needs at least one episode")
    rate, square = successes / trials, Z95**2
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    spread = math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    half = Z95 * spread / (1 + square / trials)
    # Exactly 0 and 1 at the ends, which floating point only nears.
    low = centre - half if successes > 0 else 0.0
    high = centre + half if successes < trials else 1.0
    return low, high


def make_task(task: Task, *, render: bool = False) -> gymnasium.Env[Any, Any]:
    """Make the environment that a policy is of; PolicyError if it is not to be had here."""
    mode = "rgb_array" if render else None
    try:
        return environments.make_env(task.id, render_mode=mode, **task.settings)
    except (DataError, TypeError) as error:
        raise PolicyError(f"the policy's task is not to be had: {error}") from error


def make_env(policy: Policy, *, render: bool = False) -> StateObservation:
    """Make the environment that a policy was learned for, its observation being the state.

    Raises PolicyError if the task cannot be made here, or is no longer what the policy fits.
    """
    env = make_task(policy.task, render=render or bool(policy.state.image_shapes))
    try:
        check_fits(policy, env)
    except BaseException:
        env.close()
        raise
    return StateObservation(env, policy.state, policy.task.camera)


def check_fits(policy: Policy, env: gymnasium.Env[Any, Any]) -> None:
    """Raise PolicyError, naming both, unless layout, actions and image size are the policy's.

    A policy that looks at frames has the environment reset and rendered once.
    """
    task = task_name(env)
    available: dict[str, Any] = getattr(env.observation_space, "spaces", {})
    for name, size in policy.state.observed.items():
        shape = available[name].shape if name in available else None
        if shape != (size,):
            raise PolicyError(
                f"the policy needs '{name}' of {size} numbers, "
                f"{task} has {shape or 'no such observation'}"
            )
    if env.action_space.shape != (policy.actor.outputs,):
        raise PolicyError(
            f"the policy gives {policy.actor.outputs} action numbers, "
            f"{task} takes {env.action_space.shape}"
        )
    _check_images(policy, env, task)


def _check_images(policy: Policy, env: gymnasium.Env[Any, Any], task: str) -> None:
    wanted = {
        camera or policy.task.camera: tuple(shape)
        for camera, shape in policy.state.image_shapes.items()
    }
    if not wanted:
        return
    cameras = env.spec.kwargs.get("cameras") if env.spec else None
    for camera in wanted:
        if cameras and camera not in (None, *cameras):
            raise PolicyError(
                f"the policy sees through the camera '{camera}', {task} draws {', '.join(cameras)}"
            )
    env.reset(seed=0)
    rendered: Any = env.render()
    if len(wanted) > 1 and not isinstance(rendered, Mapping):
        names = ", ".join(map(str, wanted))
        raise PolicyError(f"the policy sees through the cameras {names}, {task} draws one")
    for camera, shape in wanted.items():
        found = np.shape(frame_of(rendered, camera))
        if found != shape:
            sizes = ["×".join(map(str, size)) for size in (shape, found)]
            raise PolicyError(f"the policy sees images of {sizes[0]}, {task} renders {sizes[1]}")


def run_episode(
    env: gymnasium.Env[np.ndarray, Any],
    actor: Actor,
    trial: Trial,
    *,
    on_frame: Callable[[np.ndarray], None] | None = None,
) -> Outcome:
    """Roll the policy out from `reset(seed=seed)` to the end; `on_frame` is shown each frame."""
    state, _ = env.reset(seed=trial.seed, options=trial.options)
    actor.reset(trial.condition)
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]
    steps, ended = 0, False
    while not ended:
        if on_frame:
            on_frame(np.asarray(frame_of(env.render(), env.get_wrapper_attr("camera"))))
        action = np.clip(actor.act(state[None])[0], low, high)
        state, _, terminated, truncated, info = env.step(action)
        steps, ended = steps + 1, terminated or truncated
    success = bool(info.get("is_success", False))
    return Outcome(trial.seed, success, float(info.get("distance", math.nan)), steps)


def evaluate(
    path: Path,
    trials: Sequence[Trial],
    *,
    workers: int,
    device: str = "cpu",
    before: Sequence[Outcome] = (),
    progress: Callable[[list[Outcome]], None] | None = None,
) -> list[Outcome]:
    """Roll out the policy in `path` once per trial, in spawned processes, in the trials' order.

    `device` is where its encoder computes. `before` are the outcomes of the first trials, if an
    interrupted call left some. `progress` is shown all that there are, whenever there are more.
    """
    make_env(load(path)).close()  # what does not fit is said here, not by a worker
    outcomes = [*before]
    chunks = [list(trials[i : i + CHUNK]) for i in range(len(outcomes), len(trials), CHUNK)]
    with of_dead_workers(), spawn_pool(workers) as pool:
        for part in pool.map(_run_chunk, [path] * len(chunks), chunks, [device] * len(chunks)):
            outcomes += part
            if progress:
                progress(outcomes)
    return outcomes


_loaded: dict[Path, tuple[gymnasium.Env[np.ndarray, Any], Actor]] = {}


def _run_chunk(path: Path, trials: list[Trial], device: str) -> list[Outcome]:
    """Run in a worker: the environment and the policy are made once in each."""
    import torch

    torch.set_num_threads(1)
    if path not in _loaded:
        policy = load(path, device)
        _loaded[path] = (make_env(policy), policy.actor)
    return [run_episode(*_loaded[path], trial) for trial in trials]
