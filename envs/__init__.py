"""MuJoCo manipulation tasks as Gymnasium environments, one task a file.

Importing this package registers every task found in `envs/tasks` by file name: `push.py` with its
class `Push` becomes `dsae/Push-v0`. `gymnasium.make("envs:dsae/Push-v0")` imports it by itself,
in spawned workers too.
"""

import pkgutil

import gymnasium

from envs import tasks
from envs.errors import TaskError

NAMESPACE = "dsae"


def names() -> tuple[str, ...]:
    """Return the short names of all tasks, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(tasks.__path__)))


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def task_id(name: str) -> str:
    """Return the Gymnasium id, importable anywhere, of a short task name or of any Gymnasium id.

    `push`, `dsae/Push-v0` and `envs:dsae/Push-v0` all give `envs:dsae/Push-v0`; an id of another
    package (`FetchReach-v4`, `module:Id-v0`) is returned as it is. Raises TaskError, listing the
    tasks there are, for a name that is neither.
    """
    if name in names():
        return f"{__name__}:{NAMESPACE}/{_class_name(name)}-v0"
    if name.startswith(f"{NAMESPACE}/") and name in gymnasium.registry:
        return f"{__name__}:{name}"
    if name in gymnasium.registry or ":" in name:
        return name
    raise TaskError(
        f"unknown task '{name}': the tasks are {', '.join(names())}, or give a Gymnasium id"
    )


for _name in names():
    gymnasium.register(
        id=f"{NAMESPACE}/{_class_name(_name)}-v0",
        entry_point=f"{__name__}.tasks.{_name}:{_class_name(_name)}",
        max_episode_steps=100,
    )
