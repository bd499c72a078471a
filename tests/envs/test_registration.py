import os
import subprocess
import sys
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
        assert gymnasium.spec(f"dsae/{name.title()}-v0").max_episode_steps == 100


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
        ({"camera": "top"}, "unknown camera 'top': choose from front"),
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
