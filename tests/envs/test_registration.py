import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import envs
from envs.errors import TaskError

ROOT = Path(__file__).resolve().parents[2]


def test_tasks_are_found_by_file_name() -> None:
    files = (ROOT / "envs" / "tasks").glob("*.py")
    assert sorted(envs.names()) == sorted(file.stem for file in files if file.stem != "__init__")
    for name in envs.names():
        assert gymnasium.spec(envs.task_id(name).removeprefix("envs:"))


@pytest.mark.parametrize("name", ["push", "dsae/Push-v0", "envs:dsae/Push-v0"])
def test_every_way_to_name_a_task_gives_the_same_id(name: str) -> None:
    assert envs.task_id(name) == "envs:dsae/Push-v0"


def test_ids_of_others_are_left_alone() -> None:
    assert envs.task_id("CartPole-v1") == "CartPole-v1"
    assert envs.task_id("theirs:Their-v3") == "theirs:Their-v3"


@pytest.mark.parametrize("name", ["pusch", "dsae/Pusch-v0", "", "Push-v0"])
def test_unknown_name_lists_the_tasks(name: str) -> None:
    with pytest.raises(TaskError, match=f"unknown task '{name}'") as caught:
        envs.task_id(name)
    for known in envs.names():
        assert known in str(caught.value)


def test_made_by_its_id_alone_in_another_folder(tmp_path: Path) -> None:
    code = (
        "import gymnasium, sys\n"
        "assert 'envs' not in sys.modules\n"
        "env = gymnasium.make('envs:dsae/Push-v0', render_mode='rgb_array')\n"
        "env.reset(seed=0)\n"
        "print(env.render().shape, 'torch' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(64, 64, 3) False"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"action_mode": "position"},
            "unknown action_mode 'position': choose from cartesian, torq",
        ),
        ({"reward": "shaped"}, "unknown reward 'shaped': choose from dense, sparse"),
        ({"cameras": ["top"]}, "unknown camera 'top': choose from front, side"),
        ({"cameras": "front"}, "cameras is 'front': it takes a list of names: front, side"),
        ({"cameras": ()}, r"cameras is \(\): it takes a list of names"),
        ({"cameras": ("side", "side")}, "it takes a list of names"),
        ({"factors": ["smell"]}, "unknown factor 'smell': choose from object_color, "),
        ({"render_mode": "human"}, "rgb_array"),
        ({"width": 7}, "width is 7: it takes a whole number of 8 to 2048"),
        ({"height": 32.0}, "height is 32.0: it takes a whole number"),
        ({"height": True}, "height is True: it takes a whole number"),
    ],
)
def test_unknown_settings_list_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    from envs.tasks.push import Push

    with pytest.raises(TaskError, match=message):
        Push(**settings)  # type: ignore[arg-type]


def test_adapters_are_found_by_file_name() -> None:
    files = (ROOT / "envs" / "adapters").glob("*.py")
    assert list(envs.adapter_names()) == sorted(f.stem for f in files if f.stem != "__init__")
    assert envs.adapter_names()
    for adapter in envs.adapter_names():  # what `make test-all` installs for it
        assert (ROOT / ".ci" / "adapters" / f"{adapter}.txt").is_file()


@pytest.mark.parametrize(
    ("task", "package", "message"),
    [
        ("fetch/push", "gymnasium_robotics", "gymnasium-robotics: pip install 'dsae[fetch]'"),
        ("fetch/push-v0", "gymnasium_robotics", "gymnasium-robotics: pip install 'dsae[fetch]'"),
        ("metaworld/reach", "metaworld", "metaworld: pip install 'dsae[metaworld]'"),
    ],
)
def test_a_suite_that_is_missing_is_named(
    task: str, package: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = task.partition("/")[0]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"envs.adapters.{adapter}", raising=False)
    with pytest.raises(TaskError) as caught:
        envs.task_id(task)
    assert str(caught.value) == f"{task} needs {message}"
    with pytest.raises(TaskError) as caught:
        envs.adapted(adapter)
    assert str(caught.value) == f"{adapter}/... needs {message}"


def test_a_suite_of_an_unfit_version_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metaworld.py").write_text("raise ImportError('old\\nmujoco')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "metaworld", raising=False)
    monkeypatch.delitem(sys.modules, "envs.adapters.metaworld", raising=False)
    with pytest.raises(TaskError) as caught:
        envs.task_id("metaworld/reach")
    assert str(caught.value) == (
        "metaworld/reach cannot be imported (old mujoco): pip install 'dsae[metaworld]'"
    )


@pytest.mark.parametrize(
    "name", ["fetch/push", "fetch/push-v0", "envs.adapters.fetch:fetch/push-v0"]
)
def test_every_way_to_name_an_adapted_task_gives_the_same_id(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = types.SimpleNamespace(NAMES=("push", "reach"))
    monkeypatch.setitem(sys.modules, "envs.adapters.fetch", suite)
    assert envs.adapted("fetch") == ("fetch/push", "fetch/reach")
    assert envs.task_id(name) == "envs.adapters.fetch:fetch/push-v0"
    with pytest.raises(TaskError, match="unknown task 'fetch/nap': the tasks of fetch are") as it:
        envs.task_id("fetch/nap")
    assert "fetch/push, fetch/reach" in str(it.value)


def test_a_namespace_like_a_suites_in_another_module_is_not_ours() -> None:
    assert envs.task_id("theirs:fetch/push-v0") == "theirs:fetch/push-v0"


def test_importing_the_tasks_imports_no_suite() -> None:
    code = "import sys, envs; print([m for m in sys.modules if m.startswith('envs.adapters.')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
