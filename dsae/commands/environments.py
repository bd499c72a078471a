"""Environments by name, as the verbs make them: rendering, of a given image size, tried once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import gymnasium
from pydantic import BeforeValidator, Field

import envs
from data import environments
from data.errors import DataError
from dsae.commands.errors import UsageError
from envs.errors import TaskError

DEFAULT_SIZE = "64"
FLAGS = {
    "width": "--size",
    "height": "--size",
    "resize": "--size",
    "cameras": "--cameras",
    "factors": "--factors",
}
"""What has a flag of its own, by its name among an environment's settings."""

Size = Annotated[str, Field(coerce_numbers_to_str=True)]
"""An image size as `parse_size` reads it; a YAML file may give it as a number."""


def split(value: Any) -> Any:
    """Return the parts of a text that are divided by commas, and anything else as it is."""
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Names divided by commas; a YAML file may give a list."""

SomeNames = Annotated[Names, Field(min_length=1)]
"""The same, at least one."""


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of `64` or `48x64` (height x width)."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and 8 <= int(part) <= 2048 for part in parts):
        raise UsageError(f"the image size '{text}' is neither like 64 nor like 48x64 (8 to 2048)")
    return int(parts[0]), int(parts[-1])


def folder_name(task: str) -> str:
    """Return what folders of a task are called: `push` for `envs:dsae/Push-v0`.

    Raises TaskError, listing our own, for an unknown task.
    """
    task_id = envs.task_id(task)
    for name in envs.names():
        if envs.task_id(name) == task_id:
            return name
    return task_id.replace("/", "-").replace(":", "-")


def task_settings(
    task: str,
    size: str | None,
    cameras: Sequence[str],
    factors: Sequence[str],
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Return the keyword arguments of `environments.make_env` for a task.

    Our own, adapters included, draw in any size with any of their cameras; the frames of others
    are resized.
    """
    task_id = envs.task_id(task)
    for name, flag in FLAGS.items():
        if name in settings and (is_ours(task_id) or name == "resize"):
            raise UsageError(f"{name} is given by {flag}: take it out of the settings")
    varied = {"factors": list(factors)} if factors else {}
    if varied and is_ours(task_id) and not task_id.startswith(f"{envs.__name__}:"):
        raise UsageError(f"{task} has no factors of variation")
    if is_ours(task_id):
        height, width = parse_size(size or DEFAULT_SIZE)
        drawn = {"height": height, "width": width, "cameras": list(cameras)}
        return {**drawn, **varied, **settings}
    return {**({"resize": parse_size(size)} if size else {}), **varied, **settings}


def env_factory(task: str, settings: dict[str, Any]) -> Callable[[], gymnasium.Env[Any, Any]]:
    """Return what makes the environment, here or in a spawned process.

    It is made, reset and rendered once here. Raises UsageError, DataError or TaskError, in one
    line, if that fails.
    """
    if "render_mode" in settings:
        raise UsageError("render_mode is rgb_array, always: take it out of the settings")
    task_id = envs.task_id(task)
    factory = partial(environments.make_env, task_id, **settings)
    from mujoco import FatalError  # not before `opengl.ensure`

    try:
        _try(factory)
    except (DataError, TaskError):
        raise
    except (
        gymnasium.error.Error,
        ImportError,
        TypeError,
        ValueError,
        AssertionError,  # by which Gymnasium says that an environment breaks its rules
        FatalError,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{task} cannot be used: {reason}") from error
    return factory


def _try(factory: Callable[[], gymnasium.Env[Any, Any]]) -> None:
    env = factory()
    try:
        env.reset(seed=0)
        env.render()
    finally:
        env.close()


def is_ours(task_id: str) -> bool:
    """Return whether a full id is one of our own tasks, or comes through one of our adapters."""
    module = task_id.rpartition(":")[0]
    return module == envs.__name__ or module.startswith(f"{envs.__name__}.")
