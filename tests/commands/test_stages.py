"""Verbs as stages of a larger job: what goes on after a failure, and what is told meanwhile."""

from pathlib import Path

import pytest

from dsae.commands.stages import Stage, Stages, brief


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


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "learning lqr_flm:  61%|██████    | 61/100 [00:30<00:19,  1.98%/s, cost 12.3, KL 0.50]",
            "learning lqr_flm 61% (00:19 left) cost 12.3, KL 0.50",
        ),
        ("rolling out:   0%|          | 0/200 [00:00<?, ?episode/s]", "rolling out 0%"),
        ("learning sac: 100%|██| 100/100 [01:30<00:00,  3.2%/s, x 0.5", "learning sac 100% x 0.5"),
        ("dsae: unknown task 'a|b': 1% of [it]", "dsae: unknown task 'a|b': 1% of [it]"),
    ],
)  # fmt: skip
def test_a_status_line_tells_the_figures(line: str, told: str) -> None:
    assert brief(line) == told
