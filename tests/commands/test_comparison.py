"""What is made of the figures of a comparison: intervals, ranks, marks, plots and memory."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsae import plots
from dsae.commands import comparison, comparison_report, memory, tables
from dsae.commands.column_groups import GROUPS, OVERVIEW
from dsae.commands.columns import expand
from dsae.commands.comparison import Outcome
from dsae.commands.point_columns import POINTS


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
