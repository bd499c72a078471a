import math

import numpy as np
import pytest

from dsae.metrics.presence import erase, presence_score


def test_shares_counted_by_hand() -> None:
    present = np.array([1, 1, 1, 0, 0, 1, 0, 1], bool)
    visible = np.array([1, 1, 0, 1, 0, 1, 0, 1], bool)
    found = presence_score(present, visible)
    assert found == pytest.approx((4 / 5, 4 / 5, 2 / 3, 2 / 3, 5 / 8))


def test_a_point_that_is_always_there_says_nothing_of_absence() -> None:
    visible = np.arange(10) > 0
    found = presence_score(np.ones(10, bool), visible)
    assert (found.precision, found.recall, found.absent_recall) == (0.9, 1.0, 0.0)
    assert math.isnan(found.absent_precision)
    assert found.visible_share == 0.9


def test_erased_is_a_disc_of_background_in_each_frame() -> None:
    frames = np.full((2, 6, 8, 3), 200, np.uint8)
    background = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    gone = erase(frames, np.array([[2.0, 3.0], [7.0, 0.0]]), background, 1.0)
    assert gone.dtype == np.uint8
    changed = (gone != frames).any(axis=-1)
    assert sorted(zip(*np.nonzero(changed[0]), strict=True)) == [
        (2, 2), (3, 1), (3, 2), (3, 3), (4, 2),
    ]  # fmt: skip
    assert changed[1].sum() == 3
    np.testing.assert_array_equal(gone[changed], np.stack([background] * 2)[changed])
    assert (frames == 200).all()
