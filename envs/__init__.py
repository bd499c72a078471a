"""MuJoCo manipulation tasks as Gymnasium environments, one task a file.

Importing this package registers every task found in `envs/tasks` by file name: `push.py` with its
class `Push` becomes `dsae/Push-v0`. `gymnasium.make("envs:dsae/Push-v0")` imports it by itself,
in spawned workers too. Other people's suites come in through `envs/adapters`, one suite a file:
`gymnasium.make("envs.adapters.fetch:fetch/push-v0")` imports the suite.
"""

import importlib
import pkgutil

import gymnasium

from envs import adapters, tasks
from envs.errors import TaskError

NAMESPACE = "dsae"


def names() -> tuple[str, ...]:
    """Return the short names of all tasks, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(tasks.__path__)))


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def adapter_names() -> tuple[str, ...]:
    """Return the names of the suites that there are adapters for, installed or not, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(adapters.__path__)))


def adapted(adapter: str) -> tuple[str, ...]:
    """Return the short names of a suite's tasks, `fetch/push`; this imports the suite.

    Raises TaskError, saying what to install, if it cannot be imported.
    """
    return _tasks_of(adapter, asked_for=f"{adapter}/...")


def task_id(name: str) -> str:
    """Return the Gymnasium id, importable anywhere, of a short task name or of any Gymnasium id.

    `push`, `dsae/Push-v0` and `envs:dsae/Push-v0` all give `envs:dsae/Push-v0`, `fetch/push` gives
    `envs.adapters.fetch:fetch/push-v0`; an id of another package (`FetchReach-v4`,
    `module:Id-v0`) is returned as it is. Raises TaskError, listing the tasks there are, for a name
    that is neither, or saying what to install for a suite that is not.
    """
    if name in names():
        return f"{__name__}:{NAMESPACE}/{_class_name(name)}-v0"
    if name.startswith(f"{NAMESPACE}/") and name in gymnasium.registry:
        return f"{__name__}:{name}"
    module, _, local = name.rpartition(":")
    adapter, slash, _ = local.partition("/")
    home = f"{adapters.__name__}.{adapter}"
    if slash and adapter in adapter_names() and module in ("", home):
        return f"{home}:{_adapted_name(local)}"
    if name in gymnasium.registry or module:
        return name
    suites = ", ".join(f"{adapter}/..." for adapter in adapter_names())
    raise TaskError(
        f"unknown task '{name}': the tasks are {', '.join(names())}, those of other suites "
        f"{suites}, or give a Gymnasium id"
    )


def _adapted_name(name: str) -> str:
    """Return what `fetch/push` or `fetch/push-v0` is registered as."""
    adapter = name.partition("/")[0]
    known = _tasks_of(adapter, asked_for=name)
    short = name.removesuffix("-v0")
    if short not in known:
        raise TaskError(f"unknown task '{name}': the tasks of {adapter} are {', '.join(known)}")
    return f"{short}-v0"


def _tasks_of(adapter: str, *, asked_for: str) -> tuple[str, ...]:
    cure = f"pip install '{NAMESPACE}[{adapter}]'"
    try:
        known = importlib.import_module(f"{adapters.__name__}.{adapter}").NAMES
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0].replace("_", "-")
        raise TaskError(f"{asked_for} needs {package}: {cure}") from error
    except ImportError as error:  # a package of it is there, but of an unfit version
        reason = " ".join(str(error).split())
        raise TaskError(f"{asked_for} cannot be imported ({reason}): {cure}") from error
    return tuple(f"{adapter}/{name}" for name in known)


for _name in names():
    gymnasium.register(
        id=f"{NAMESPACE}/{_class_name(_name)}-v0",
        entry_point=f"{__name__}.tasks.{_name}:{_class_name(_name)}",
        disable_env_checker=True,  # it knows one picture, and several cameras give several
    )
