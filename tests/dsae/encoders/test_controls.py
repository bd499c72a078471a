import pytest
import torch
from blobs import film, noise
from torch import nn
from torch.nn import functional

from dsae import encoders
from dsae.encoder import Encoder, as_float

SHAPE = (48, 80, 3)


def prepared(name: str, seed: int = 0, **settings: object) -> Encoder:
    encoder = encoders.create(name, SHAPE, seed=seed, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder


@pytest.mark.parametrize(
    ("shape", "side", "cells"),
    [
        ((64, 64, 3), 8, (3, 8, 8)),
        ((48, 80, 3), 8, (3, 8, 13)),
        ((96, 32, 1), 4, (1, 12, 4)),
        ((5, 7, 1), 8, (1, 5, 7)),
    ],
)
def test_pixels_are_the_means_of_cells(
    shape: tuple[int, int, int], side: int, cells: tuple[int, int, int]
) -> None:
    encoder = encoders.create("pixels", shape, seed=0, settings={"side": side})
    assert encoder.target == cells
    images = noise(shape, 3)
    features = encoder.encode(images).features
    wanted = functional.adaptive_avg_pool2d(as_float(images), cells[1:])
    torch.testing.assert_close(features, wanted.flatten(1))
    drawn = encoder.decode(features)
    assert drawn.shape == (3, shape[2], *shape[:2])
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_a_picture_of_one_colour_per_cell_keeps_its_brightness() -> None:
    encoder = encoders.create("pixels", SHAPE, seed=0)
    images = as_float(noise(SHAPE, 2))
    drawn = encoder.decode(encoder.features_of(images).features)
    torch.testing.assert_close(drawn.mean((2, 3)), images.mean((2, 3)), atol=0.02, rtol=0)


def test_random_network_is_the_recommended_one_untrained() -> None:
    encoder, trained = prepared("random", points=5), encoders.create("dsae", SHAPE, seed=0)
    kinds = [type(module) for module in encoder.trunk.modules()]
    assert kinds == [type(module) for module in trained.trunk.modules()]
    assert encoder.point_grid == trained.point_grid
    encoding = encoder.encode(film(SHAPE).frames)
    assert encoding.points is not None
    assert torch.equal(encoding.features, encoding.points.flatten(1))
    assert encoding.points.shape[1:] == (5, 2)


@pytest.mark.parametrize("network", ["spatial", "conv"])
def test_random_network_is_normalised_by_the_data(network: str) -> None:
    encoder = prepared("random", network=network)
    seen: list[torch.Tensor] = []
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda *args: seen.append(args[2]))
    encoder.encode(film(SHAPE).frames)
    assert len(seen) == 3
    for values in seen:
        torch.testing.assert_close(values.mean((0, 2, 3)), torch.zeros(values.shape[1]),
                                   atol=0.05, rtol=0)  # fmt: skip
        spread = values.std((0, 2, 3))
        assert (spread - 1).abs().max() < 0.05, spread
    assert all(m.momentum == 0.1 for m in encoder.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize("network", ["spatial", "conv"])
def test_preparing_leaves_the_random_weights(network: str) -> None:
    fresh = encoders.create("random", SHAPE, seed=0, settings={"network": network})
    prepared_, other = prepared("random", network=network), prepared("random", 1, network=network)
    for (name, weight), ready in zip(fresh.named_parameters(), prepared_.parameters(), strict=True):
        assert torch.equal(weight, ready), name
        assert not weight.requires_grad
    images = noise(SHAPE, 2)
    assert not torch.equal(prepared_.encode(images).features, other.encode(images).features)


def test_a_random_vector_has_no_points_and_no_drawing() -> None:
    encoder = prepared("random", network="conv", code=7)
    encoding = encoder.encode(noise(SHAPE, 2))
    assert encoding.features.shape == (2, 7)
    assert encoding.points is None
    with pytest.raises(NotImplementedError, match="no feature points"):
        _ = encoder.point_grid
    with pytest.raises(NotImplementedError, match="no decoder"):
        encoder.decode(encoding.features)
