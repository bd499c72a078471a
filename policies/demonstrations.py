"""Demonstrations: the states and intended actions of the episodes of a data set."""

from typing import NamedTuple

import numpy as np

from data.dataset import Dataset
from policies.errors import PolicyError
from policies.state import PIXELS, RATE, Eye, Frames, State


class Demonstrations(NamedTuple):
    """Steps of all episodes, one after the other."""

    states: np.ndarray
    """State vectors, float32 (N, D)."""
    actions: np.ndarray
    """What the demonstrator meant to do, float32 (N, A)."""
    episodes: np.ndarray
    """Number of the episode of each step, (N,)."""


def demonstrations(
    dataset: Dataset,
    episodes: tuple[int, ...],
    state_name: str,
    eye: Eye | None = None,
    camera: str | None = None,
    velocities: bool = False,
) -> tuple[Demonstrations, State]:
    """Read episodes and lay out the state that `state_name` or `eye` gives for them.

    An encoder sees the frames of `camera`, or else of the data set's first one; an estimator those
    of its own cameras. `velocities` is for `State.build`.

    The actions are the intended ones where the data has them (exploration noise left out), else
    the executed ones. Raises PolicyError if there are no actions or an observation is missing.
    """
    state: State | None = None
    states, actions, numbers = [], [], []
    for number in episodes:
        episode = dataset.read(number)
        taken = (
            episode.intended_actions if episode.intended_actions is not None else episode.actions
        )
        if taken is None:
            raise PolicyError(f"{dataset.folder} holds no actions to learn from")
        if state is None:
            looks = state_name == PIXELS and not eye
            state = State.build(
                episode.observations,
                name=state_name,
                eye=eye,
                velocities=velocities,
                image_shape=dataset.image_shape(dataset.camera(camera)) if looks else None,
                rate=float(dataset.meta.get("fps") or RATE),
            )
        frames: Frames | None = None
        if state.estimator:
            cameras = state.estimator.perceptions
            frames = {name: episode.images[dataset.camera(name)] for name in cameras}
        elif state.image_shapes:
            frames = episode.images[dataset.camera(camera)]
        states.append(state.episode(episode.observations, frames))
        actions.append(np.asarray(taken, np.float32))
        numbers.append(np.full(len(taken), number))
    assert state is not None
    gathered = Demonstrations(
        np.concatenate(states), np.concatenate(actions), np.concatenate(numbers)
    )
    return gathered, state
