"""What a task gives, seen once before anything is collected of it, and who can do with that."""

from typing import Any, NamedTuple

import numpy as np

from dsae import encoders
from dsae.commands import beside, environments
from dsae.commands.contestants import Contestant
from dsae.commands.errors import UsageError
from dsae.encoder import ImageShape
from dsae.errors import DsaeError
from dsae.state.robot import robot_parts
from policies.errors import PolicyError
from policies.state import State
from policies.wrapper import frame_of

STEPS = 200
"""Taken for the length of an episode where the task does not tell."""


class Glimpse(NamedTuple):
    """A task as it is met at its first reset."""

    observations: dict[str, np.ndarray]
    known: frozenset[str]
    """Which of `robot` and `truth` its episodes will hold beside the frames."""
    image_shape: ImageShape
    """Of each camera."""
    steps: int
    """Of its longest episodes, about."""


def look(task: str, settings: dict[str, Any], *, demonstrated: bool) -> Glimpse:
    """Make a task, reset and draw it once.

    Raises UsageError, DataError or TaskError, in one line, if that fails, or if it is to be
    `demonstrated` and has no scripted expert.
    """
    env = environments.env_factory(task, settings)()
    try:
        if demonstrated and not hasattr(env.unwrapped, "expert_action"):
            raise UsageError(f"{task} has no scripted expert to collect demonstrations of")
        observation, _ = env.reset(seed=0)
        if demonstrated:
            unwrapped: Any = env.unwrapped
            unwrapped.expert_action()  # which does not act with torques, say
        frame: Any = frame_of(env.render(), camera=None)
        steps: int = getattr(env.unwrapped, "HORIZON", STEPS)
        if env.spec and env.spec.max_episode_steps:
            steps = env.spec.max_episode_steps
        has_truth = hasattr(env.unwrapped, "keypoint_names")
    finally:
        env.close()
    parts = observation if isinstance(observation, dict) else {"state": observation}
    has_robot = any(name in parts for name in beside.ROBOT)
    known = {"robot": has_robot, "truth": has_truth}
    height, width, channels = np.shape(frame)
    return Glimpse(
        parts, frozenset(n for n, there in known.items() if there), (height, width, channels), steps
    )


def why_not(contestant: Contestant, seen: Glimpse, *, velocities: bool) -> str:
    """Return in words why a state cannot be had of a task; nothing if it can."""
    try:
        if contestant.encoder:
            missing = encoders.kind(contestant.encoder).needs - seen.known
            if missing:
                words = " and ".join(encoders.WORDS[need] for need in sorted(missing))
                return f"{contestant.name} needs the {words}, which its episodes do not have"
            if contestant.filtered:
                robot_parts(seen.observations)
        # An encoder's features stand beside what a blind state holds.
        name = "blind" if contestant.encoder else contestant.name
        State.build(
            seen.observations, name=name, velocities=velocities, image_shape=seen.image_shape
        )
    except (DsaeError, PolicyError) as error:
        return str(error)
    return ""
