import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from dsae.losses import balanced_error, gaussian_kl, slowness


def test_slowness_of_a_window_computed_by_hand() -> None:
    # Two windows of two points. Accelerations: (1, 0) and (0, −2), then (0.5, 0.5) and none.
    windows = torch.tensor(
        [
            [[[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 2.0]], [[3.0, 0.0], [1.0, 1.0]]],
            [[[0.0, 0.0], [0.2, 0.0]], [[0.0, 0.0], [0.4, 0.1]], [[0.5, 0.5], [0.6, 0.2]]],
        ]
    )
    expected = ((1 + 4) + (0.25 + 0.25)) / 2
    assert slowness(windows).item() == pytest.approx(expected, abs=1e-6)


def test_constant_velocity_costs_nothing() -> None:
    start, velocity = torch.randn(2, 5, 7, 2, dtype=torch.float64)
    windows = torch.stack([start, start + velocity, start + 2 * velocity], dim=1)
    assert slowness(windows).item() == pytest.approx(0, abs=1e-24)


def test_balanced_error_computed_by_hand() -> None:
    # Two channels; squared errors averaged over them: 1, 0, 2.5 and 4, the last two foreground.
    prediction = torch.tensor([[[[1.0, 0.0], [2.0, 2.0]], [[1.0, 0.0], [1.0, 2.0]]]])
    foreground = torch.tensor([[[[False, False], [True, True]]]])
    error = balanced_error(prediction, torch.zeros_like(prediction), foreground, 0.75)
    assert error.item() == pytest.approx(0.25 * (1 + 0 + 2.5 + 4) / 4 + 0.75 * (2.5 + 4) / 2)


def test_balanced_error_with_weight_zero_or_no_foreground() -> None:
    prediction, target = torch.rand(2, 3, 3, 4, 5)
    nothing, everything = (torch.full((3, 1, 4, 5), value) for value in (False, True))
    plain = ((prediction - target) ** 2).mean()
    torch.testing.assert_close(balanced_error(prediction, target, nothing, 0.0), plain)
    torch.testing.assert_close(balanced_error(prediction, target, nothing, 0.4), 0.6 * plain)
    torch.testing.assert_close(balanced_error(prediction, target, everything, 0.4), plain)


def test_gaussian_kl_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 4, 6, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)
    assert gaussian_kl(torch.tensor(0.0), torch.tensor(0.0)).item() == 0
    # KL(N(0, 4) ‖ N(0, 1)) = ½ (4 − 1 − log 4)
    doubled = gaussian_kl(torch.tensor(0.0), torch.tensor(math.log(4.0)))
    assert doubled.item() == pytest.approx(0.5 * (3 - math.log(4)))
