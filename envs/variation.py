"""Factors of variation: what may differ between episodes besides the places of things.

Each factor is one function that changes the model and tells what it drew, with random numbers of
its own: switching one on leaves the others, and the places of things, as they were (but for a
larger object, whose centre lies higher).
"""

import colorsys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.cameras import one_of
from envs.engine import mujoco
from envs.errors import TaskError

SIZE_RANGE = (0.8, 1.2)  # factor on every length of an object
TEXTURES = ("plain", "checker", "dots", "shade", "cross")  # materials of an object
TABLES = ("table", "table_cloth", "table_speckle", "table_grain")  # materials of the table
TABLE_SHADE = (0.5, 1.4)  # factor on the table's brightness
HUE_SHIFT = 0.05  # half-width of the table's change of each colour channel
LAMP_SHIFT = 0.5  # (metres) half-width of the lamp's displacement along x and y
LAMP_RANGE = (0.6, 1.4)  # factor on the lamp's brightness
AMBIENT_RANGE = (0.6, 1.4)  # factor on the light from everywhere
CAMERA_SHIFT = 0.04  # (metres) half-width of a camera's displacement along each axis
CAMERA_TURN = 0.035  # (rad) half-width of its turn about each axis
STILL = ("distractor1", "distractor2", "distractor3")
MOVING = ("wanderer1", "wanderer2")
BESIDE = ((0.12, 0.27), (0.35, 0.36))  # (metres) (x, |y|) between which things stand about
ROUND = ((0.10, 0.20), (0.22, 0.28))  # (metres) (x, |y|) between which they go round
WANDER = (0.05, 0.10)  # (metres) radius of a moving distractor's path
PERIOD = (2.0, 5.0)  # (s) of its round
SHOWN = 0  # geom group; the hidden are in group 4
ALL = "all"  # names every factor that a task has

_CHANGED = (
    "geom_rgba", "geom_size", "geom_pos", "geom_rbound", "geom_aabb", "geom_matid", "geom_group",
    "bvh_aabb", "body_mass", "body_inertia", "body_pos", "body_ipos", "mat_rgba", "light_pos",
    "light_diffuse", "cam_pos", "cam_quat", "eq_data",
)  # fmt: skip


class Path(NamedTuple):
    """A round that a moving distractor makes."""

    body: int
    """Its number among the mocap bodies."""
    centre: np.ndarray
    """(3,) metres."""
    radius: float
    """Metres, in a plane parallel to the table."""
    period: float
    """Seconds; negative the other way round."""


class Scene(NamedTuple):
    """What the factors work on."""

    model: mujoco.MjModel
    data: mujoco.MjData
    looks: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, tuple[str, ...]]
    paths: list[Path]


