"""Trajectory-centric reinforcement learning: LQR-FLM, as Finn et al. (2016) learn with.

For each initial condition a time-varying linear-Gaussian controller is improved: roll it out a few
times, fit linear-Gaussian dynamics with a mixture prior, take the best step within a KL bound
(Levine & Abbeel 2014). Deviations: the best controller so far is kept and rolled back to, the
exploration is smoothed over time, rollouts that lose an object end and cost extra.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dsae.ranges import check_ranges
from dsae.state.goals import Goal
from policies.actor import Actor as BaseActor
from policies.learner import Problem, refuse_states
from policies.policy import Policy
from policies.trajectory.objective import Weights
from policies.trajectory.situation import Guide

NEEDS_DATA = False
NEEDS_VELOCITIES = True


@dataclass(frozen=True, kw_only=True)
class Config:
    """How trajectories are optimised."""

    iterations: int = 18
    """Times that all controllers are improved; two more rounds of rollouts choose in the end."""
    rollouts: int = 5
    """Of each controller, between two improvements."""
    conditions: int = 1
    """Initial conditions, each with a controller of its own; the task draws them by the seed."""
    condition: dict[str, Any] = field(default_factory=dict)
    """Reset options that are the same in all of them, such as {goal: [0.5, 0.1]}."""
    guide: Guide = "auto"
    """What leads the arm: what the task says is to be brought where, or the way that its expert
    shows once. auto: the aims, where the task has any."""
    begin: str = ""
    """Run folder of a policy of such trajectories to begin with, such as one without vision."""
    variance: float = 0.3
    """Of the first controller's actions, in units of the action range."""
    bound: float = 1.0
    """KL divergence per time step that an improvement may bring, in nats, before adaptation."""
    clusters: int = 20
    """Of the mixture prior at most."""
    kept: int = 20
    """Last rollouts that the prior is fitted to."""
    way: float = 1.0
    """Weight of being where one can push from, or where it was shown."""
    led: float = 0.1
    """Share of that which remains once the arm is led to where it can push what it sees."""
    goal: float = 1.0
    """Weight of what is to be brought to its place."""
    action: float = 1e-2
    """Weight of the actions' squares."""
    metres: float = 0.3
    """What half of the image's shorter side is about, in metres, for weighing feature points."""
    moves: float = 0.02
    """Half-width, in metres, by which `dsae rollout` also tests what the controllers do when an
    object stands elsewhere."""

    def __post_init__(self) -> None:
        positive, some = (1, math.inf), (0, math.inf)
        check_ranges(
            self,
            iterations=positive, rollouts=(2, math.inf), conditions=positive, variance=some,
            bound=some, clusters=positive, kept=positive, way=some, led=some, goal=some,
            action=some, metres=some, moves=some,
        )  # fmt: skip

    @property
    def weights(self) -> Weights:
        """Of the cost's terms."""
        return Weights(way=self.way, led=self.led, goal=self.goal, action=self.action)


SMALL = Config(iterations=6, rollouts=5)
FIRST = {"iterations": 8, "rollouts": 4, "moves": 0.03}
"""Settings with which it learns without vision, to collect the images an encoder is trained on."""
SEEN = {"iterations": 16, "goal": 3.0}
"""Settings with which it then learns on what is seen."""


def check(state: str) -> None:
    """PolicyError for pixels: a linear map of an image's pixels is no controller."""
    refuse_states(
        "lqr_flm", state, ("pixels",),
        "its controllers are linear in few numbers; give oracle, blind or a folder of 'dsae state'",
    )  # fmt: skip


class Actor(BaseActor):
    """The mean controllers, one for each condition; after their last step they go on with it."""

    gains: torch.Tensor
    offsets: torch.Tensor
    columns: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        conditions: list[dict[str, Any]],
        steps: int,
        outputs: int,
        seen: int,
        moves: dict[str, list[float]],
        goals: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__()
        self._conditions, self._moves = conditions, moves
        self._goals = [{camera: as_goal(goal) for camera, goal in one.items()} for one in goals]
        self.steps, self.outputs, self.seen = steps, outputs, seen
        shape = (len(conditions), steps, outputs)
        self.register_buffer("gains", torch.zeros(*shape, seen, dtype=torch.float64))
        self.register_buffer("offsets", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("columns", torch.zeros(seen, dtype=torch.int64))
        self.register_buffer("scale", torch.ones(seen, dtype=torch.float64))
        self.reset()

    @property
    def conditions(self) -> tuple[dict[str, Any], ...]:
        """The initial conditions that it was learned for, as reset options."""
        return tuple(self._conditions)

    @property
    def moves(self) -> dict[str, list[float]]:
        """Half-widths by reset option."""
        return self._moves

    @property
    def goals(self) -> tuple[dict[str, Goal], ...]:
        """For each condition the feature points that were to be reached, by camera."""
        return tuple(self._goals)

    def description(self) -> dict[str, Any]:
        """Return the arguments that build this actor again."""
        return {
            "conditions": self._conditions,
            "steps": self.steps,
            "outputs": self.outputs,
            "seen": self.seen,
            "moves": self._moves,
            "goals": [{camera: as_lists(g) for camera, g in one.items()} for one in self._goals],
        }

    def reset(self, condition: int = 0) -> None:
        """Begin with the first step of a condition's controller."""
        self._condition, self._step = condition, 0

    def act(self, states: np.ndarray) -> np.ndarray:
        """Return the mean actions of the next step, float32 (N, A), for states (N, D)."""
        step = min(self._step, self.steps - 1)
        self._step += 1
        seen = np.asarray(states, np.float64)[:, self.columns.numpy()] * self.scale.numpy()
        gain = self.gains[self._condition, step].numpy()
        offset = self.offsets[self._condition, step].numpy()
        return (seen @ gain.T + offset).astype(np.float32)


def as_goal(goal: Any) -> Goal:
    """Return a goal that is one, or the lists of one."""
    points, mask = goal
    return Goal(np.array(points, np.float64), np.array(mask, bool))


def as_lists(goal: Goal) -> list[Any]:
    """Return a goal as JSON has it."""
    return [goal.points.tolist(), goal.mask.tolist()]


def learn(problem: Problem, config: Config) -> Policy:
    """Optimise the controllers."""
    from policies.trajectory.learning import Learning

    return Learning(problem, config).run()
