"""Environments by name, as the verbs make them: rendering, of a given image size."""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import gymnasium
import numpy as np

import envs
from dsae.commands.errors import UsageError

DEFAULT_SIZE = "64"


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of `64` or `48x64` (height x width)."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and 8 <= int(part) <= 2048 for part in parts):
        raise UsageError(f"the image size '{text}' is neither like 64 nor like 48x64 (8 to 2048)")
    return int(parts[0]), int(parts[-1])


def task_settings(task: str, size: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `make_env` for a task; our own draw in any size."""
    if _is_ours(envs.task_id(task)):
        height, width = parse_size(size or DEFAULT_SIZE)
        return {"height": height, "width": width, **settings}
    return {**({"resize": parse_size(size)} if size else {}), **settings}


def env_factory(task: str, settings: dict[str, Any]) -> Callable[[], gymnasium.Env[Any, Any]]:
    """Return what makes the environment, here or in a spawned process, after trying it once."""
    factory = partial(make_env, envs.task_id(task), **settings)
    factory().close()
    return factory


def make_env(
    task: str, *, resize: tuple[int, int] | None = None, **settings: Any
) -> gymnasium.Env[Any, Any]:
    """Make an environment that renders rgb_array, its frames resized to (height, width)."""
    try:
        env = gymnasium.make(task, render_mode="rgb_array", **settings)
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError) as error:
        raise UsageError(f"{task} cannot be made: {' '.join(str(error).split())}") from error
    return ResizedRender(env, resize) if resize else env


class ResizedRender(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Renders an environment's frames at another size."""

    def __init__(self, env: gymnasium.Env[Any, Any], size: tuple[int, int]) -> None:
        super().__init__(env)
        self._size = size

    def render(self) -> Any:
        """Return the frame, averaged down (or stretched) to the size."""
        frame: Any = self.env.render()
        return cv2.resize(np.asarray(frame), self._size[::-1], interpolation=cv2.INTER_AREA)


def _is_ours(task: str) -> bool:
    return f"{envs.NAMESPACE}/" in task
