"""What every learner is given, and what it gives back.

A learner is a module in `policies/learners` with

    Config            a frozen dataclass of its settings,
    SMALL             the Config under which it learns a small task within seconds,
    NEEDS_DATA        whether it learns from demonstrations (else from acting in the task),
    NEEDS_VELOCITIES  whether it learns on velocities (False if left out),
    Actor             what acts in the end (`policies.actor`),
    check             check(state): PolicyError unless it can learn on states of that name,
    learn             learn(problem, config) -> Policy,

if not images of every size will do, check_image(image_shape), PolicyError for (H, W, C) that does
not, and, if it can learn first without vision to collect images for an encoder (`dsae learn
--encoder`), FIRST, the settings of that, and SEEN, those with which it then learns on what is seen.

A setting `velocities`, where a Config has one, asks for velocities as well.

Rows that a learner logs name what they hold: `success` (a rate in [0, 1]) and `distance` (median,
in metres) of episodes rolled out meanwhile, and `samples`, the steps of the task that were taken
to learn so far, demonstrations included; from these a comparison draws its curves. Whoever keeps
the rows adds `seconds` to each, since learning began.

`learn` goes on where an interrupted call with the same problem and config stopped, by what it left
in `problem.folder`, and ends in the same policy. The same seed gives the same policy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from data.dataset import Dataset
from dsae.encoder import ImageShape
from policies import demonstrations, evaluation
from policies.actor import Actor
from policies.demonstrations import Demonstrations
from policies.errors import PolicyError
from policies.policy import Policy, Task
from policies.state import PIXELS, RATE, Eye, State
from policies.wrapper import StateObservation, frame_of, parts_of


class Shown(NamedTuple):
    """Episodes to learn from."""

    dataset: Dataset
    episodes: tuple[int, ...]


def _quiet(*_: Any) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A task, a state to learn it on, and what learning may use."""

    task: Task
    learner: str
    """Name of the learner, which the policy keeps."""
    state: str
    """Name of the state; with an eye the eye's own."""
    eye: Eye | None = None
    """What looks at the frames, if anything does."""
    shown: Shown | None = None
    """Demonstrations, for learners that need them."""
    seed: int = 0
    """Everything random in learning follows from it."""
    folder: Path
    """Where an interrupted learning left what it goes on from; made if missing."""
    workers: int = 1
    """Processes that may act in the task at the same time."""
    log: Callable[[int, dict[str, float]], None] = _quiet
    """Called with a count that rises (epochs, steps, iterations) and figures."""
    progress: Callable[[float, str], None] = _quiet
    """Called with the share that is done, in [0, 1], and a word on how it goes."""

    def demonstrations(self, *, velocities: bool = False) -> tuple[Demonstrations, State]:
        """Read the demonstrations and lay the state out; PolicyError if there are none."""
        if self.shown is None:
            raise PolicyError(f"{self.learner} learns from demonstrations: give --data")
        return demonstrations.demonstrations(
            *self.shown, self.state, self.eye, self.task.camera, velocities
        )

    def lay_out(self, *, velocities: bool = False) -> State:
        """Lay the state out for what the task observes; it is made, and reset, for that."""
        looks = self.eye is not None or self.state == PIXELS
        env = evaluation.make_task(self.task, render=looks)
        try:
            observation, _ = env.reset(seed=0)
            seen = np.shape(frame_of(env.render(), self.task.camera)) if looks else None
            rate = float(env.metadata.get("render_fps") or RATE)
        finally:
            env.close()
        shape: ImageShape | None = (seen[0], seen[1], seen[2]) if seen else None
        return State.build(
            parts_of(observation),
            name=self.state,
            eye=self.eye,
            velocities=velocities,
            image_shape=shape,
            rate=rate,
        )

    def environment(self, state: State) -> StateObservation:
        """Make the task with the state as its observation."""
        env = evaluation.make_task(self.task, render=bool(state.image_shapes))
        return StateObservation(env, state, self.task.camera)

    def policy(self, state: State, actor: Actor) -> Policy:
        """Return what was learned."""
        return Policy(state, actor, self.task, self.learner, self.state)


def wants_velocities(learner: ModuleType, config: Any) -> bool:
    """Whether a learner under its config learns on velocities, which an encoder alone has not."""
    needs: bool = getattr(learner, "NEEDS_VELOCITIES", False)
    return needs or bool(getattr(config, "velocities", False))


def refuse_image(learner: ModuleType, image_shape: ImageShape) -> None:
    """Raise PolicyError if a learner cannot learn on pixels of that shape."""
    getattr(learner, "check_image", _quiet)(image_shape)


def refuse_states(learner: str, state: str, refused: tuple[str, ...], why: str) -> None:
    """Raise PolicyError if a state is one of those that a learner cannot do anything with."""
    if state in refused:
        raise PolicyError(f"{learner} cannot learn on the state '{state}': {why}")
