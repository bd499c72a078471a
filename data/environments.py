"""Environments by id, their frames resized where they cannot draw in every size themselves."""

import importlib
from collections.abc import Sequence
from typing import Any

import cv2
import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator
from numpy.typing import NDArray

from data.controllers import Env, task_name
from data.errors import DataError


def make_env(
    task: str,
    /,
    *,
    resize: Sequence[int] | None = None,
    render_mode: str | None = "rgb_array",
    **settings: Any,
) -> Env:
    """Make an environment by its Gymnasium id.

    Args:
        task: Gymnasium id, `module:Id-v0` where a module registers it.
        resize: (H, W) that its frames, and its keypoints with them, are brought to.
        render_mode: None where no frames are needed; `resize` plays no part then.
        settings: further arguments of the environment.

    Raises:
        DataError: there is no such environment, a package of it is missing, or an argument does
            not suit it. What the environment itself raises is left alone.
    """
    # Gymnasium's checker knows one picture, an environment may give one per camera.
    unchecked = True if len(settings.get("cameras", ())) > 1 else None
    try:
        _check_render_mode(task, render_mode)
        env = gymnasium.make(
            task, render_mode=render_mode, disable_env_checker=unchecked, **settings
        )
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise DataError(f"{task} cannot be made: {' '.join(str(error).split())}") from error
    if resize is None or render_mode is None:
        return env
    height, width = resize
    wrapper = ResizedTruth if env.has_wrapper_attr("keypoints") else ResizedRender
    return wrapper(env, (height, width))


def _check_render_mode(task: str, render_mode: str | None) -> None:
    """Refuse what cannot be drawn before Gymnasium makes it, which would only warn."""
    module, _, name = task.rpartition(":")
    if module:
        importlib.import_module(module)  # which registers it
    entry = gymnasium.spec(name).entry_point
    maker = load_env_creator(entry) if isinstance(entry, str) else entry
    modes = getattr(maker, "metadata", {}).get("render_modes")
    if render_mode is not None and modes is not None and render_mode not in modes:
        known = ", ".join(modes) or "none"
        raise DataError(f"{task} does not render {render_mode}: its render modes are {known}")


class ResizedRender(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Renders an environment's frames at another size, (H, W)."""

    def __init__(self, env: Env, size: tuple[int, int]) -> None:
        super().__init__(env)
        self._size = size
        self._drawn: tuple[int, int] | None = None

    def render(self) -> Any:
        """Return the frame, uint8 (H, W, 3), averaged down (or stretched) to the size.

        Raises:
            DataError: it is no such frame, or one of several cameras.
        """
        frame: Any = self.env.render()
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.dtype != np.uint8:
            raise DataError(
                f"{task_name(self)} renders no single uint8 (H, W, 3) frame, which alone can be "
                "resized: leave its size as it is"
            )
        self._drawn = (frame.shape[0], frame.shape[1])
        return cv2.resize(frame, self._size[::-1], interpolation=cv2.INTER_AREA)

    def drawn_size(self) -> tuple[int, int]:
        """Return the size (H, W) that the environment itself draws in."""
        if self._drawn is None:
            self.render()
        assert self._drawn is not None
        return self._drawn


class ResizedTruth(ResizedRender):
    """Moves the environment's keypoints to where they are in the resized frame."""

    def keypoints(self) -> NDArray[np.float32]:
        """Return the keypoints, (N, 3) float32: x, y in resized pixels, visible.

        (0, 0) is the *centre* of the top-left pixel, hence x' = (x + 1/2) w' / w − 1/2.
        """
        keypoints = np.array(self.env.get_wrapper_attr("keypoints")(), np.float32)
        scale = np.array(self._size[::-1]) / self.drawn_size()[::-1]  # (x, y)
        keypoints[:, :2] = (keypoints[:, :2] + 0.5) * scale - 0.5
        return keypoints
