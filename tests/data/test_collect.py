import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import toy_env

from data.collect import Progress, collect, missing
from data.controllers import by_name
from data.dataset import Dataset, verify
from data.errors import DataError
from data.files import leftovers
from data.index import INDEX_NAME

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run(folder: Path, **options: Any) -> Any:
    settings = {"episodes": 4, "seed": 10, "workers": 0, "meta": {"task": "toy"}} | options
    make_env = settings.pop("make_env", toy_env.make)
    controller = settings.pop("controller", "noisy-expert")
    return collect(folder, make_env, by_name(controller), **settings)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    run(tmp_path / "here")
    run(tmp_path / "one", workers=1)
    run(tmp_path / "two", workers=2)
    here = contents(tmp_path / "here")
    assert len(here) == 5
    assert INDEX_NAME in here
    assert here == contents(tmp_path / "one") == contents(tmp_path / "two")


def test_episode_depends_on_its_own_seed_only(tmp_path: Path) -> None:
    run(tmp_path / "a", episodes=3, seed=10)
    run(tmp_path / "b", episodes=1, seed=12)
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a["episode_00002.hdf5"] == b["episode_00000.hdf5"]
    assert a["episode_00001.hdf5"] != b["episode_00000.hdf5"]


def test_report_and_progress(tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = run(tmp_path / "new" / "folder", controller="expert", progress=seen.append)
    assert (report.episodes, report.kept, report.collected, report.frames) == (4, 0, 4, 32)
    assert report.successes == 4
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert seen[-1].total == 4
    assert seen[-1].successes == 4
    assert seen[-1].seconds_left == 0
    assert seen[-1].frames_per_second > 0
    dataset = Dataset.open(tmp_path / "new" / "folder")
    assert [dataset.read(i).meta["seed"] for i in range(4)] == [10, 11, 12, 13]


def test_a_second_call_keeps_and_extends(tmp_path: Path) -> None:
    run(tmp_path, episodes=2)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.hdf5")}
    report = run(tmp_path, episodes=4)
    assert (report.kept, report.collected) == (2, 2)
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert run(tmp_path, episodes=3).collected == 0
    # The fourth is still listed.
    assert len(json.loads((tmp_path / INDEX_NAME).read_text())["episodes"]) == 4


def test_damaged_episode_and_leftovers_are_replaced(tmp_path: Path) -> None:
    run(tmp_path)
    whole = contents(tmp_path)
    victim = tmp_path / "episode_00001.hdf5"
    victim.write_bytes(victim.read_bytes()[:-9])
    (tmp_path / ".episode_00007.hdf5.1.unfinished").touch()
    report = run(tmp_path)
    assert (report.collected, report.leftovers) == (1, 1)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    "other", [{"meta": {"task": "lift"}}, {"seed": 11}, {"max_steps": 3}, {"cameras": ("top",)}]
)
def test_other_configurations_are_not_mixed(tmp_path: Path, other: dict[str, Any]) -> None:
    run(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(DataError, match="choose another folder"):
        run(tmp_path, **other)
    assert contents(tmp_path) == before


def test_dead_worker_is_explained_and_costs_one_episode(tmp_path: Path) -> None:
    options = {"seed": 0, "episodes": 6, "workers": 2}
    with pytest.raises(DataError, match=r"a worker died .*: [3-5] of 6 episodes are kept"):
        run(tmp_path, make_env=toy_env.make_deadly, **options)
    report = run(tmp_path, **options | {"workers": 0})
    assert report.episodes == 6
    assert report.kept >= 3
    assert verify(tmp_path) == []


def test_error_in_a_worker_arrives_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no GL library"):
        run(tmp_path, make_env=toy_env.make_broken, workers=1)


def test_what_cannot_be_pickled_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="importable functions, not lambdas"):
        run(tmp_path, make_env=lambda: toy_env.make(), workers=1)


def test_missing_and_damaged_episodes_are_counted(tmp_path: Path) -> None:
    assert missing(tmp_path / "nowhere", 4) == 4
    run(tmp_path)
    assert missing(tmp_path, 4) == 0
    (tmp_path / "episode_00001.hdf5").unlink()
    damaged = tmp_path / "episode_00002.hdf5"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert missing(tmp_path, 4) == 2
    run(tmp_path)
    assert missing(tmp_path, 4) == 0


def test_nothing_to_collect_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot collect 0 episodes"):
        run(tmp_path, episodes=0)


def test_kill_loses_only_unfinished_episodes_and_leaves_no_orphans(tmp_path: Path) -> None:
    killed, smooth = tmp_path / "killed", tmp_path / "smooth"
    script = tmp_path / "collect_toys.py"
    script.write_text(
        "import sys, toy_env\n"
        "from data.collect import collect\n"
        "from data.controllers import by_name\n"
        "if __name__ == '__main__':\n"
        "    collect(sys.argv[1], toy_env.make_slow, by_name('random'), episodes=12, seed=0,\n"
        "            workers=2)\n"
    )
    command = [sys.executable, str(script), str(killed)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    process = subprocess.Popen(command, env=environment)
    wait_until(lambda: len(list(killed.glob("*.hdf5"))) >= 3)
    family = descendants(process.pid)
    assert len(family) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(map(alive, family)))

    kept = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in killed.glob("*.hdf5")}
    assert 3 <= len(kept) < 12
    assert verify(killed) == []
    subprocess.run(command, env=environment, check=True)
    assert kept == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}
    assert leftovers(killed) == []
    collect(smooth, toy_env.make, by_name("random"), episodes=12, seed=0, workers=0)
    assert contents(killed) == contents(smooth)


def wait_until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Ids of the processes that `pid` started, through any number of others."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return children + [pid for child in children for pid in descendants(child)]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
