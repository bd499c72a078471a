"""A task's cameras: their images and where the named points appear in them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from envs.camera import Camera
from envs.engine import mujoco
from envs.errors import TaskError

SIDES = (8, 2048)  # (pixels) least and largest side of an image


class Cameras:
    """Named cameras of a MuJoCo model that draw images of one size.

    `aliases` give further names to cameras of the model.

    Raises TaskError for an unknown or doubly named camera, or an unfit size.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        names: Sequence[str],
        *,
        height: int,
        width: int,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        aliases = aliases or {}
        _check_side("width", width)
        _check_side("height", height)
        known = [*aliases, *(model.cam(i).name for i in range(model.ncam))]
        if isinstance(names, str) or not names or len(set(names)) < len(names):
            raise TaskError(f"cameras is {names!r}: it takes a list of names: {', '.join(known)}")
        for name in names:
            one_of("camera", name, known)
        self.names = tuple(names)
        self.height, self.width = height, width
        self._model = model
        ids = {name: model.cam(aliases.get(name, name)).id for name in names}
        self._views = {name: Camera(number, height, width) for name, number in ids.items()}
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self._renderer: mujoco.Renderer | None = None

    def __getitem__(self, name: str) -> Camera:
        """Return a camera by name."""
        return self._views[name]

    def render(self, data: mujoco.MjData) -> Any:
        """Return the image, uint8 (height, width, 3); of several cameras, a dict by name."""
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self._model, self.height, self.width)
        images = {}
        for name, view in self._views.items():
            self._renderer.update_scene(data, view.id)
            images[name] = self._renderer.render()  # a new array each time
        return self._one_or_all(images)

    def keypoints(self, data: mujoco.MjData, points: np.ndarray, bodies: Sequence[int]) -> Any:
        """Return points (N, 3) in metres as (N, 3) float32: x, y in pixels, visible (0 or 1).

        `bodies` are those that the points belong to: they and their children hide nothing. Of
        several cameras, a dict by name.
        """
        result = {}
        for name, view in self._views.items():
            pixels, depth = view.project(self._model, data, points)
            seen = view.inside(pixels, depth)
            for i, body in enumerate(bodies):
                seen[i] = seen[i] and view.unoccluded(self._model, data, points[i], body)
            result[name] = np.empty((len(points), 3), np.float32)
            result[name][:, :2], result[name][:, 2] = pixels, seen
        return self._one_or_all(result)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _one_or_all(self, by_name: dict[str, np.ndarray]) -> Any:
        return by_name if len(by_name) > 1 else by_name[self.names[0]]


def one_of(what: str, value: object, allowed: Collection[Any]) -> None:
    """Raise TaskError, listing what is allowed, for any other value."""
    if value not in allowed:
        raise TaskError(f"unknown {what} {value!r}: choose from {', '.join(map(str, allowed))}")


def _check_side(what: str, value: object) -> None:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not SIDES[0] <= value <= SIDES[1]:  # type: ignore[operator]
        raise TaskError(f"{what} is {value!r}: it takes a whole number of {SIDES[0]} to {SIDES[1]}")
