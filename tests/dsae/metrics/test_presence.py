import math

import numpy as np
import pytest

from dsae.metrics.presence import presence_score


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
