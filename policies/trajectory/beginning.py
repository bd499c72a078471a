"""What another policy of trajectories does, to begin with in another state."""

from pathlib import Path
from typing import Any

import numpy as np

from policies import policy
from policies.errors import PolicyError
from policies.policy import Task
from policies.state import State
from policies.trajectory.actor import Actor
from policies.trajectory.gaussian import Controller
from policies.trajectory.sight import Sight


def carried_over(
    path: Path,
    condition: int,
    options: dict[str, Any],
    state: State,
    sight: Sight,
    task: Task,
    shape: tuple[int, int],
) -> Controller:
    """Return what a policy of other trajectories does, as a controller of what is seen here.

    What it saw that is not seen here counts as zero, and the other way round. `options` are those
    of the condition, `shape` is that of the actions here: steps, numbers. Raises PolicyError if it
    is no policy of trajectories, or of another task, other actions or other conditions.
    """
    before = policy.load(path)
    actor = before.actor
    if not isinstance(actor, Actor) or condition >= len(actor.conditions):
        raise PolicyError(f"{path} holds no controller for condition {condition + 1} to begin with")
    for what, there, here in (
        ("of", before.task.id, task.id),
        ("of steps and actions", (actor.steps, actor.outputs), shape),
    ):
        if there != here:
            raise PolicyError(f"{path} is {what} {there}, to begin with it would have to be {here}")
    if actor.conditions[condition] != options:
        raise PolicyError(
            f"{path} has learned condition {condition + 1} as {actor.conditions[condition]}; "
            f"here it is {options}: give the same --seed and settings"
        )
    names = _names(before.state)
    at = {name: number for number, name in enumerate(_names(state))}
    gains = np.zeros((actor.steps, actor.outputs, len(sight.columns)))
    for old, column in enumerate(actor.columns.tolist()):
        for new in np.flatnonzero(sight.columns == at.get(names[column], -1)):
            factor = float(actor.scale[old]) / sight.scale[new]
            gains[:, :, new] = factor * actor.gains[condition, :, :, old].numpy()
    offsets = actor.offsets[condition].numpy()
    return Controller(gains, offsets, np.zeros((actor.steps, actor.outputs, actor.outputs)))


def _names(state: State) -> list[tuple[str, int]]:
    return [(part.name, i) for part in state.layout for i in range(part.size)]
