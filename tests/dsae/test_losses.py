import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from dsae.losses import (
    KERNELS,
    Kernel,
    balanced_error,
    balanced_errors,
    cross_entropy,
    gaussian_kl,
    gaussian_log_density,
    imq,
    mmd,
    rbf,
    separation,
    slowness,
    sparsity,
)


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


def test_slowness_of_other_windows_than_three() -> None:
    points = torch.randn(2, 5, 7, 2, dtype=torch.float64)
    triples = torch.stack([slowness(points[:, i : i + 3]) for i in range(3)])
    torch.testing.assert_close(slowness(points), triples.mean())
    assert slowness(points[:, :1]) == slowness(points[:, :2]) == 0


def test_a_jump_costs_its_limit_and_a_small_acceleration_its_square() -> None:
    still = torch.zeros(1, 3, 1, 2, dtype=torch.float64)
    for size, expected in ((1e-3, 1e-6), (0.1, 0.005), (2.0, 0.01)):
        moved = still.clone()
        moved[0, 2, 0, 1] = size
        assert slowness(moved, 0.1).item() == pytest.approx(expected, rel=3e-3)
    one_of_two = torch.cat([moved, still], dim=2)  # each point has a limit of its own
    assert slowness(one_of_two, 0.1).item() == pytest.approx(0.01, rel=3e-3)


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


def test_trajectories_alike_up_to_a_shift_cost_one() -> None:
    track = torch.randn(4, 6, 1, 2)
    alike = track + torch.randn(4, 1, 5, 2)  # five points, each at its own place
    assert separation(alike, 0.1).item() == pytest.approx(1, abs=1e-5)
    assert separation(alike[:, :, :1], 0.1).item() == 0


def test_trajectories_that_differ_cost_nothing() -> None:
    apart = torch.zeros(1, 2, 2, 2)
    apart[0, 1, 1, 0] = 10.0
    assert separation(apart, 0.1).item() == 0


def test_separation_computed_by_hand() -> None:
    # Centred, the first point stands still, the second goes from (−1, 0) to (1, 0) and the third
    # from (0, −2) to (0, 2): mean squared distances 1, 4 and 5.
    points = torch.tensor([[[[3.0, 1], [-1, 0], [5, 0]], [[3.0, 1], [1, 0], [5, 4]]]])
    expected = sum(math.exp(-d / (2 * 1.5**2)) for d in (1, 4, 5)) / 3
    assert separation(points, 1.5).item() == pytest.approx(expected, abs=1e-6)


def test_separation_drives_trajectories_apart() -> None:
    points = torch.randn(2, 5, 3, 2, requires_grad=True)
    separation(points, 1.0).backward()
    assert points.grad is not None
    with torch.no_grad():
        moved = points - points.grad
    assert separation(moved, 1.0) < separation(points, 1.0)


def test_sparsity_is_the_mean_intensity() -> None:
    assert sparsity(torch.tensor([[1.0, 0.0], [0.5, 0.1]])).item() == pytest.approx(0.4)


def test_gaussian_density_is_that_of_torch() -> None:
    values, mean, log_variance = torch.randn(3, 4, 6, dtype=torch.float64)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(values)
    torch.testing.assert_close(gaussian_log_density(values, mean, log_variance), expected)


def test_cross_entropy_is_that_of_torch() -> None:
    logits, target = torch.randn(4, 6), torch.randint(2, (4, 6)).float()
    expected = -Bernoulli(logits=logits).log_prob(target)
    torch.testing.assert_close(cross_entropy(logits, target), expected)


def test_balanced_errors_of_images_average_to_that_of_the_batch() -> None:
    prediction, target = torch.rand(2, 5, 3, 4, 6)
    foreground = torch.rand(5, 1, 4, 6) < 0.2
    foreground[3] = False
    errors = balanced_errors(prediction, target, foreground, 0.7)
    assert errors.shape == (5,)
    batch = balanced_error(prediction, target, foreground, 0.7)
    torch.testing.assert_close(errors.mean(), batch)
    # One image more that is drawn perfectly takes from no other but by the mean.
    plain = ((prediction[3] - target[3]) ** 2).mean()
    torch.testing.assert_close(errors[3], 0.3 * plain)


every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def test_kernels_computed_by_hand() -> None:
    distance = torch.tensor([0.0, 3.0])
    torch.testing.assert_close(rbf(distance, 6.0), torch.tensor([1.0, math.exp(-0.5)]))
    torch.testing.assert_close(imq(distance, 6.0), torch.tensor([1.0, 6 / 9]))


@every_kernel
def test_mmd_computed_by_hand(kernel: Kernel) -> None:
    first, second = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0]])
    one, two = (kernel(torch.tensor(d**2), 1.5).item() for d in (1.0, 2.0))
    biased = (2 + 2 * one) / 4 + 1 - 2 * (one + two) / 2
    unbiased = one + 0 - 2 * (one + two) / 2
    assert mmd(first, second, kernel, 1.5, biased=True).item() == pytest.approx(biased)
    assert mmd(first, second, kernel, 1.5).item() == pytest.approx(unbiased)


@every_kernel
def test_mmd_of_equal_samples_is_zero(kernel: Kernel) -> None:
    sample = torch.randn(50, 4, dtype=torch.float64)
    assert mmd(sample, sample, kernel, 8.0, biased=True).item() == pytest.approx(0, abs=1e-12)
    order = torch.randperm(50)
    shuffled = mmd(sample, sample[order], kernel, 8.0, biased=True)
    assert shuffled.item() == pytest.approx(0, abs=1e-12)


@every_kernel
def test_mmd_is_zero_on_average_for_one_distribution_and_grows_with_a_shift(kernel: Kernel) -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(400, 20, 3, generator=generator)
    second = torch.randn(400, 30, 3, generator=generator)
    found = [mmd(first, second + shift, kernel, 6.0) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert found[0].shape == (400,)
    assert found[0].mean().abs() < 4 * found[0].std() / 20
    means = [values.mean().item() for values in found]
    assert means == sorted(means)
    assert means[1] > 10 * abs(means[0])
    assert mmd(first, second, kernel, 6.0, biased=True).min() >= 0


def test_mmd_of_a_single_code_has_no_pairs() -> None:
    alone, prior = torch.zeros(1, 2, requires_grad=True), torch.ones(4, 2)
    found = mmd(alone, prior, rbf, 4.0)
    assert found.item() == pytest.approx(1 - 2 * math.exp(-0.5))
    found.backward()
    assert alone.grad is not None
    assert alone.grad.isfinite().all()
