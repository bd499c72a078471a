import pytest
import torch

from dsae.nn.corruption import Corruption, corrupt

IMAGES = torch.full((4, 3, 50, 60), 0.4)
KINDS: tuple[Corruption, ...] = ("gaussian", "masking", "salt_pepper")


def corrupted(kind: Corruption, level: float = 0.1, seed: int = 0) -> torch.Tensor:
    return corrupt(IMAGES, kind, level, torch.Generator().manual_seed(seed))


def test_none_leaves_the_images_and_the_generator_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    assert corrupt(IMAGES, "none", 0.5, generator) is IMAGES
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("kind", KINDS)
def test_level_zero_changes_nothing(kind: Corruption) -> None:
    assert torch.equal(corrupted(kind, 0.0), IMAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_it_follows_from_the_generator_and_differs_by_image(kind: Corruption) -> None:
    first = corrupted(kind)
    assert torch.equal(first, corrupted(kind))
    assert not torch.equal(first, corrupted(kind, seed=1))
    assert not torch.equal(first[0], first[1])


def test_gaussian_noise_has_its_deviation() -> None:
    off = corrupted("gaussian", 0.2) - IMAGES
    assert off.mean().item() == pytest.approx(0, abs=0.005)
    assert off.std().item() == pytest.approx(0.2, rel=0.02)


def test_masking_blackens_whole_pixels() -> None:
    found = corrupted("masking", 0.3)
    black = found == 0
    assert torch.equal(black.any(1), black.all(1))
    assert black.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(found[~black], IMAGES[~black])


def test_salt_and_pepper_come_half_and_half() -> None:
    found = corrupted("salt_pepper", 0.2)
    black, white = found == 0, found == 1
    for colour in (black, white):
        assert torch.equal(colour.any(1), colour.all(1))
        assert colour.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(found[~(black | white)], IMAGES[~(black | white)])
