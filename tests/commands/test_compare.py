import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Page
from terminal import ENVIRONMENT, Made, command, contents

from dsae.__main__ import main

SEEDS = (0, 1)
NAMES = ("dsae", "pca")


@pytest.fixture(scope="module")
def compared(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that was killed, gone on with while one encoder failed, and then finished.

    `failed` beside it is what stood there after the second call.
    """
    cwd = tmp_path_factory.mktemp("compare")
    call = command("compare", made.data, "--encoders", ",".join(NAMES), "--seeds", "0,1",
                   "--steps", "4", "--batch", "2", "--slots", "2", "--no-disentanglement",
                   "--out", "out")  # fmt: skip
    process = subprocess.Popen(
        call, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    begin = time.monotonic()
    while not (cwd / "out" / "stages.json").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - begin < 120
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(2.5)  # its stages end by themselves within a second or so
    before = json.loads((cwd / "out" / "stages.json").read_text())["seconds"]
    assert 0 < len(before) < 8
    stray = cwd / "out" / "pca-s1" / "of somebody else"
    shutil.rmtree(stray.parent, ignore_errors=True)
    stray.parent.mkdir()
    stray.write_text("so that the training finds its folder taken")
    for name, status in (("failed", 1), ("finished", 0)):
        done = subprocess.run(
            call, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        (cwd / f"{name}.txt").write_text(done.stdout)
        if name == "failed":
            shutil.copytree(cwd / "out", cwd / "failed")
            shutil.rmtree(stray.parent)
    after = json.loads((cwd / "out" / "stages.json").read_text())["seconds"]
    assert len(after) == 8
    assert {stage: after[stage] for stage in before} == before  # not done a second time
    return cwd


def evaluation(cwd: Path, name: str, seed: int) -> dict[str, Any]:
    return json.loads((cwd / "out" / f"{name}-s{seed}" / "evaluation.json").read_text())


def test_results_are_the_means_of_the_evaluations(compared: Path) -> None:
    results = json.loads((compared / "out" / "results.json").read_text())
    assert results["seeds"] == [0, 1]
    assert set(results["encoders"]) == set(NAMES)
    for name in NAMES:
        entry, measured = results["encoders"][name], [evaluation(compared, name, s) for s in SEEDS]
        assert entry["failures"] == {}
        for part in ("mse", "psnr", "foreground_mse"):
            values = [one["reconstruction"][part] for one in measured]
            found = entry["figures"][f"reconstruction.{part}"]
            assert found["mean"] == pytest.approx(np.mean(values))
            half = 12.7062 * abs(values[0] - values[1]) / 2  # t(0.975, 1) s / √2
            low, high = found["interval95"]
            assert (high - low) / 2 == pytest.approx(half, rel=1e-4, abs=1e-12)
        for key in ("probe_px", "probe_mm", "mlp_probe_px", "constant_px"):
            values = [[row[key] for row in one["keypoints"].values()] for one in measured]
            found = entry["figures"][f"keypoint_means.{key}"]
            assert found["mean"] == pytest.approx(np.mean(values))
        for seed, one in zip(SEEDS, measured, strict=True):
            kept = entry["runs"][str(seed)]
            assert {key: kept[key] for key in one} == one
    assert results["encoders"]["dsae"]["figures"]["steps"]["mean"] == 4
    assert results["encoders"]["pca"]["figures"]["steps"]["mean"] == 0


def test_the_page_is_whole_and_self_contained(compared: Path) -> None:
    page = Page(compared / "out" / "report.html")
    assert page.open == []
    pictures = [source for source in page.sources if not source.startswith("#")]
    assert len(pictures) >= 4
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    text = (compared / "out" / "report.html").read_text()
    assert not re.search(r"https?://|url\(|@import|<script|\{\{|\{%", text)
    links = {source.removeprefix("#") for source in page.sources if source.startswith("#")}
    assert links == {"encoder-dsae", "encoder-pca"} <= set(page.identities)
    for heading in ("Feature points", "Reconstructions", "Samples from the prior", "Traversals",
                    "A 2-D manifold", "Error against code size", "Loss"):  # fmt: skip
        assert heading in page.words, heading
    results = json.loads((compared / "out" / "results.json").read_text())
    for name in NAMES:
        psnr = results["encoders"][name]["figures"]["reconstruction.psnr"]["mean"]
        assert f"{psnr:.1f}" in page.words
    assert results["command"] in page.words
    assert results["data"]["folder"] in page.words


def test_text_and_summary_hold_the_same_figures(compared: Path) -> None:
    results = json.loads((compared / "out" / "results.json").read_text())
    printed = (compared / "finished.txt").read_text()
    page = (compared / "out" / "table.md").read_text()
    for name in NAMES:
        psnr = results["encoders"][name]["figures"]["reconstruction.psnr"]["mean"]
        row = next(line for line in printed.splitlines() if line.startswith(f"{name} "))
        assert f"{psnr:.1f}" in row
        assert len(row) <= 100
        assert re.search(rf"^\| {name} \|.*{psnr:.1f}", page, re.MULTILINE)


def test_a_failure_is_told_and_costs_the_others_nothing(compared: Path) -> None:
    results = json.loads((compared / "failed" / "results.json").read_text())
    failures = results["encoders"]["pca"]["failures"]
    assert set(failures) == {"1"}
    assert "is no run of dsae" in failures["1"]
    assert set(results["encoders"]["pca"]["runs"]) == {"0"}
    assert results["encoders"]["pca"]["figures"]["code_size"]["interval95"] is None
    assert set(results["encoders"]["dsae"]["runs"]) == {"0", "1"}
    page = Page(compared / "failed" / "report.html")
    assert page.open == []
    assert "1 of 2 seeds" in page.words
    assert failures["1"] in page.words
    printed = (compared / "failed.txt").read_text()
    assert "failed: pca; the same command tries them again" in printed
    assert "training pca, seed 1 failed" in printed


def test_a_finished_comparison_is_refused_and_kept(
    compared: Path, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(compared)
    before = contents(compared / "out")
    call = ["compare", str(made.data), "--encoders", "dsae,pca", "--batch", "2", "--out", "out",
            "--no-disentanglement"]  # fmt: skip
    assert main([*call, "--steps", "4", "--seeds", "0,1"]) == 2
    assert "finished" in capsys.readouterr().err
    assert main([*call, "--steps", "5", "--seeds", "0,1"]) == 2
    assert "another steps" in capsys.readouterr().err
    assert contents(compared / "out") == before


MISTAKES = {
    "encoder": ("--encoders dsae,vea --steps 1", "unknown encoder 'vea': choose from .*vae"),
    "all and more": ("--encoders all,vae --steps 1", "unknown encoder 'all'"),
    "no encoders": ("--encoders , --steps 1", "encoders = ',': .* at least 1"),
    "an encoder twice": ("--encoders vae,vae", "vae is named twice"),
    "no seeds": ("--seeds ,", "seeds = ',': .* at least 1"),
    "seeds": ("--seeds 0,one", "seeds are whole numbers like 0,1,2, not 'one'"),
    "a seed twice": ("--seeds 1,01", "seed 1 is named twice"),
    "two budgets": ("--steps 3 --minutes 1", "give --steps or --minutes, not both"),
    "no time": ("--minutes 0", "minutes = '0': .* greater than 0"),
    "less than no time": ("--minutes -1", "minutes = '-1': .* greater than 0"),
    "memory": ("--memory 0.1", r"one process takes about 0\.\d GB, more than the 0\.1 GB of --mem"),
    "camera": ("--camera top", "no camera 'top'; available: front"),
    "device": ("--device gpu", "unknown device 'gpu'"),
    "held out": ("--held-out 1", "held_out = '1': .* less than 1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = MISTAKES[mistake]
    assert main(["compare", str(made.data), *call.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error
    assert contents(tmp_path) == {}


def test_data_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "nowhere"), "--steps", "1"]) == 2
    assert "nowhere is missing: collect or import" in capsys.readouterr().err


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A person's own video, without ground truth and robot."""
    import cv2

    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(
        str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (32, 32)
    )
    for _ in range(40):
        writer.write(rng.integers(0, 255, (32, 32, 3), np.uint8))
    writer.release()
    assert main(["import", str(tmp_path / "film.avi"), "--out", str(tmp_path / "data")]) == 0
    return tmp_path / "data"


def test_encoders_that_the_data_cannot_teach(
    film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from data.dataset import Dataset
    from dsae.commands.compare import Options, _names

    call = ["compare", str(film), "--steps", "1", "--encoders"]
    capsys.readouterr()
    assert main([*call, "supervised"]) == 2
    assert "supervised needs the ground truth" in capsys.readouterr().err
    names, left_out = _names(Options(data=film), Dataset.open(film))
    assert {"dsae", "vae:beta4", "pca"} <= set(names)
    assert not {"supervised", "cvae"} & set(names)
    assert any("supervised needs the ground truth" in line for line in left_out)
    assert any("cvae needs the robot's own state" in line for line in left_out)


def test_more_encoders_are_added_to_a_finished_comparison(tmp_path: Path) -> None:
    from dsae.commands.compare import Options, plan
    from dsae.commands.earlier import missing

    options = Options(data=Path("data"), steps=1)
    done = plan(options, ["vae"], [0], tmp_path)
    (tmp_path / "stages.json").write_text(
        json.dumps({"seconds": {stage.name: 1.0 for stage in done}, "elapsed": 2.0})
    )
    more = plan(options, ["vae", "vae:beta4"], [0, 1], tmp_path)
    assert not missing(done, tmp_path)
    assert [stage.name for stage in missing(more, tmp_path)] == [
        f"{verb}-{slug}"
        for slug in ("vae-beta4-s0", "vae-s1", "vae-beta4-s1")
        for verb in ("train", "evaluate")
    ]


@pytest.mark.slow
def test_what_is_added_joins_what_was_compared(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(made.data, data)
    call = ["compare", str(data), "--steps", "2", "--batch", "2", "--slots", "2", "--out", str(out)]
    assert main([*call, "--encoders", "pca", "--no-disentanglement"]) == 0
    first = json.loads((out / "results.json").read_text())
    assert "disentanglement" not in first["encoders"]["pca"]["runs"]["0"]
    assert "--no-disentanglement" in first["command"]
    weights = (out / "pca-s0" / "encoder.safetensors").read_bytes()
    assert main([*call, "--encoders", "random"]) == 0
    results = json.loads((out / "results.json").read_text())
    assert list(results["encoders"]) == ["pca", "random"]
    assert "--encoders pca,random" in results["command"]
    assert "--no-disentanglement" not in results["command"]
    for one in results["encoders"].values():
        assert one["runs"]["0"]["disentanglement"]
    assert (out / "pca-s0" / "encoder.safetensors").read_bytes() == weights
    words = Page(out / "report.html").words
    table = (out / "table.md").read_text()
    assert all(name in words and name in table for name in ("pca", "random"))
    capsys.readouterr()
    assert main([*call, "--encoders", "random"]) == 2
    assert "finished" in capsys.readouterr().err
    shutil.copy(data / "episode_00005.hdf5", data / "episode_00006.hdf5")
    before = contents(out)
    assert main([*call, "--encoders", "pixels"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "changed since it was begun (then 6 episodes" in error
    assert contents(out) == before
