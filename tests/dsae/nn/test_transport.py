import pytest
import torch

from dsae.nn.gaussian_maps import GaussianMaps
from dsae.nn.transport import transport, union


def test_a_feature_moves_from_the_sources_point_to_the_targets() -> None:
    # One feature on a line of five cells: 7 stands at cell 1 of the source, at cell 3 of the
    # target; elsewhere the source has 1, which stays, and the target 2, which is not seen.
    source = torch.tensor([1.0, 7, 1, 1, 1]).view(1, 1, 1, 5)
    target = torch.tensor([2.0, 2, 2, 7, 2]).view(1, 1, 1, 5)
    source_mask, target_mask = (torch.zeros(1, 1, 1, 5) for _ in range(2))
    source_mask[..., 1], target_mask[..., 3] = 1, 1
    moved = transport(source, source_mask, target, target_mask)
    assert moved.flatten().tolist() == [1, 0, 1, 7, 1]


def test_transport_with_soft_masks_computed_by_hand() -> None:
    values = [torch.tensor(value).view(1, 1, 1, 1) for value in (4.0, 0.25, 8.0, 0.5)]
    assert transport(*values).item() == pytest.approx(0.75 * 0.5 * 4 + 0.5 * 8)


def test_nothing_is_transported_without_points() -> None:
    source, target = torch.randn(2, 3, 4, 5, 6)
    nowhere, everywhere = torch.zeros(3, 1, 5, 6), torch.ones(3, 1, 5, 6)
    assert torch.equal(transport(source, nowhere, target, nowhere), source)
    assert torch.equal(transport(source, nowhere, target, everywhere), target)


def test_one_mask_of_many_maps_computed_by_hand() -> None:
    maps = torch.tensor([[0.5, 0.0, 1.0, 0.2], [0.5, 0.0, 0.3, 0.0]]).view(1, 2, 2, 2)
    expected = torch.tensor([0.75, 0.0, 1.0, 0.2])
    torch.testing.assert_close(union(maps).flatten(), expected)


def test_two_points_at_one_place_erase_no_more_than_all() -> None:
    points = torch.zeros(1, 16, 2)
    mask = union(GaussianMaps(9, 9)(points))
    assert mask.max() == 1
    assert mask.min() >= 0