class Variation:
    """The factors that are switched on, and what they drew last.

    Raises TaskError, listing the task's factors, for an unknown name.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        names: Sequence[str],
        looks: Mapping[str, tuple[str, ...]],
        sizes: Mapping[str, tuple[str, ...]],
    ) -> None:
        missing = set() if looks else {"object_color", "object_texture"}
        missing |= set() if sizes else {"object_size"}
        self.available = tuple(name for name in FACTORS if name not in missing)
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise TaskError(
                f"factors is {names!r}: it takes a list of names: {', '.join(self.available)}"
            )
        for name in names:
            one_of("factor", name, (*self.available, ALL))
        self.names = tuple(name for name in self.available if name in names or ALL in names)
        self.drawn: dict[str, Any] = {}
        self._model, self._looks, self._sizes = model, looks, sizes
        self._paths: list[Path] = []
        self._nominal = {name: getattr(model, name).copy() for name in _CHANGED}
        headlight = model.vis.headlight
        self._headlight = (headlight.ambient.copy(), headlight.diffuse.copy())

    def draw(self, data: mujoco.MjData, generator: np.random.Generator) -> None:
        """Bring the model back to what the XML says, then draw every factor that is on."""
        if not self.names:
            return
        model = self._model
        for name, value in self._nominal.items():
            getattr(model, name)[:] = value
        model.vis.headlight.ambient[:], model.vis.headlight.diffuse[:] = self._headlight
        self._paths = []
        scene = Scene(model, data, self._looks, self._sizes, self._paths)
        streams = dict(zip(FACTORS, generator.spawn(len(FACTORS)), strict=True))
        self.drawn = {}
        for name in self.names:
            for part, value in FACTORS[name](scene, streams[name]).items():
                self.drawn[f"{name}.{part}"] = value

    def move(self, data: mujoco.MjData, time: float) -> None:
        """Put the moving distractors where they are at a time, in seconds since the reset."""
        for path in self._paths:
            angle = 2 * np.pi * time / path.period
            aside = path.radius * np.array([np.cos(angle), np.sin(angle), 0.0])
            data.mocap_pos[path.body] = path.centre + aside


def _object_color(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    """Hues spread evenly over the objects from a random one on, so that they stay different."""
    first, drawn = generator.uniform(), {}
    for i, (name, geoms) in enumerate(scene.looks.items()):
        saturation, value = generator.uniform(0.7, 1.0), generator.uniform(0.6, 0.95)
        color = colorsys.hsv_to_rgb((first + i / len(scene.looks)) % 1, saturation, value)
        for geom in geoms:
            scene.model.geom(geom).rgba[:3] = color
        drawn[name] = list(color)
    return drawn


def _object_texture(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    drawn = {}
    for name, geoms in scene.looks.items():
        texture = str(generator.choice(TEXTURES))
        drawn[name] = texture
        for geom in geoms if texture != "plain" else ():
            scene.model.geom(geom).matid = scene.model.material(texture).id
    return drawn


def _object_size(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    """One factor on every length, at the same density."""
    model, drawn = scene.model, {}
    for name, bodies in scene.sizes.items():
        scale = generator.uniform(*SIZE_RANGE)
        numbers = [model.body(body).id for body in bodies]
        for body in numbers:
            if model.body_parentid[body] in numbers:
                model.body_pos[body] *= scale
            for geom in np.flatnonzero(model.geom_bodyid == body):
                for lengths in (
                    model.geom_size, model.geom_pos, model.geom_aabb, model.geom_rbound
                ):  # fmt: skip
                    lengths[geom] *= scale
            # The boxes that contacts are looked for in; MuJoCo 4 scales them itself, 3.3 does not.
            first, count = model.body_bvhadr[body], model.body_bvhnum[body]
            model.bvh_aabb[first : first + count] *= scale
            model.body_ipos[body] *= scale
            model.body_mass[body] *= scale**3
            model.body_inertia[body] *= scale**5
        joined = np.isin(model.eq_obj1id, numbers) & np.isin(model.eq_obj2id, numbers)
        model.eq_data[joined & (model.eq_type == mujoco.mjtEq.mjEQ_CONNECT), :6] *= scale
        drawn[name] = scale
    extent, centre = float(model.stat.extent), model.stat.center.copy()
    mujoco.mj_setConst(model, scene.data)
    model.stat.extent, model.stat.center[:] = extent, centre  # clipping and shadows hang on them
    return drawn


def _lighting(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    model, lamp = scene.model, scene.model.light("lamp").id
    shift = generator.uniform(-LAMP_SHIFT, LAMP_SHIFT, 2)
    brightness, ambient = generator.uniform(*LAMP_RANGE), generator.uniform(*AMBIENT_RANGE)
    model.light_pos[lamp, :2] += shift
    model.light_diffuse[lamp] *= brightness
    model.vis.headlight.ambient[:] *= ambient
    model.vis.headlight.diffuse[:] *= ambient
    return {"shift": shift.tolist(), "brightness": brightness, "ambient": ambient}


def _camera_pose(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    model, drawn = scene.model, {}
    for camera in range(model.ncam):
        shift = generator.uniform(-CAMERA_SHIFT, CAMERA_SHIFT, 3)
        turn = generator.uniform(-CAMERA_TURN, CAMERA_TURN, 3)
        model.cam_pos[camera] += shift
        mujoco.mju_quatIntegrate(model.cam_quat[camera], turn, 1.0)
        drawn[model.cam(camera).name] = [*shift.tolist(), *turn.tolist()]
    return drawn


def _table_texture(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    texture = str(generator.choice(TABLES))
    material = scene.model.material(texture)
    tint = generator.uniform(*TABLE_SHADE) + generator.uniform(-HUE_SHIFT, HUE_SHIFT, 3)
    material.rgba[:3] = np.clip(material.rgba[:3] * tint, 0.05, 1.0)
    scene.model.geom("table").matid = material.id
    return {"material": texture, "color": material.rgba[:3].tolist()}


def _distractors(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    """Things that stand on both sides of the table, beyond the work's reach."""
    drawn: dict[str, Any] = {}
    for i, name in enumerate(STILL):
        place = _between(BESIDE, generator, side=1 if i % 2 else -1)
        height = _show(scene.model, name, generator)
        scene.model.body(name).pos = (*place, height)
        drawn[name] = place.tolist()
    return drawn


def _moving_distractors(scene: Scene, generator: np.random.Generator) -> dict[str, Any]:
    """Things that go round on the table, one on each side."""
    drawn: dict[str, Any] = {}
    for i, name in enumerate(MOVING):
        place = _between(ROUND, generator, side=1 if i % 2 else -1)
        height = _show(scene.model, name, generator)
        radius, turn = generator.uniform(*WANDER), generator.choice([-1.0, 1.0])
        period = float(turn * generator.uniform(*PERIOD))
        body = scene.model.body(name).mocapid[0]
        scene.paths.append(Path(body, np.array([*place, height]), radius, period))
        drawn[name] = [*place.tolist(), radius, period]
    return drawn


def _between(
    corners: tuple[tuple[float, float], tuple[float, float]],
    generator: np.random.Generator,
    *,
    side: int,
) -> np.ndarray:
    """A place between two corners on one side of the table, (2,) in metres."""
    return generator.uniform(*corners) * (1, side)


def _show(model: mujoco.MjModel, name: str, generator: np.random.Generator) -> float:
    """Bring a hidden thing into view in a random colour; return its height above the table."""
    geom = model.geom(name)
    geom.group = SHOWN
    geom.rgba[:3] = generator.uniform(0.1, 0.9, 3)
    return float(geom.size[1] if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER else geom.size[0])


FACTORS: dict[str, Callable[[Scene, np.random.Generator], dict[str, Any]]] = {
    "object_color": _object_color,
    "object_size": _object_size,
    "object_texture": _object_texture,
    "lighting": _lighting,
    "camera_pose": _camera_pose,
    "table_texture": _table_texture,
    "distractors": _distractors,
    "moving_distractors": _moving_distractors,
}
"""Every factor by name; what it draws depends on its place here, so new ones go to the end."""
