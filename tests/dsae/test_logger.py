from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dsae.logger import METRICS_FILE, LateLogger, Logger, read_metrics


def events(folder: Path) -> list[tuple[int, float]]:
    read = EventAccumulator(str(folder))
    read.Reload()
    return [(event.step, event.value) for event in read.Scalars("loss")]


def test_figures_go_to_both_logs(tmp_path: Path) -> None:
    with Logger(tmp_path) as log:
        log(1, {"loss": 0.5, "slowness": 2.0})
        log(2, {"loss": 0.25, "slowness": 1.0})
    assert read_metrics(tmp_path) == [
        {"step": 1, "loss": 0.5, "slowness": 2.0},
        {"step": 2, "loss": 0.25, "slowness": 1.0},
    ]
    assert events(tmp_path) == [(1, 0.5), (2, 0.25)]


def test_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    with Logger(tmp_path) as log:
        for step in (1, 2, 3, 4):
            log(step, {"loss": float(step)})
    with Logger(tmp_path, step=2) as log:
        log(3, {"loss": 30.0})
    assert [(row["step"], row["loss"]) for row in read_metrics(tmp_path)] == [
        (1, 1),
        (2, 2),
        (3, 30),
    ]
    assert events(tmp_path) == [(1, 1), (2, 2), (3, 30)]


def test_a_new_run_begins_empty(tmp_path: Path) -> None:
    with Logger(tmp_path) as log:
        log(1, {"loss": 1.0})
    with Logger(tmp_path):
        pass
    assert read_metrics(tmp_path) == []


@pytest.mark.parametrize("rest", ['{"step": 3, "lo', '{"step": 3, "loss": 1}\n{"st'])
def test_a_row_cut_short_by_a_crash_is_left_out(tmp_path: Path, rest: str) -> None:
    (tmp_path / METRICS_FILE).write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n' + rest)
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, 2 + rest.count("\n") + 1))


def test_no_log_is_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []


def test_a_late_logger_counts_the_seconds_of_an_interrupted_run(tmp_path: Path) -> None:
    (tmp_path / METRICS_FILE).write_text(
        '{"step": 1, "seconds": 100.0}\n{"step": 2, "seconds": 200.0}\n'
    )
    with LateLogger(tmp_path) as log:
        log(2, {"success": 0.5})
        log(3, {"success": 1.0})
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert 100 <= rows[1]["seconds"] <= rows[2]["seconds"] < 160
    assert rows[1]["success"] == 0.5
