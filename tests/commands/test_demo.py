import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from terminal import ENVIRONMENT, command

QUICK = ("demo", "--quick", "--out", "demo", "--slots", "2")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick demo that was killed on the way and called again."""
    cwd = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        command(*QUICK), cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    begin = time.monotonic()
    while not (cwd / "demo" / "stages.json").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - begin < 120
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = json.loads((cwd / "demo" / "stages.json").read_text())["seconds"]
    assert "collect" in before
    episodes = {file: file.stat().st_mtime_ns for file in (cwd / "demo/data").glob("*.hdf5")}
    time.sleep(2.5)  # the killed demo's stages end by themselves within a second or so
    done = subprocess.run(
        command(*QUICK), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert episodes == {
        file: file.stat().st_mtime_ns for file in (cwd / "demo/data").glob("*.hdf5")
    }
    (cwd / "printed").write_text(done.stdout)
    return cwd


def test_results_hold_every_figure_of_the_report(demo: Path) -> None:
    results = json.loads((demo / "demo" / "results.json").read_text())
    assert set(results["success"]) == {"oracle", "dsae", "vae", "blind"}
    for figures in results["success"].values():
        low, high = figures["interval95"]
        assert 0 <= low <= figures["success_rate"] <= high <= 1
        assert figures["success_rate"] == figures["successes"] / figures["episodes"]
    spatial, vae = results["encoders"]["dsae"], results["encoders"]["vae"]
    assert set(spatial["keypoints"]) == {"end_effector", "block", "goal"}
    assert spatial["code_size"] == vae["code_size"] == 32
    assert spatial["held_out_frames"] == vae["held_out_frames"] == 100
    assert results["total_seconds"] > max(results["stage_seconds"].values())
    assert set(results["stage_seconds"]) == set(
        json.loads((demo / "demo" / "stages.json").read_text())["seconds"]
    )
    page = (demo / "demo" / "report.html").read_text()
    for row in spatial["keypoints"].values():
        assert f"{row['tracking_px']:.2f}" in page
    for figures in results["success"].values():
        assert f"{100 * figures['success_rate']:.0f} %" in page


def test_three_trajectories_are_optimised_over_as_many_rollouts(demo: Path) -> None:
    searches = json.loads((demo / "demo" / "results.json").read_text())["searches"]
    assert set(searches) == {"oracle", "dsae", "blind"}
    for state, rows in searches.items():
        lines = (demo / "demo" / f"search-{state}" / "metrics.jsonl").read_text().splitlines()
        told = [json.loads(line)["distance"] for line in lines]
        assert [row["distance_m"] for row in rows] == told
        counts = [row["rollouts"] for row in rows]
        assert counts == sorted(set(counts))
        assert counts == [row["rollouts"] for row in searches["oracle"]]
    ends = {rows[-1]["distance_m"] for rows in searches.values()}
    assert len(ends) == 3
    page = (demo / "demo" / "report.html").read_text()
    for rows in searches.values():
        assert f"{100 * rows[-1]['distance_m']:.1f} cm" in page
    assert "The encoder is the one of section 2" in page


def test_the_report_is_self_contained(demo: Path) -> None:
    page = (demo / "demo" / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert len(sources) == 4
    assert all(source.startswith(("data:image/png", "data:video/mp4")) for source in sources)
    assert "{{" not in page
    assert "quick version" in page


def test_all_states_were_rolled_out_on_the_same_seeds(demo: Path) -> None:
    seeds = []
    for state in ("oracle", "dsae", "vae", "blind"):
        outcomes = json.loads((demo / "demo" / f"rollout-{state}" / "rollout.json").read_text())
        seeds.append([outcome["seed"] for outcome in outcomes["outcomes"]])
    assert seeds[0] == seeds[1] == seeds[2] == seeds[3]
    assert min(seeds[0]) >= 1_000_000


def test_a_finished_demo_is_refused_and_kept(demo: Path) -> None:
    before = (demo / "demo" / "report.html").read_bytes()
    done = subprocess.run(
        command(*QUICK), cwd=demo, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--overwrite" in done.stderr
    assert (demo / "demo" / "report.html").read_bytes() == before


def test_the_quick_report_says_that_all_points_are_kept(demo: Path) -> None:
    results = json.loads((demo / "demo" / "results.json").read_text())
    assert results["points"] is None
    assert "All points are kept" in (demo / "demo" / "report.html").read_text()
