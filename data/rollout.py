"""One episode of a controller in an environment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.controllers import Controller, Env, task_name
from data.episode import Episode
from data.errors import DataError

STEP_LIMIT = 10_000
"""Steps after which an episode that nothing ends is taken for an endless one."""

Tracks = defaultdict[str, list[Any]]


def rollout(
    env: Env,
    controller: Controller,
    *,
    seed: int,
    cameras: Sequence[str] = ("front",),
    max_steps: int | None = None,
    meta: Mapping[str, Any] | None = None,
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

    Raises:
        DataError: the environment renders no frames, or never ends and max_steps is None.
    """
    if env.render_mode != "rgb_array":
        raise DataError(
            f"{task_name(env)} has render mode {env.render_mode!r}: "
            'make it with render_mode="rgb_array", as frames are what an episode is about'
        )
    tracks: Tracks = defaultdict(list)
    observation, _ = env.reset(seed=seed)
    controller.reset(env, seed)
    factors = env.unwrapped.factors() if hasattr(env.unwrapped, "factors") else {}
    ended = False
    while not ended:
        _record_sight(tracks, env, observation, cameras)
        command = controller.act(observation)
        observation, reward, terminated, truncated, info = env.step(command.executed)
        steps = len(tracks["rewards"]) + 1
        ended = bool(terminated or truncated or steps == max_steps)
        tracks["actions"].append(_vector(command.executed))
        tracks["intended_actions"].append(_vector(command.intended))
        tracks["rewards"].append(float(reward))
        tracks["dones"].append(ended)
        if not ended and max_steps is None and steps == STEP_LIMIT:
            raise DataError(
                f"{task_name(env)} did not end within {STEP_LIMIT} steps: give max_steps"
            )
    outcome = {
        "seed": seed,
        "success": bool(info["is_success"]) if "is_success" in info else None,
        "terminated": bool(terminated),
    }
    return _episode(tracks, env, cameras, factors, {**_origin(env), **(meta or {}), **outcome})


def _record_sight(tracks: Tracks, env: Env, observation: Any, cameras: Sequence[str]) -> None:
    """What there is to see and know before the next action."""
    for camera, frame in _frames(env, cameras).items():
        tracks[f"images/{camera}"].append(frame)
    for name, vector in _vectors(observation).items():
        tracks[f"observations/{name}"].append(vector)
    world: Any = env.unwrapped
    if env.has_wrapper_attr("keypoints"):
        for camera, pixels in _by_camera(env.get_wrapper_attr("keypoints")(), cameras).items():
            tracks[f"keypoints/{camera}"].append(np.array(pixels, np.float32))
    if hasattr(world, "points"):
        points = world.points()
        tracks["points"].append(np.array([points[name] for name in world.keypoint_names]))


def _episode(
    tracks: Tracks,
    env: Env,
    cameras: Sequence[str],
    factors: dict[str, Any],
    meta: dict[str, Any],
) -> Episode:
    arrays = {name: np.stack(steps) for name, steps in tracks.items()}
    return Episode(
        images=_below("images/", arrays),
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
    """Copies of the frames by camera, each uint8 (H, W, 3)."""
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
    # A renderer may draw the next frame into the same memory.
    return {camera: frames[camera].copy() for camera in cameras}


def _vectors(observation: Any) -> dict[str, NDArray[Any]]:
    """The vectors of an observation by name; images in it are left out, `render` gives them."""
    parts = observation if isinstance(observation, Mapping) else {"state": observation}
    return {name: _vector(part) for name, part in parts.items() if np.ndim(part) <= 1}


def _vector(value: Any) -> NDArray[Any]:
    """A copy as a vector, since environments may reuse their arrays."""
    return np.array(value).reshape(-1)


def _origin(env: Env) -> dict[str, Any]:
    return {"env_id": task_name(env), "fps": env.metadata.get("render_fps")}
