"""One episode of a controller in an environment."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.controllers import Command, Controller, Env, Placing, task_name
from data.episode import Episode
from data.errors import DataError

STEP_LIMIT = 10_000
"""Steps after which an episode that nothing ends is taken for an endless one."""

FIRST_FRAMES = 128
"""Frames that there is room for at first; the room doubles when it is full."""

Tracks = defaultdict[str, list[Any]]


class Film:
    """The frames of one camera, each copied once, into one array that can be used again."""

    def __init__(self) -> None:
        self._room: NDArray[np.uint8] | None = None
        self._count = 0

    def rewind(self) -> None:
        """Begin anew; arrays that `frames` gave are overwritten."""
        self._count = 0

    def append(self, frame: NDArray[np.uint8]) -> None:
        """Copy a frame, uint8 (H, W, 3): a renderer may draw the next one into the same memory."""
        if self._room is None:
            self._room = np.empty((FIRST_FRAMES, *frame.shape), np.uint8)
        if frame.shape != self._room.shape[1:]:
            raise DataError(f"a frame is {frame.shape}, those before are {self._room.shape[1:]}")
        if self._count == len(self._room):
            self._room = np.concatenate([self._room, np.empty_like(self._room)])
        self._room[self._count] = frame
        self._count += 1

    def frames(self) -> NDArray[np.uint8]:
        """All of them, (T, H, W, 3)."""
        assert self._room is not None
        return self._room[: self._count]


def rollout(
    env: Env,
    controller: Controller,
    *,
    seed: int,
    cameras: Sequence[str] = ("front",),
    max_steps: int | None = None,
    meta: Mapping[str, Any] | None = None,
    films: Mapping[str, Film] | None = None,
) -> Episode:
    """Run one episode from `reset(seed=seed)` until it is terminated, truncated or cut.

    Frame t is rendered before action t is applied. Where the unwrapped environment has
    `keypoint_names`, `keypoints()`, `points()` or `factors()`, their truth is recorded beside
    the frames; a wrapper that changes the frames may bring its own `keypoints()`, which, like
    `render()`, gives one array, or one per camera in a dict by name.

    Args:
        env: made with render_mode="rgb_array"; `render` returns one frame, or one per camera in
            a dict by name.
        controller: chooses the actions.
        seed: of the environment and the controller.
        cameras: names for the frames.
        max_steps: cuts longer episodes.
        meta: stored with the episode, beside env_id, fps, seed, success and terminated.
        films: by camera, to be used again: the images of the episode before, if it was taken on
            them, are overwritten. Fresh memory would cost a tenth of the time at 240 pixels.

    Raises:
        DataError: the environment renders no frames, or never ends and max_steps is None.
    """
    _check_draws(env)
    tracks: Tracks = defaultdict(list)
    films = films or {camera: Film() for camera in cameras}
    for film in films.values():
        film.rewind()
    options = controller.options(seed) if isinstance(controller, Placing) else None
    observation, _ = env.reset(seed=seed, options=options)
    controller.reset(env, seed)
    factors = env.unwrapped.factors() if hasattr(env.unwrapped, "factors") else {}
    keypoints = env.get_wrapper_attr("keypoints") if env.has_wrapper_attr("keypoints") else None
    ended = False
    while not ended:
        for camera, frame in _frames(env, cameras).items():
            films[camera].append(frame)
        _record_truth(tracks, env.unwrapped, keypoints, observation, cameras)
        command = controller.act(observation)
        observation, reward, terminated, truncated, info = env.step(command.executed)
        steps = len(tracks["rewards"]) + 1
        ended = bool(terminated or truncated or steps == max_steps)
        _record_action(tracks, command, float(reward), ended)
        if not ended and max_steps is None and steps == STEP_LIMIT:
            raise DataError(
                f"{task_name(env)} did not end within {STEP_LIMIT} steps: give max_steps"
            )
    outcome = {
        "seed": seed,
        "success": bool(info["is_success"]) if "is_success" in info else None,
        "terminated": bool(terminated),
    }
    images = {camera: film.frames() for camera, film in films.items()}
    return _episode(images, tracks, env, factors, {**_origin(env), **(meta or {}), **outcome})


def _check_draws(env: Env) -> None:
    if env.render_mode != "rgb_array":
        raise DataError(
            f"{task_name(env)} has render mode {env.render_mode!r}: "
            'make it with render_mode="rgb_array", as frames are what an episode is about'
        )


def _record_action(tracks: Tracks, command: Command, reward: float, ended: bool) -> None:
    tracks["actions"].append(_vector(command.executed))
    tracks["intended_actions"].append(_vector(command.intended))
    tracks["rewards"].append(reward)
    tracks["dones"].append(ended)


def _record_truth(
    tracks: Tracks,
    world: Any,
    keypoints: Callable[[], Any] | None,
    observation: Any,
    cameras: Sequence[str],
) -> None:
    """What there is to know before the next action, beside the frames."""
    for name, vector in _vectors(observation).items():
        tracks[f"observations/{name}"].append(vector)
    if keypoints:
        for camera, pixels in _by_camera(keypoints(), cameras).items():
            tracks[f"keypoints/{camera}"].append(np.array(pixels, np.float32))
    if hasattr(world, "points"):
        points = world.points()
        tracks["points"].append(np.array([points[name] for name in world.keypoint_names]))


def _episode(
    images: dict[str, NDArray[np.uint8]],
    tracks: Tracks,
    env: Env,
    factors: dict[str, Any],
    meta: dict[str, Any],
) -> Episode:
    arrays = {name: np.stack(steps) for name, steps in tracks.items()}
    return Episode(
        images=images,
        observations=_below("observations/", arrays),
        keypoints=_below("keypoints/", arrays),
        actions=arrays["actions"],
        intended_actions=arrays["intended_actions"],
        rewards=arrays["rewards"],
        dones=arrays["dones"],
        points=arrays.get("points"),
        keypoint_names=tuple(getattr(env.unwrapped, "keypoint_names", ())),
        factors=factors,
        meta=meta,
    )


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}


def _by_camera(value: Any, cameras: Sequence[str]) -> Mapping[str, Any]:
    """What an environment gives for its cameras: a dict by name, or one thing for its only one."""
    return value if isinstance(value, Mapping) else {cameras[0]: value}


def _frames(env: Env, cameras: Sequence[str]) -> dict[str, NDArray[np.uint8]]:
    """The frames by camera, each uint8 (H, W, 3)."""
    frames = _by_camera(env.render(), cameras)
    for camera in cameras:
        frame = frames.get(camera)
        if frame is None:
            raise DataError(
                f"{task_name(env)} renders no camera {camera!r}, only {', '.join(frames)}"
            )
        is_image = isinstance(frame, np.ndarray) and frame.ndim == 3 and frame.shape[2] == 3
        if not is_image or frame.dtype != np.uint8:
            kind = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame)
            raise DataError(f"{task_name(env)} renders {kind}, but uint8 (H, W, 3) is needed")
    return {camera: frames[camera] for camera in cameras}


def _vectors(observation: Any) -> dict[str, NDArray[Any]]:
    """The vectors of an observation by name; images in it are left out, `render` gives them."""
    parts = observation if isinstance(observation, Mapping) else {"state": observation}
    return {name: _vector(part) for name, part in parts.items() if np.ndim(part) <= 1}


def _vector(value: Any) -> NDArray[Any]:
    """A copy as a vector, since environments may reuse their arrays."""
    return np.array(value).reshape(-1)


def _origin(env: Env) -> dict[str, Any]:
    return {"env_id": task_name(env), "fps": env.metadata.get("render_fps")}
