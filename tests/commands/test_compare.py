import dataclasses
import json
import math
import re
import shutil
import signal
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from terminal import ENVIRONMENT, Made, command, contents

from dsae import plots
from dsae.__main__ import main
from dsae.commands import comparison, comparison_report, memory, tables
from dsae.commands.column_groups import GROUPS, OVERVIEW
from dsae.commands.columns import expand
from dsae.commands.comparison import Outcome
from dsae.commands.point_columns import POINTS
from dsae.commands.stages import Stage, Stages

SEEDS = (0, 1)
NAMES = ("dsae", "pca")


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps sources, anchors and the text."""

    VOID = {"meta", "img", "br", "link", "circle", "polyline"}  # noqa: RUF012

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.identities: list[str] = []
        self.words = ""
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources += [str(values[key]) for key in ("src", "href") if key in values]
        self.identities += [str(values["id"])] if "id" in values else []
        assert not any(key.startswith("on") for key in values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            # A list's or table's inner end tags are all written out.
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


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


def test_stages_keep_going(tmp_path: Path) -> None:
    stages = [
        Stage(name="a", title="a", arguments=("trian",)),
        Stage(name="b", title="b", arguments=("--version",), needs=("a",)),
        Stage(name="c", title="c", arguments=("--version",), needs=("b",)),
        Stage(name="d", title="d", arguments=("--version",)),
    ]
    work = Stages(stages, tmp_path, 1, keep_going=True)
    assert set(work.run()) == {"d"}
    assert set(work.failures) == {"a", "b", "c"}
    assert work.failures["a"].startswith("unknown verb 'trian'")
    assert work.failures["b"] == "not begun, since a failed"


def test_an_interval_is_students() -> None:
    found = comparison.summarise([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.interval == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)
    assert comparison.summarise([4.0]) == (4.0, None, 1)


def outcome(name: str, errors: list[float | None], control: str = "", **more: Any) -> Outcome:
    """An encoder whose probe errors these are, one for each seed."""
    evaluations = {
        seed: {
            "code_size": 32,
            "reconstruction": None,
            "state": {},
            "points": None,
            "keypoints": {"block": {"probe_px": error, "constant_px": 9.0}},
            **more,
        }
        for seed, error in enumerate(errors)
    }
    return Outcome(name, control, {}, evaluations)


def probes(*outcomes: Outcome) -> dict[str, tables.Cell]:
    """The cells of the mean probe error by encoder."""
    found = tables.table(GROUPS[1], outcomes)
    assert found is not None
    column = [one.path for one in found.columns].index("keypoint_means.probe_px")
    return {row.name: row.cells[column] for row in found.rows}


def test_the_best_is_marked_among_contestants() -> None:
    cells = probes(
        outcome("even", [0.801]),
        outcome("same", [0.804]),
        outcome("worse", [2.0]),
        outcome("none", [None]),
        outcome("nan", [math.nan]),
        outcome("ceiling", [0.5], control="ceiling"),
        outcome("floor", [0.4], control="floor"),
    )
    assert {name for name, cell in cells.items() if cell.best} == {"even", "same"}
    assert cells["even"].text == cells["same"].text == "0.80"
    assert cells["none"].text == cells["nan"].text == "–"
    assert cells["constant guess"].text == "9.00"
    assert not any(cell.spread for cell in cells.values())


def test_nobody_is_best_where_all_are_equal_or_alone() -> None:
    cells = probes(outcome("one", [1.0]), outcome("other", [1.0]), outcome("none", [None]))
    assert not any(cell.best for cell in cells.values())
    cells = probes(outcome("alone", [1.0]), outcome("floor", [2.0], control="floor"))
    assert not any(cell.best for cell in cells.values())


def test_what_the_seeds_cannot_tell_apart_is_close() -> None:
    cells = probes(
        outcome("best", [1.0, 1.2, 1.1]),
        outcome("near", [1.2, 1.5, 1.3]),
        outcome("far", [5.0, 5.1, 5.2]),
        outcome("floor", [1.1, 1.2, 1.3], control="floor"),
    )
    assert {name for name, cell in cells.items() if cell.best} == {"best"}
    assert {name for name, cell in cells.items() if cell.close} == {"near"}
    assert cells["best"].spread == "0.2"


def test_higher_is_better_where_it_is() -> None:
    def drawing(name: str, psnr: float) -> Outcome:
        return outcome(name, [1.0], reconstruction={"psnr": psnr})

    found = tables.table(GROUPS[3], [drawing("dim", 20.0), drawing("sharp", 30.0)])
    assert found is not None
    assert [(row.name, row.cells[0].best) for row in found.rows] == [("dim", False),
                                                                   ("sharp", True)]  # fmt: skip


def test_a_drawing_helped_by_the_robots_state_does_not_compete() -> None:
    def drawing(name: str, mse: float, told: bool = False) -> Outcome:
        figures = {"mse": mse, "psnr": -10 * math.log10(mse)}
        made = outcome(name, [1.0], reconstruction=figures, keypoints={})
        return dataclasses.replace(made, told_robot=told)

    rivals = [drawing("blurred", 0.3), drawing("sharp", 0.2), drawing("told", 0.1, told=True)]
    found = tables.table(GROUPS[3], rivals)
    assert found is not None
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["sharp", "blurred", "told"]
    assert {name for name, row in rows.items() if row.cells[0].best} == {"sharp"}
    assert rows["told"].note == tables.AIDED
    assert rows["sharp"].note == ""
    assert rows["told"].cells[0].text == "100"
    printed = comparison_report.summary(rivals)
    assert "told draws with the robot's true state given" in printed
    assert max(map(len, printed.splitlines())) <= 100
    # Its probe error is its own.
    probed = [dataclasses.replace(outcome("told", [1.0]), told_robot=True), outcome("b", [2.0])]
    assert probes(*probed)["told"].best


def test_what_names_the_best_cannot_be_had_by_dead_points() -> None:
    def points(name: str, dead: int, following: int) -> Outcome:
        living = 16 - dead - following
        found = {"dead": list(range(dead)), "duplicate": list(range(living)), "background": [],
                 "following": list(range(following)), "coverage": 0.9, "coverage_by_chance": 0.8,
                 "coverage_above_chance": 0.1 * following, "mean_softmax_mass": [0.9 * dead],
                 "spread": [0.1]}  # fmt: skip
        return outcome(name, [1.0], points=found, state={"roughness": 0.01 * following})

    outcomes = [points("all dead", 16, 0), points("useful", 2, 3)]
    for group in GROUPS:
        found = tables.table(group, outcomes)
        for row in found.rows if found else ():
            assert not any(cell.best for cell in row.cells) or row.name == "useful"
    found = tables.table(POINTS, outcomes)
    assert found is not None
    marked = {m.title for m in found.columns if m.better}
    assert marked == {"following", "coverage beyond chance"}


def test_the_true_state_has_a_row_beside_each_score() -> None:
    scores = {"disentanglement": {"mig": 0.2}, "truth_disentanglement": {"mig": 0.6}}
    group = next(group for group in GROUPS if group.title == "Disentanglement")
    found = tables.table(group, [outcome("vae", [1.0], **scores)])
    assert found is not None
    rows = [(row.name, row.cells[0].text) for row in found.rows]
    assert rows == [("vae", "0.20"), ("the true state", "0.60")]


def test_rows_go_from_best_to_failed() -> None:
    failed = Outcome("broken", "", {}, {}, {0: "it broke"})
    found = tables.table(OVERVIEW, [failed, outcome("floor", [0.1], control="floor"),
                                     outcome("b", [2.0]), outcome("a", [1.0])])  # fmt: skip
    assert found is not None
    order = ["a", "b", "floor", "constant guess", "broken"]
    assert [row.name for row in found.rows] == order
    assert found.rows[-1].note == "failed: it broke"


def test_a_measure_is_a_column_for_each_keypoint() -> None:
    measure = next(m for m in GROUPS[1].measures if m.path == "keypoints.*.probe_px")
    paths = {"keypoints.block.probe_px", "keypoints.red_cup.probe_px", "keypoints.block.point",
             "keypoints.block.mlp_probe_px", "keypoint_means.probe_px"}  # fmt: skip
    found = list(expand(measure, paths, ""))
    assert [m.title for m in found] == ["linear: block", "linear: red cup"]
    assert found[1].constant == "keypoints.red_cup.constant_px"


def test_labels_do_not_cover_each_other_or_a_dot() -> None:
    rng = np.random.default_rng(3)
    names = [f"encoder:preset{i}" for i in range(26)]
    places = [(400.0, float(y)) for y in rng.uniform(60, 400, 18)]
    places += [(float(x), float(y)) for x, y in rng.uniform(80, 380, (8, 2))]
    taken = [plots.Box(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    boxes = plots.place_labels(names, places, taken, plots.SIZE)
    for i, box in enumerate(boxes):
        assert not any(box.meets(other) for other in (*boxes[:i], *taken)), names[i]
        assert box.left >= 0
        assert box.right <= plots.SIZE[0]


def test_plots_write_what_is_in_a_name() -> None:
    dots = [plots.Dot("a<b", 3, 1.0, "spatial", (0.5, 1.5)), plots.Dot("c", 32, 30.0)]
    text = plots.dots(dots, x="x", y="y", reference=("guess", 9.0))
    assert "a&lt;b" in text
    assert text.count("<circle") == 2
    assert "nan" not in text
    lone = plots.curves([("seed 0", [(1, 0.5)])], x="step", y="loss")
    assert "nan" not in lone


def test_memory_counts_the_frames_and_what_passes_through_a_network() -> None:
    small = memory.process_bytes(1000, (64, 64, 3))
    more = memory.process_bytes(101_000, (64, 64, 3))
    assert more - small == pytest.approx(100_000 * 64 * 64 * 3)
    huge = memory.process_bytes(10**7, (64, 64, 3))
    assert huge - small < 4.4e9  # the rest lies on disk
    assert memory.process_bytes(1000, (240, 240, 3)) - small > 1e9
    assert memory.available_bytes() > 1e8


def test_free_memory_is_what_neither_machine_nor_container_has_given_away(tmp_path: Path) -> None:
    machine, container = tmp_path / "proc", tmp_path / "sys/fs/cgroup"
    machine.mkdir()
    container.mkdir(parents=True)
    (machine / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\nHugePages: 0\n")
    assert memory.available_bytes(tmp_path) == 8_192_000
    (container / "memory.max").write_text("max\n")
    assert memory.available_bytes(tmp_path) == 8_192_000
    (container / "memory.max").write_text("5000000\n")
    (container / "memory.current").write_text("3000000\n")
    assert memory.available_bytes(tmp_path) == 2_000_000
    (container / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert memory.available_bytes(tmp_path) == 2_500_000
    (container / "memory.current").write_text("7000000\n")
    assert memory.available_bytes(tmp_path) == 0
    (container / "memory.max").write_text("50000000000\n")
    assert memory.available_bytes(tmp_path) == 8_192_000
