"""LQR-FLM in a task: situations, rollouts, improvements, and what is kept of them for going on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dsae.state.layout import slices
from policies import policy
from policies.evaluation import elsewhere
from policies.learner import Problem
from policies.policy import Policy
from policies.trajectory import records
from policies.trajectory.actor import Actor
from policies.trajectory.beginning import carried_over
from policies.trajectory.config import Config
from policies.trajectory.dynamics import Prior, Rollouts
from policies.trajectory.gaussian import Controller
from policies.trajectory.holding import PROBES, hold
from policies.trajectory.locating import find, on_things, standing
from policies.trajectory.objective import Seen, goal_of, goals_of, lasting, objective
from policies.trajectory.optimise import Iteration, Optimiser, Step, noise
from policies.trajectory.sampling import Order, Rollout, Sampler
from policies.trajectory.sight import JOINTS, Sight
from policies.trajectory.situation import Situation, ends, horizon, look, moves

BLANK_FILE = "blank.safetensors"
"""A policy of the task and state, for the processes that roll out."""
ROLLOUTS_FILE = "rollouts-{:04d}.safetensors"
EVERY_ROLLOUTS_FILE = ROLLOUTS_FILE.replace("{:04d}", "*")
KNOWN = 0.1
"""Share of the first controllers' variance about actions that were shown or learned before."""
SITUATIONS, NOISE, CHECK = 1, 2, 3
"""Streams of random numbers."""


class _Course(NamedTuple):
    """One initial condition and the controller that is learned for it."""

    situation: Situation
    optimiser: Optimiser


