"""What is made of the results of a benchmark: estimates, differences, marks, curves and tables."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dsae import charts
from dsae.commands import benchmark_report, benchmark_tables, standings
from dsae.commands.contestants import Contestant, contestants
from dsae.commands.results import Result
from dsae.commands.standings import Board, Standing
from policies.evaluation import wilson_interval

HARDNESS = np.random.default_rng(0).random(100)
"""Of each episode: a policy of skill s solves those below s."""


def result(skill: float, rows: list[dict[str, float]] | None = None) -> Result:
    return Result(
        success=skill > HARDNESS,
        distance=HARDNESS,
        rows=rows or [],
        state_size=9,
        learn_seconds=2.0,
        rollout_seconds=1.0,
        encoder_seconds=None,
    )


def standing(name: str, skills: list[float], **more: Any) -> Standing:
    (contestant,) = contestants([name])
    return Standing(contestant, {seed: result(s, **more) for seed, s in enumerate(skills)})


def learned(*successes: float) -> list[dict[str, float]]:
    return [
        {"step": float(i), "samples": 100.0 * i, "seconds": 2.0 * i, "success": value}
        for i, value in enumerate(successes, start=1)
    ]


def test_the_best_is_marked_where_the_paired_intervals_say_so() -> None:
    board = Board("push", [
        standing("vae", [0.5, 0.55, 0.52]),
        standing("dsae", [0.9, 0.92, 0.91]),
        standing("oracle", [1.0, 1.0, 1.0]),
    ])  # fmt: skip
    assert board.marks == {"dsae": "best"}
    assert [one.name for one in board.measured] == ["dsae", "vae", "oracle"]


def test_what_the_data_do_not_tell_apart_is_all_near_the_best() -> None:
    board = Board("push", [
        standing("dsae", [0.9, 0.6, 0.8]),
        standing("vae", [0.7, 0.8, 0.75]),
        standing("pca", [0.1, 0.1, 0.2]),
    ])  # fmt: skip
    assert board.marks == {"dsae": "close", "vae": "close"}
    found = benchmark_tables.table(board, 0.8)
    assert {row.name: row.note for row in found.rows} == {
        "dsae": "among the best", "vae": "among the best", "pca": ""
    }  # fmt: skip
    assert not any(cell.best for row in found.rows for cell in row.cells)


@pytest.mark.parametrize("names", [["dsae"], ["dsae", "oracle", "blind", "random"]])
def test_nobody_is_marked_alone(names: list[str]) -> None:
    assert Board("push", [standing(name, [0.5, 0.6]) for name in names]).marks == {}


def test_nobody_is_marked_where_all_fail() -> None:
    board = Board("push", [standing("dsae", [0.0, 0.0]), standing("vae", [0.0, 0.0])])
    assert board.marks == {}


def test_one_seed_has_the_interval_of_its_episodes() -> None:
    one = standing("dsae", [0.5])
    successes = int((HARDNESS < 0.5).sum())
    assert one.success == (successes / 100, wilson_interval(successes, 100))


def test_differences_are_over_the_seeds_that_both_have() -> None:
    full, part = standing("oracle", [1.0, 1.0, 1.0]), standing("dsae", [0.5, 0.5])
    difference = part.minus(full)
    assert difference is not None
    rate = float((HARDNESS < 0.5).mean())
    assert difference.value == pytest.approx(rate - 1)
    assert part.share_of(full) == pytest.approx(rate)
    assert part.minus(Standing(Contestant("blind"))) is None
    assert part.share_of(standing("blind", [0.0, 0.0])) is None


def test_the_target_is_reached_when_every_seed_has_seen_it() -> None:
    (contestant,) = contestants(["dsae"])
    rows = [learned(0.1, 0.8, 0.7), learned(0.9, 0.2, 0.9), learned(0.1, 0.2, 0.3)]
    some = Standing(contestant, {i: result(0.5, r) for i, r in enumerate(rows)})
    assert some.reached(0.8, "samples") == (None, 2)
    both = Standing(contestant, {i: result(0.5, r) for i, r in enumerate(rows[:2])})
    assert both.reached(0.8, "samples") == (150.0, 2)
    assert both.reached(0.8, "seconds") == (3.0, 2)
    assert standing("dsae", [0.5]).reached(0.8, "samples") is None


def test_fewer_demonstrations_are_the_way_to_all_of_them() -> None:
    """Seconds and samples are those of what was learned from so few."""
    (contestant,) = contestants(["dsae"])

    def shown(skill: float, samples: float) -> Result:
        logged = [{"step": 1.0, "samples": samples, "success": 1.0}]
        return replace(result(skill, logged), learn_seconds=samples / 50)

    both = Standing(
        contestant,
        {0: shown(0.9, 1000), 1: shown(1.0, 1000)},
        fewer={0: {10: shown(0.3, 100), 50: shown(0.7, 500)}, 1: {50: shown(0.95, 500)}},
        shown=100,
    )
    points = dict(standings.curve(both, "demonstrations"))
    assert list(points) == [50, 100]
    rates = [
        [float((skill > HARDNESS).mean()) for skill in pair] for pair in ((0.7, 0.95), (0.9, 1))
    ]
    assert [points[at].value for at in points] == pytest.approx([np.mean(pair) for pair in rates])
    assert both.reached(0.8, "samples") == (750.0, 2)
    assert both.reached(0.8, "seconds") == (15.0, 2)
    assert benchmark_report._over([both])[0] == "demonstrations"
    both.fewer.pop(1)  # of which all failed
    assert list(dict(standings.curve(both, "demonstrations"))) == [10, 50, 100]
    assert both.reached(0.8, "samples") == (1000.0, 2)
    both.results[0].rows.clear()  # of a learner that says no samples
    assert both.reached(0.8, "samples") is None
    assert both.reached(0.8, "seconds") == (20.0, 2)


def test_a_curve_has_the_rows_that_all_seeds_have() -> None:
    (contestant,) = contestants(["dsae"])
    rows = [learned(0.0, 0.5, 0.6), learned(0.2, 0.7)]
    both = Standing(contestant, {i: result(0.5, r) for i, r in enumerate(rows)})
    points = list(standings.curve(both, "samples"))
    assert [place for place, _ in points] == [100.0, 200.0]
    assert [one.value for _, one in points] == pytest.approx([0.1, 0.6])
    assert benchmark_report._over([both])[0] == "samples"
    rows = [[{**row, "samples": 500.0} for row in learned(0.1, 0.2)]]
    same = Standing(contestant, {i: result(0.5, r) for i, r in enumerate(rows)})
    assert benchmark_report._over([same])[0] == "step"


def test_the_tasks_together_are_of_states_that_all_of_them_have() -> None:
    boards = [
        Board("push", [standing("dsae", [0.4, 0.6]), standing("oracle", [1.0, 1.0])]),
        Board("reach", [standing("dsae", [1.0, 1.0])]),
    ]
    found = standings.overall(boards)
    assert set(found) == {"dsae"}
    rates = [(HARDNESS < 0.4).mean(), (HARDNESS < 0.6).mean(), 1, 1]
    assert found["dsae"].value == pytest.approx(np.mean(sorted(rates)[1:3]))
    table = benchmark_tables.overview(boards)
    assert table is not None
    rows = {row.name: [cell.text for cell in row.cells] for row in table.rows}
    assert rows["oracle"] == ["100", "–", "–"]
    assert standings.overall(boards[:1]) == {}


def test_what_failed_is_in_the_table_with_its_reason() -> None:
    broken = Standing(Contestant("vae", "vae"), {}, {0: "it broke"})
    part = standing("dsae", [0.5])
    part.failures[1] = "ended by SIGKILL"
    board = Board("push", [broken, part])
    rows = {row.name: row for row in benchmark_tables.table(board, 0.8).rows}
    assert (rows["vae"].kind, rows["vae"].note) == ("failed", "failed: it broke")
    assert rows["dsae"].note == "1 of 2 seeds"
    assert "failed" in benchmark_report.summary([board], 0.8)


def test_charts_hold_every_name_and_no_nonsense() -> None:
    rows = [charts.Rate("a<b", 0.5, (0.4, 0.6), (0.4, 0.6)), charts.Rate("c", 0.0, kind="control")]
    text = charts.rates(rows, x="success")
    assert "a&lt;b" in text
    assert text.count("<circle") == 2
    series = [
        charts.Curve(f"state {i}", ((100.0, 0.1 * i), (20000.0, 0.5)), ((0, 1), (0.4, 0.6)), i)
        for i in range(12)
    ]
    text = charts.curves([*series, charts.Curve("lone", ((50.0, 1.0),))], x="samples", y="success")
    assert all(f">{curve.label}<" in text for curve in series)
    assert "nan" not in text
    assert ">20,000<" in text
    assert len({charts._style(curve) for curve in series}) == 12
