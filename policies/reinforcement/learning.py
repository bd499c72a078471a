"""Learning by reinforcement, in stretches that each follow from the last checkpoint alone.

A simulation cannot be saved midway. So at every checkpoint all copies are reset and all random
numbers begin anew, from the seed and the number of steps taken so far, whether or not anything is
interrupted there: going on ends in the same weights as not stopping.
"""

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecNormalize

from policies.errors import PolicyError
from policies.learner import Problem
from policies.policy import Policy
from policies.reinforcement import checkpoints, replay
from policies.reinforcement.actor import Actor
from policies.reinforcement.config import Config
from policies.reinforcement.normalisation import normalised
from policies.reinforcement.vector import StateVecEnv
from policies.reinforcement.view import View
from policies.reinforcement.watch import Watch

Make = Callable[[VecNormalize, int], BaseAlgorithm]
"""Makes an algorithm for an environment, with a seed."""


def learn(
    problem: Problem, config: Config, make: Make, actor: type[Actor], *, rewards: bool = False
) -> Policy:
    """Let the algorithm that `make` makes learn, or go on, and return what `actor` makes of it.

    With `rewards` they are brought to unit variance of the return.
    """
    state = problem.lay_out(velocities=config.velocities)
    copies = StateVecEnv(problem.task, state, config.copies, workers=problem.workers)
    # SB3 is several times faster on one thread, where nothing looks at frames.
    with contextlib.closing(copies), _own_randomness(), _threads(None if state.image_shapes else 1):
        env = normalised(copies, rewards=rewards, discount=config.discount)
        model = make(env, _seed(problem.seed, 0))
        model.set_logger(Logger(folder=None, output_formats=[]))  # its own makes folders in /tmp
        _run(problem, config, model, env)
        learned = actor.of(model.policy, env, View.of(state), config)
    return problem.policy(state, learned)


def _run(problem: Problem, config: Config, model: BaseAlgorithm, env: VecNormalize) -> None:
    learning = _learning(problem, config)
    checkpoints.restore(problem.folder, model, env, learning, config.steps)
    watch = Watch(lambda steps, word: problem.progress(min(1.0, steps / config.steps), word))
    while (begun := model.num_timesteps) < config.steps:
        model.set_random_seed(_seed(problem.seed, begun))  # of the copies, too
        model.set_env(env, force_reset=True)
        watch.start(begun)
        _stretch(model, min(config.every, config.steps - begun), watch)
        problem.log(model.num_timesteps, watch.row())
        checkpoints.save(problem.folder, model, env, learning, begun)
    replay.remove(problem.folder)  # nobody goes on from here


def _learning(problem: Problem, config: Config) -> dict[str, Any]:
    """Return what decides the weights, as JSON; the number of processes does not."""
    return {
        "learner": problem.learner,
        "task": problem.task._asdict(),
        "state": problem.state,
        "seed": problem.seed,
        "settings": dataclasses.asdict(config),
    }


def _seed(seed: int, steps: int) -> int:
    return int(np.random.SeedSequence([seed, steps]).generate_state(1)[0])


def _stretch(model: BaseAlgorithm, steps: int, watch: Watch) -> None:
    """Learn for so many steps more; PolicyError if it diverges."""
    try:
        model.learn(
            steps,
            callback=watch,
            log_interval=None,  # type: ignore[arg-type]
            reset_num_timesteps=False,
        )
    except ValueError as error:
        if not str(error).startswith("Expected parameter"):
            raise
        raise _diverged(model) from error  # torch's word for an action's distribution that is none
    if not all(parameter.isfinite().all() for parameter in model.policy.parameters()):
        raise _diverged(model)


def _diverged(model: BaseAlgorithm) -> PolicyError:
    return PolicyError(
        f"the policy is not finite after {model.num_timesteps} steps: lower the learning rate"
    )


@contextlib.contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the process's random numbers, which SB3 seeds and draws from, as they were."""
    ours, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch compute on so many threads meanwhile; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
