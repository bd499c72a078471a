"""The controllers of some initial conditions as one actor."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from dsae.state.goals import Goal
from policies.actor import Actor as BaseActor
from policies.trajectory.sight import Sight


class Actor(BaseActor):
    """The mean controllers, one for each condition; after their last step they go on with it."""

    gains: torch.Tensor
    offsets: torch.Tensor
    columns: torch.Tensor
    scale: torch.Tensor
    held: torch.Tensor

    def __init__(
        self,
        conditions: list[dict[str, Any]],
        steps: int,
        outputs: int,
        seen: int,
        moves: dict[str, list[float]],
        goals: Sequence[Mapping[str, Any]] = (),
        ends: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__()
        self._conditions, self._moves, self._ends = conditions, moves, list(ends)
        self._goals = [{camera: as_goal(goal) for camera, goal in one.items()} for one in goals]
        self.steps, self.outputs, self.seen = steps, outputs, seen
        shape = (len(conditions), steps, outputs)
        self.register_buffer("gains", torch.zeros(*shape, seen, dtype=torch.float64))
        self.register_buffer("offsets", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("columns", torch.zeros(seen, dtype=torch.int64))
        self.register_buffer("scale", torch.ones(seen, dtype=torch.float64))
        self.register_buffer("held", torch.zeros(seen, dtype=torch.bool))
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
    def ends(self) -> tuple[dict[str, Any], ...]:
        """For each condition where things are to be brought that are not told, as options."""
        return tuple(self._ends)

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
            "ends": self._ends,
        }

    @property
    def _sight(self) -> Sight:
        return Sight(self.columns.numpy(), self.scale.numpy(), {}, {}, self.held.numpy())

    def reset(self, condition: int = 0) -> None:
        """Begin with the first step of a condition's controller."""
        self._condition, self._step = condition, 0
        self._first: np.ndarray | None = None

    def act(self, states: np.ndarray) -> np.ndarray:
        """Return the mean actions of the next step, float32 (N, A), for states (N, D)."""
        step = min(self._step, self.steps - 1)
        self._step += 1
        states = np.asarray(states, np.float64)
        if self._first is None:
            self._first = states
        seen = self._sight.see(states, self._first)
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