class Learning:
    """One learning of trajectories, from its first rollout to the policy."""

    def __init__(self, problem: Problem, config: Config) -> None:
        self._problem, self._config = problem, config
        self._state = problem.lay_out(velocities=True)
        env = problem.environment(self._state)
        try:
            self._steps = horizon(env)
            self._outputs = int(np.prod(env.action_space.shape or ()))
            situations = self._situations(env)
            self._sight = self._see(env, situations)
            self._apart = [standing(one, self._sight) for one in situations]
            names = {name for one in self._apart if one for name in one.names}
            self._sight = self._sight.holding(names)
            # What was shown is learned from, too; `rollouts` are the learner's own.
            self._samples = sum(len(one.showing.actions) for one in situations if one.showing)
            self._rollouts = 0
            prior = Prior(config.clusters, config.kept * config.conditions)
            step = Step(bound=config.bound)
            self._courses = [
                _Course(situation, self._optimiser(env, number, situation, prior, step))
                for number, situation in enumerate(situations)
            ]
        finally:
            env.close()

    def run(self) -> Policy:
        """Learn, or go on with it, and return the policy."""
        problem, config = self._problem, self._config
        problem.folder.mkdir(parents=True, exist_ok=True)
        blank = problem.folder / BLANK_FILE
        policy.save(blank, self._policy([course.optimiser.controller for course in self._courses]))
        # Many small matrices: more threads would wait for each other, up to a hundred times longer.
        with threadpool_limits(1), Sampler(policy.load(blank), blank, problem.workers) as sampler:
            told = len(list(problem.folder.glob(EVERY_ROLLOUTS_FILE))) - 1
            for number in range(config.iterations):
                # Of iterations whose rollouts were kept, the last alone may not have been told.
                self._iterate(sampler, number, told=number < told)
            chosen = self._choose(sampler)
        for file in (blank, *problem.folder.glob(EVERY_ROLLOUTS_FILE)):
            file.unlink()
        return self._policy(chosen)

    def _situations(self, env: gymnasium.Env[np.ndarray, Any]) -> list[Situation]:
        config = self._config
        rng = np.random.default_rng([SITUATIONS, self._problem.seed])
        seeds = rng.integers(2**31, size=config.conditions)
        picture = self._state.estimator is not None
        return [
            look(
                env,
                int(seed),
                config.condition,
                config.guide,
                picture=picture,
                spread=config.spread,
            )
            for seed in seeds
        ]

    def _see(self, env: Any, situations: Sequence[Situation]) -> Sight:
        known = situations[0]
        vectors = [env.reset(seed=i, options=known.options)[0] for i in range(2)]
        for situation in situations:
            if situation.showing is not None:
                vectors += list(situation.showing.states)
        felt = env.unwrapped.observation_space.spaces.get("joint_position")
        joints = felt is not None and self._outputs >= felt.shape[0]  # torques act on them
        sight = Sight.of(
            self._state, known, np.stack(vectors), known.moved, self._config.metres, joints=joints
        )
        seen = on_things(self._state, situations, sight)
        return sight.without(sight.features.keys() - seen) if seen else sight

    def _optimiser(
        self, env: Any, number: int, situation: Situation, prior: Prior, step: Step
    ) -> Optimiser:
        seen = Seen(
            goal_of(self._state, situation, self._sight),
            find(self._state, situation, self._sight),
            self._apart[number],
        )
        cost = objective(situation, self._sight, seen, self._config.weights, self._steps)
        anew = bool(seen.found) or seen.apart is not None
        first = self._first(env, number, situation, anew=anew)
        return Optimiser(first, cost, prior, step)

    def _first(self, env: Any, number: int, situation: Situation, *, anew: bool) -> Controller:
        """Return what learning begins with: another policy, what was shown, or doing nothing.

        `anew`: where things are is told by their points, and another policy, which saw less, has
        habits that are hard to leave, such as slipping off the thing that it pushes blindly.
        """
        outputs, showing = self._outputs, situation.showing
        variance = self._config.variance * np.eye(outputs)
        shape = (outputs, len(self._sight.columns))
        first = Controller.constant(self._steps, np.zeros(shape), np.zeros(outputs), variance)
        known = first._replace(covariances=KNOWN * first.covariances)
        if self._config.begin and not anew:
            begun = carried_over(
                Path(self._config.begin), number, situation.options, self._state, self._sight,
                self._problem.task, (self._steps, outputs),
            )  # fmt: skip
            return known._replace(gains=begun.gains, offsets=begun.offsets)
        if situation.led and showing is not None:
            return known._replace(offsets=lasting(showing.actions, self._steps))
        return self._holding(env, situation, first)

    def _holding(self, env: Any, situation: Situation, first: Controller) -> Controller:
        """Return a first controller that holds an arm whose joints are seen, as nothing else does.

        What that takes to find out is counted.
        """
        at = slices(self._state.layout)
        parts = [at[part] for part in JOINTS if part in at]
        columns = np.array([i for part in parts for i in range(part.start, part.stop)], int)
        if not len(columns) or not np.isin(columns, self._sight.columns).all():
            return first
        found = hold(env, situation.options, columns, self._steps, self._problem.seed)
        self._samples += found.samples
        self._rollouts += PROBES
        first.gains[:, :, : len(columns)] = found.gains  # joints are seen first
        first.offsets[:] = found.offset
        return first

    def _iterate(self, sampler: Sampler, number: int, *, told: bool) -> None:
        """Roll every controller out, improve it, and tell how it went unless it is `told`."""
        rolled = self._rolled(sampler, number)
        went = [
            course.optimiser.learn(_stacked(self._sight, rollouts), _lost(rollouts))
            for course, rollouts in zip(self._courses, rolled, strict=True)
        ]
        rollouts = [rollout for of_one in rolled for rollout in of_one]
        self._count(rollouts)
        if not told:
            self._tell(number, went, rollouts)

    def _rolled(self, sampler: Sampler, number: int) -> list[list[Rollout]]:
        """Return the rollouts of an iteration; those that an interrupted call made are read."""
        file = self._problem.folder / ROLLOUTS_FILE.format(number)
        if file.exists():
            return records.read(file)
        rng = np.random.default_rng([NOISE, self._problem.seed, number])
        orders = []
        for course in self._courses:
            shocks = noise(self._config.rollouts, self._steps, self._outputs, rng)
            orders += [self._order(course, course.optimiser.controller, one, rng) for one in shocks]
        done = sampler.sample(orders)
        count = self._config.rollouts
        rolled = [done[i : i + count] for i in range(0, len(done), count)]
        records.write(file, rolled)
        return rolled

    def _order(
        self, course: _Course, controller: Controller, shocks: np.ndarray, rng: np.random.Generator
    ) -> Order:
        seed = int(rng.integers(2**31))
        options, landmark = course.situation.options, course.situation.landmark
        if landmark:
            options = elsewhere(options, {landmark.option: landmark.spread}, rng)
        return Order(controller, self._sight, shocks, seed, options)

    def _choose(self, sampler: Sampler) -> list[Controller]:
        """Return for each condition the better one of the best so far and the newest.

        Both are rolled out again, without noise: what was best may have been lucky.
        """
        rng = np.random.default_rng([CHECK, self._problem.seed])
        still = np.zeros((self._steps, self._outputs))
        chosen: list[Controller] = []
        shown: list[Rollout] = []
        for course in self._courses:
            tried = []
            for controller in (course.optimiser.best, course.optimiser.controller):
                orders = [
                    self._order(course, controller, still, rng)
                    for _ in range(self._config.rollouts)
                ]
                rollouts = sampler.sample(orders)
                self._count(rollouts)
                costs = course.optimiser.cost_of(_stacked(self._sight, rollouts), _lost(rollouts))
                tried.append((float(costs.mean()), controller, rollouts))
            _, controller, rollouts = min(tried, key=lambda one: one[0])
            chosen.append(controller)
            shown += rollouts
        self._problem.log(self._config.iterations + 1, self._figures(shown))
        return chosen

    def _count(self, rollouts: Sequence[Rollout]) -> None:
        self._rollouts += len(rollouts)
        self._samples += sum(rollout.steps for rollout in rollouts)

    def _figures(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """Return how some rollouts went, and how many there have been so far."""
        return {
            "distance": float(np.median([rollout.distance for rollout in rollouts])),
            "success": float(np.mean([rollout.success for rollout in rollouts])),
            "saturated": float(np.mean([rollout.saturated for rollout in rollouts])),
            "lost": float(_lost(rollouts).mean()),
            "samples": float(self._samples),
            "rollouts": float(self._rollouts),
        }

    def _tell(self, number: int, went: list[Iteration], rollouts: list[Rollout]) -> None:
        figures = {
            name: float(np.mean([getattr(one, name) for one in went])) for name in Iteration._fields
        }
        figures |= self._figures(rollouts)
        self._problem.log(number + 1, figures)
        self._problem.progress(
            (number + 1) / self._config.iterations,
            f"cost {figures['cost']:.1f}, predicted {figures['predicted']:.1f}, actual "
            f"{figures['actual']:.1f}, KL {figures['divergence']:.2f}, η {figures['eta']:.2g}, "
            f"{100 * figures['distance']:.1f} cm",
        )

    def _policy(self, controllers: Sequence[Controller]) -> Policy:
        options = [course.situation.options for course in self._courses]
        actor = Actor(
            options,
            self._steps,
            self._outputs,
            len(self._sight.columns),
            moves(self._courses[0].situation, self._config.moves),
            [goals_of(self._state, course.situation) for course in self._courses],
            [ends(course.situation.options, course.situation.aims) for course in self._courses],
        )
        actor.gains.copy_(torch.from_numpy(np.stack([c.gains for c in controllers])))
        actor.offsets.copy_(torch.from_numpy(np.stack([c.offsets for c in controllers])))
        actor.columns.copy_(torch.from_numpy(self._sight.columns))
        actor.scale.copy_(torch.from_numpy(self._sight.scale))
        actor.held.copy_(torch.from_numpy(self._sight.held))
        return self._problem.policy(self._state, actor.eval())


def _stacked(sight: Sight, rollouts: Sequence[Rollout]) -> Rollouts:
    states = np.stack([rollout.states for rollout in rollouts])
    return Rollouts(
        sight.see(states, states[:, :1]),
        np.stack([rollout.actions for rollout in rollouts]),
    )


def _lost(rollouts: Sequence[Rollout]) -> np.ndarray:
    return np.array([rollout.steps < len(rollout.actions) for rollout in rollouts])
