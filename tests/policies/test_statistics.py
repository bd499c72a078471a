"""Known answers, and intervals that hold what they promise."""

import numpy as np
import pytest

from policies.errors import PolicyError
from policies.statistics import interquartile_mean, paired_difference, stratified


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        (range(8), 3.5),
        ([0, 1, 2, 3, 100, 101, 1e6, -1e6], (1 + 2 + 3 + 100) / 4),
        ([[0, 10], [20, 30]], 15),
        ([1, 2, 9], 4),  # of fewer than four nothing is cut off
        ([7], 7),
        ([5, 1, 3, 2, 4], 3),
    ],
)
def test_the_middle_half_is_averaged(values: object, mean: float) -> None:
    assert interquartile_mean(values) == pytest.approx(mean)  # type: ignore[arg-type]


def test_one_seed_has_no_interval_and_equal_seeds_a_narrow_one() -> None:
    rng = np.random.default_rng(0)
    assert stratified([[0.2, 0.4]], rng) == (pytest.approx(0.3), None)
    assert stratified([[0.5], [0.5], [0.5]], rng) == (0.5, (0.5, 0.5))


def test_tasks_are_resampled_each_by_itself() -> None:
    # Hard and easy tasks whose seeds agree: drawn without strata, the mean would vary a lot.
    scores = np.tile([0.0, 0.0, 1.0, 1.0], (5, 1))
    assert stratified(scores, np.random.default_rng(0)) == (0.5, (0.5, 0.5))


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    centres = np.array([0.2, 0.5, 0.8])
    held = 0
    for _ in range(200):
        scores = centres + rng.normal(0, 0.1, (10, 3))
        low, high = stratified(scores, rng).interval or (np.nan, np.nan)
        held += low <= 0.5 <= high
    # A percentile bootstrap of ten seeds is known to be somewhat narrow.
    assert 0.86 <= held / 200 <= 0.99


def test_a_paired_difference_is_the_mean_one() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((4, 50)) < 0.9, rng.random((4, 50)) < 0.3
    found = paired_difference(ours, theirs, rng)
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    low, high = found.interval or (np.nan, np.nan)
    assert 0.3 < low < found.value < high < 0.9
    assert paired_difference(ours, ours, rng) == (0.0, (0.0, 0.0))


def test_a_paired_difference_covers_the_truth_where_episodes_are_hard_for_both() -> None:
    rng = np.random.default_rng(2)
    held, widths, unpaired = 0, [], []
    for _ in range(150):
        hardness = rng.random(60)  # shared by both: what pairing takes out
        skill = rng.normal(0, 0.03, (2, 8, 1))
        ours, theirs = hardness < np.stack([0.7 + skill[0], 0.5 + skill[1]])
        low, high = paired_difference(ours, theirs, rng).interval or (np.nan, np.nan)
        held += low <= 0.2 <= high
        widths.append(high - low)
        shuffled = theirs[:, rng.permutation(60)]
        low, high = paired_difference(ours, shuffled, rng).interval or (np.nan, np.nan)
        unpaired.append(high - low)
    assert 0.85 <= held / 150 <= 1.0
    assert np.mean(widths) < 0.85 * np.mean(unpaired)


def test_episodes_alone_vary_under_one_seed() -> None:
    rng = np.random.default_rng(0)
    found = paired_difference([[1, 1, 0, 1]], [[0, 1, 0, 0]], rng)
    assert found.value == 0.5
    assert found.interval == (0.0, 1.0)
    assert paired_difference([[1]], [[0]], rng) == (1.0, None)


@pytest.mark.parametrize("values", [[], [[np.nan]], [[np.inf, 1]]])
def test_what_is_no_number_is_refused(values: list[object]) -> None:
    with pytest.raises(PolicyError, match="finite"):
        stratified(values, np.random.default_rng(0))  # type: ignore[arg-type]


def test_what_does_not_belong_together_is_not_paired() -> None:
    with pytest.raises(PolicyError, match=r"\(1, 2\) and \(1, 3\) cannot be paired"):
        paired_difference([[1, 0]], [[1, 0, 1]], np.random.default_rng(0))


def test_the_same_generator_gives_the_same_interval() -> None:
    scores = np.random.default_rng(3).random((5, 2))
    first, again = (stratified(scores, np.random.default_rng(9)) for _ in range(2))
    assert first == again
