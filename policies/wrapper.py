"""A state as the observation of a Gymnasium environment."""

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium
import numpy as np

from policies.errors import PolicyError
from policies.state import State


class StateObservation(gymnasium.ObservationWrapper[np.ndarray, Any, Any]):
    """Replaces the observation by a state vector, float32 of shape (D,).

    Where the state looks at frames, each step's is rendered and encoded exactly once, here;
    `frames` keeps the last one of each camera for whoever draws it, under None if it is the only
    one. The environment must then have been made with render_mode="rgb_array" and the image size
    that the encoder was trained on; where it draws several cameras, `camera` names the encoder's.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], state: State, camera: str | None = None
    ) -> None:
        super().__init__(env)
        if state.image_shapes and env.render_mode != "rgb_array":
            raise PolicyError("a learned state needs an environment with render_mode='rgb_array'")
        self.state = state
        self.camera = camera
        self.frames: dict[str | None, np.ndarray] = {}
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (state.size,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode: the state remembers nothing of the last one."""
        self.state.reset()
        return super().reset(seed=seed, options=options)

    def observation(self, observation: Any) -> np.ndarray:
        """Return the state vector that belongs to the environment's observation."""
        batched = {name: np.asarray(value)[None] for name, value in parts_of(observation).items()}
        self.frames = frames_of(self.env, self.state.image_shapes, self.camera)
        frames = {camera: frame[None] for camera, frame in self.frames.items()}
        return self.state.vectors(batched, frames)[0]


def parts_of(observation: Any) -> dict[str, Any]:
    """Return an observation by its parts; one that has none is called `state`."""
    return observation if isinstance(observation, dict) else {"state": observation}


def frames_of(
    env: gymnasium.Env[Any, Any], cameras: Collection[str | None], camera: str | None
) -> dict[str | None, np.ndarray]:
    """Render once and return the frames of `cameras`, None among them standing for `camera`."""
    if not cameras:
        return {}
    rendered: Any = env.render()
    return {name: np.asarray(frame_of(rendered, name or camera)) for name in cameras}


def frame_of(rendered: Any, camera: str | None) -> Any:
    """Return the frame that `render` gave; where it gave several, a camera's, or the first."""
    if not isinstance(rendered, Mapping):
        return rendered
    if camera is None:
        return next(iter(rendered.values()))
    if camera not in rendered:
        raise PolicyError(f"there is no camera '{camera}', only {', '.join(rendered)}")
    return rendered[camera]
