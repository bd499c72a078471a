"""A small benchmark by the real command: killed, gone on with, consistent with what is on disk."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Page
from terminal import ENVIRONMENT, command, contents

from dsae.__main__ import main
from policies import statistics

STATES = ("oracle", "random")
SEEDS = (0, 1)
SMALL = ("--quick", "--tasks", "push", "--size", "16", "--episodes", "3", "--demonstrations", "3",
         "--encoder-steps", "2", "--set", "epochs=1", "hidden=8", "--slots", "2")  # fmt: skip


def benchmark(states: str, seeds: int = 2, out: str = "out") -> tuple[str, ...]:
    return ("benchmark", *SMALL, "--states", states, "--seeds", str(seeds), "--out", out)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark that was killed on the way and called again; `printed` is what it said then."""
    cwd = tmp_path_factory.mktemp("benchmark")
    call = command(*benchmark(",".join(STATES)))
    process = subprocess.Popen(
        call, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    begin = time.monotonic()
    noted = cwd / "out" / "stages.json"
    while not noted.exists() or len(json.loads(noted.read_text())["seconds"]) < 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - begin < 200
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = json.loads(noted.read_text())["seconds"]
    assert 2 <= len(before) < 11
    time.sleep(2.5)  # its stages end by themselves within a second or so
    done = subprocess.run(
        call, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (cwd / "printed").write_text(done.stdout)
    after = json.loads(noted.read_text())["seconds"]
    assert len(after) == 11  # one collection, and for each seed a training, two policies, rollouts
    assert {stage: after[stage] for stage in before} == before  # not done a second time
    return cwd


def outcomes(cwd: Path, state: str, seed: int) -> list[dict[str, Any]]:
    file = cwd / "out" / "push" / f"{state}-s{seed}" / "rollout" / "rollout.json"
    return json.loads(file.read_text())["outcomes"]


def results(cwd: Path) -> dict[str, Any]:
    return json.loads((cwd / "out" / "results.json").read_text())


def test_every_policy_is_rolled_out_in_the_same_fresh_episodes(compared: Path) -> None:
    seeds = [[one["seed"] for one in outcomes(compared, n, s)] for n in STATES for s in SEEDS]
    assert all(one == seeds[0] for one in seeds)
    assert len(seeds[0]) == 3
    assert min(seeds[0]) >= 1_000_000


def test_results_are_those_of_the_rollouts(compared: Path) -> None:
    found = results(compared)
    assert found["seeds"] == [0, 1]
    assert set(found["results"]) == {"push"}
    for name in STATES:
        entry = found["results"]["push"][name]
        shown = [outcomes(compared, name, seed) for seed in SEEDS]
        rates = [np.mean([one["success"] for one in episodes]) for episodes in shown]
        assert [entry["seeds"][str(s)]["success_rate"] for s in SEEDS] == pytest.approx(rates)
        assert entry["success"]["value"] == pytest.approx(statistics.interquartile_mean(rates))
        distances = [one["distance"] for episodes in shown for one in episodes]
        assert entry["median_distance_m"] == pytest.approx(np.median(distances))
        assert entry["failures"] == {}
    random, oracle = (found["results"]["push"][name] for name in ("random", "oracle"))
    assert random["control"] == "floor"
    assert oracle["control"] == "ceiling"
    assert random["seeds"]["0"]["encoder_seconds"] > 0
    assert oracle["seeds"]["0"]["encoder_seconds"] is None
    difference = random["success"]["value"] - oracle["success"]["value"]
    assert random["minus"]["oracle"]["value"] == pytest.approx(difference)
    assert oracle["seeds"]["0"]["state_size"] == 12


def test_the_page_is_whole_and_self_contained(compared: Path) -> None:
    page = Page(compared / "out" / "report.html")
    assert page.open == []
    assert page.sources == []
    text = (compared / "out" / "report.html").read_text()
    assert not re.search(r"https?://|url\(|@import|<script|\{\{|\{%", text)
    found = results(compared)
    assert found["command"] in page.words
    assert "3 demonstrations" in page.words
    for stage in found["stages"]:
        assert stage["command"] in page.words
    table = (compared / "out" / "table.md").read_text()
    printed = (compared / "printed").read_text()
    for name in STATES:
        rate = f"{100 * found['results']['push'][name]['success']['value']:.0f}"
        assert re.search(rf"^\| {name}.* \| {rate}", table, re.MULTILINE)
        assert re.search(rf"^\({name}\) +{rate} ", printed, re.MULTILINE)


def test_the_command_that_is_told_asks_for_the_same(compared: Path) -> None:
    told = results(compared)["command"]
    begins = "dsae benchmark --tasks push --states oracle,random --seeds 2 --episodes 3"
    assert told.startswith(begins)
    assert "--set epochs=1 hidden=8" in told


def test_a_finished_or_different_benchmark_is_refused_and_kept(
    compared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(compared)
    before = contents(compared / "out")
    assert main([*benchmark("random")]) == 2
    assert "finished" in capsys.readouterr().err
    assert main([*benchmark("random"), "--demonstrations", "4"]) == 2
    assert "another demonstrations" in capsys.readouterr().err
    assert main([*benchmark("random"), "--set", "hidden=9"]) == 2
    assert "another settings" in capsys.readouterr().err
    assert contents(compared / "out") == before


@pytest.mark.slow
def test_what_is_added_joins_what_was_compared(
    compared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(compared)
    before = results(compared)["results"]["push"]
    call = benchmark("blind,random+state", seeds=1)
    assert main([*call, "--tasks", "push,reach", "--fewer", "1,2"]) == 0
    found = results(compared)
    assert list(found["results"]) == ["push", "reach"]
    assert list(found["results"]["push"]) == ["oracle", "random", "blind", "random+state"]
    assert found["seeds"] == [0, 1]
    for name in STATES:
        assert found["results"]["push"][name]["seeds"] == before[name]["seeds"]
    # Reach has no objects: its oracle is told what every state holds.
    assert set(found["results"]["reach"]) == set(found["results"]["push"])
    assert found["left_out"] == []
    for entry in found["results"]["push"].values():
        assert set(entry["fewer"]) == {"0", "1"}
        for seed, few in entry["fewer"].items():
            samples = [one["samples"] for one in (few["1"], few["2"], entry["seeds"][seed])]
            assert samples == [100, 200, 300]
    assert set(found["overall"]) == set(found["results"]["push"])
    assert "--tasks push,reach --states oracle,random,blind,random+state" in found["command"]
    assert "--fewer 1,2" in found["command"]
    page = Page(compared / "out" / "report.html")
    assert page.open == []
    assert "From fewer demonstrations" in page.words
    assert "dsae state with presence=0.0, per_thing=1000" in page.words


@pytest.mark.slow
def test_a_failure_is_told_and_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stray = tmp_path / "out" / "push" / "encoders" / "random-s0"
    assert main([*benchmark("blind", seeds=1)]) == 0
    stray.mkdir(parents=True)
    (stray / "of somebody else").write_text("so that the training finds its folder taken")
    assert main([*benchmark("random", seeds=1)]) == 1
    assert "the same command tries them again" in capsys.readouterr().out
    found = results(tmp_path)["results"]["push"]
    assert "is no run of dsae" in found["random"]["failures"]["0"]
    assert found["blind"]["seeds"]["0"]["success_rate"] >= 0
    page = Page(tmp_path / "out" / "report.html")
    assert page.open == []
    assert "Not everything worked" in page.words
    (stray / "of somebody else").unlink()
    assert main([*benchmark("random", seeds=1)]) == 0
    assert results(tmp_path)["results"]["push"]["random"]["failures"] == {}
