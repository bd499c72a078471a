import math

import numpy as np
import pytest
import torch
from torch.func import functional_call

from dsae.nn.spatial_softmax import Grid, SpatialSoftmax, cell_centres

SIZES = [(5, 9), (7, 4), (6, 6)]  # height, width


def published(activations: np.ndarray, temperature: float) -> np.ndarray:
    """f_k = (Σ s_kij x_j, Σ s_kij y_i) as the paper writes it, one cell at a time."""
    batch, maps, height, width = activations.shape
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    points = np.zeros((batch, maps, 2))
    for b in range(batch):
        for k in range(maps):
            weights = [
                [math.exp(activations[b, k, i, j] / temperature) for j in range(width)]
                for i in range(height)
            ]
            total = sum(map(sum, weights))
            for i in range(height):
                for j in range(width):
                    points[b, k] += np.array([x[j], y[i]]) * weights[i][j] / total
    return points


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("centred", [False, True])
def test_a_single_hot_cell_is_the_point(height: int, width: int, centred: bool) -> None:
    grid = cell_centres(height, width) if centred else Grid()
    activations = torch.zeros(1, height * width, height * width)
    activations[0].fill_diagonal_(1e4)  # map k is hot in cell k
    points, maps = SpatialSoftmax(grid)(activations.unflatten(2, (height, width)))
    if centred:
        x = [(2 * j + 1) / width - 1 for j in range(width)]
        y = [(2 * i + 1) / height - 1 for i in range(height)]
    else:
        x = [2 * j / (width - 1) - 1 for j in range(width)]
        y = [2 * i / (height - 1) - 1 for i in range(height)]
    expected = torch.tensor([[x[j], y[i]] for i in range(height) for j in range(width)])
    torch.testing.assert_close(points[0], expected)
    torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(1, height * width))


def test_a_uniform_map_is_the_centre() -> None:
    points, maps = SpatialSoftmax()(torch.full((2, 3, 5, 8), 7.0))
    torch.testing.assert_close(points, torch.zeros(2, 3, 2))
    torch.testing.assert_close(maps, torch.full((2, 3, 5, 8), 1 / 40))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_two_cells_share_the_mass_as_the_temperature_says(temperature: float) -> None:
    activations = torch.full((1, 1, 4, 7), -1e4, dtype=torch.float64)
    activations[0, 0, 1, 0] = 0.0
    activations[0, 0, 3, 6] = math.log(3.0)
    points, _ = SpatialSoftmax(temperature=temperature).double()(activations)
    share = 3 ** (1 / temperature) / (1 + 3 ** (1 / temperature))
    expected = [(1 - share) * -1 + share * 1, (1 - share) * (-1 / 3) + share * 1]
    np.testing.assert_allclose(points[0, 0].detach(), expected, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_agrees_with_the_published_formula(height: int, width: int, temperature: float) -> None:
    activations = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    points, _ = SpatialSoftmax(temperature=temperature)(activations)
    np.testing.assert_allclose(
        points.detach(), published(activations.numpy(), temperature), atol=2e-6
    )


def test_gradients_agree_with_finite_differences() -> None:
    layer = SpatialSoftmax().double()
    activations = torch.randn(2, 2, 3, 5, dtype=torch.float64, requires_grad=True)
    log_temperature = torch.tensor(-0.4, dtype=torch.float64, requires_grad=True)

    def apply(a: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional_call(layer, {"log_temperature": t}, (a,))

    assert torch.autograd.gradcheck(apply, (activations, log_temperature))


@pytest.mark.parametrize("scale", [1e10, 1e30])
def test_huge_activations_stay_finite(scale: float) -> None:
    activations = (scale * torch.randn(2, 4, 6, 9)).requires_grad_()
    points, maps = SpatialSoftmax()(activations)
    points.sum().backward()
    assert points.abs().max() <= 1
    torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(2, 4))
    assert activations.grad is not None
    assert activations.grad.isfinite().all()


def test_temperature_stays_positive_however_it_is_pushed() -> None:
    layer = SpatialSoftmax()
    optimizer = torch.optim.SGD(layer.parameters(), lr=10.0)
    activations = torch.randn(4, 2, 5, 6)
    for _ in range(50):
        optimizer.zero_grad()
        layer.log_temperature.exp().backward()
        optimizer.step()
        assert layer.log_temperature.exp() > 0
    assert layer.log_temperature.exp() < 0.1
    assert layer(activations)[0].isfinite().all()


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_it_is_robomimic_s_formula(height: int, width: int, temperature: float) -> None:
    """Their SpatialSoftmax: one meshgrid over all cells, all maps of all images as rows."""
    activations = 3 * torch.randn(4, 6, height, width, generator=torch.Generator().manual_seed(0))
    columns, rows = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    attention = (activations.reshape(-1, height * width) / temperature).softmax(dim=-1)
    expected = [
        (torch.from_numpy(place.reshape(1, -1)).float() * attention).sum(dim=1, keepdim=True)
        for place in (columns, rows)
    ]
    points, _ = SpatialSoftmax(temperature=temperature)(activations)
    theirs = torch.cat(expected, dim=1).reshape(-1, 6, 2)
    torch.testing.assert_close(points, theirs, atol=1e-5, rtol=0)
