import numpy as np
import pytest
import torch

from dsae.nn.spatial_softmax import Grid, SpatialSoftmax, cell_centres
from dsae.state.presence import beside_nothing, rise, share_of_seen, softmax_mass

HEIGHT, WIDTH = 8, 12
GRID = cell_centres(HEIGHT, WIDTH)


def place(row: int, column: int) -> torch.Tensor:
    """The point, (1, 1, 2), at the centre of a cell."""
    x, y = GRID.axes(HEIGHT, WIDTH)
    return torch.stack([x[column], y[row]]).reshape(1, 1, 2)


def test_a_sharp_map_scores_one() -> None:
    activations = torch.zeros(1, 2, HEIGHT, WIDTH)
    activations[0, 0, 5, 11] = activations[0, 1, 0, 0] = 1e4
    points, maps = SpatialSoftmax(GRID)(activations)
    torch.testing.assert_close(softmax_mass(points, maps, GRID), torch.ones(1, 2))


@pytest.mark.parametrize(
    ("row", "column", "window", "cells"),
    [(4, 6, 3, 9), (4, 6, 5, 25), (0, 0, 3, 4), (7, 5, 3, 6), (3, 11, 3, 6), (7, 11, 5, 9)],
)
def test_a_uniform_map_scores_the_share_of_the_window(
    row: int, column: int, window: int, cells: int
) -> None:
    maps = torch.full((1, 1, HEIGHT, WIDTH), 1 / (HEIGHT * WIDTH))
    mass = softmax_mass(place(row, column), maps, GRID, window)
    assert mass.item() == pytest.approx(cells / (HEIGHT * WIDTH))


def test_two_peaks_leave_their_mean_empty() -> None:
    maps = torch.zeros(1, 1, HEIGHT, WIDTH)
    maps[0, 0, 2, 1] = maps[0, 0, 2, 9] = 0.5
    assert softmax_mass(place(2, 5), maps, GRID).item() == 0
    assert softmax_mass(place(2, 8), maps, GRID).item() == 0.5


def test_the_window_is_looked_for_where_the_grid_says() -> None:
    maps = torch.zeros(1, 1, HEIGHT, WIDTH)
    maps[0, 0, 4, 11] = 1.0
    right_half = Grid(left=0.0, right=1.0, top=-1.0, bottom=1.0)
    x, y = right_half.axes(HEIGHT, WIDTH)
    point = torch.stack([x[11], y[4]]).reshape(1, 1, 2)
    assert softmax_mass(point, maps, right_half).item() == 1
    middle = torch.tensor([[[0.5, float(y[4])]]])
    assert softmax_mass(middle, maps, right_half).item() == 0
    assert softmax_mass(torch.tensor([[[0.5, 0.1]]]), maps, GRID).item() == 0


def test_the_threshold_is_that_of_a_thing_in_view_even_if_it_is_mostly_hidden() -> None:
    """One hidden in seven frames of ten, one hardly ever, one whose map is less sharp."""
    seen = np.random.default_rng(0).uniform(0.94, 0.98, 1000)
    hidden = np.arange(1000) % 10 < 7
    mass = np.stack([np.where(hidden, 0.2, seen), seen, seen / 2], axis=1)
    limits = share_of_seen(mass, 0.85)
    assert ((mass >= limits)[:, 0] == ~hidden).all()
    assert (mass >= limits)[:, 1:].all()
    np.testing.assert_allclose(limits, [0.82, 0.83, 0.415], atol=0.01)


def test_a_map_rises_by_its_peak() -> None:
    activations = torch.zeros(1, 3, HEIGHT, WIDTH)
    activations[0, 1, 2, 3] = 30.0
    activations[0, 2] = torch.arange(HEIGHT * WIDTH).view(HEIGHT, WIDTH) / 10 - 50
    _, maps = SpatialSoftmax(GRID)(activations)
    flat, peak, slope = rise(maps)[0].tolist()
    cells = HEIGHT * WIDTH
    assert flat == pytest.approx(np.log(cells), abs=1e-4)
    assert peak == pytest.approx(30 * (1 - 1 / cells), abs=1e-4)
    values = activations[0, 2].double()
    expected = values.flatten().logsumexp(0) - values.mean()
    assert slope == pytest.approx(float(expected), abs=1e-4)


def test_nothing_is_one_more_cell_of_the_softmax() -> None:
    """Computed by hand: the same window in a softmax over all cells and one more."""
    activations = torch.randn(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    activations[0, 0, 4, 6] = 8.0
    with torch.no_grad():
        points, maps = SpatialSoftmax(GRID)(activations)
    mass = softmax_mass(points, maps, GRID)
    nothing = 7.0
    more = torch.tensor([float(activations.mean()) + nothing])
    shares = torch.cat([activations.flatten(), more]).softmax(0)
    kept = mass.item() * (1 - shares[-1].item())
    found = beside_nothing(mass.numpy(), rise(maps).numpy(), np.array([nothing]))
    assert found.item() == pytest.approx(kept, rel=1e-4)
    assert beside_nothing(np.ones((1, 1)), np.zeros((1, 1)), np.array([1e6])).item() < 1e-20
