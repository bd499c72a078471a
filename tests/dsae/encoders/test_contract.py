"""What every encoder keeps to: all that are registered take part by themselves."""

from pathlib import Path

import pytest
import torch
from blobs import batch, film, noise

from dsae import checkpoint, encoders
from dsae.encoder import ENCODE_CHUNK, Data, Encoder, as_float
from dsae.errors import EncoderError

SHAPES = [(64, 64, 3), (48, 80, 3), (32, 32, 1)]
SMALL = (32, 32, 1)

every_encoder = pytest.mark.parametrize("name", encoders.names())
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))


def trained(name: str, shape: tuple[int, int, int], steps: int = 3) -> Encoder:
    encoder = encoders.create(name, shape, seed=1)
    encoder.prepare(Data(film(shape, episodes=2).frames))
    optimizers = encoder.optimizers(1e-3)
    for step in range(steps):
        encoder.update(batch(shape), optimizers, torch.Generator().manual_seed(step))
    return encoder


@every_encoder
@every_shape
def test_updates_change_the_weights_and_stay_finite(name: str, shape: tuple[int, int, int]) -> None:
    encoder = encoders.create(name, shape, seed=1)
    encoder.prepare(Data(film(shape, episodes=2).frames))
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    optimizers = encoder.optimizers(1e-3)
    for step in range(3):
        terms = encoder.update(batch(shape), optimizers, torch.Generator().manual_seed(step))
        assert "loss" in terms
        for term, value in terms.items():
            assert value.ndim == 0, term
            assert value.isfinite(), term
    state = encoder.state_dict()
    assert all(value.isfinite().all() for value in state.values())
    assert any(not torch.equal(before[key], state[key]) for key in state)


@every_encoder
@every_shape
def test_shapes_of_what_it_returns(name: str, shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    encoder = trained(name, shape)
    encoding = encoder.encode(noise(shape, 5))
    assert encoding.features.shape == (5, encoder.feature_size)
    assert encoding.features.dtype == torch.float32
    assert not encoding.features.requires_grad
    if encoding.points is not None:
        assert encoding.maps is not None
        assert encoding.points.shape == (*encoding.maps.shape[:2], 2)
        assert encoding.points.abs().max() <= 1
        torch.testing.assert_close(encoding.maps.sum((-2, -1)), torch.ones(encoding.maps.shape[:2]))
        grid = encoder.point_grid
        assert -1 <= grid.left < grid.right <= 1
        assert -1 <= grid.top < grid.bottom <= 1
    try:
        drawn = encoder.decode(encoding.features)
    except NotImplementedError:
        return
    assert drawn.shape[0] == 5
    assert drawn.shape[1] in (1, shape[2])
    assert drawn.shape[2] * width == drawn.shape[3] * height  # the image's proportions
    assert drawn.shape[2] <= height


@every_encoder
@every_shape
def test_a_saved_encoder_encodes_alike(
    name: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    encoder = trained(name, shape)
    checkpoint.save(tmp_path / "encoder.safetensors", encoder)
    loaded = checkpoint.load(tmp_path / "encoder.safetensors")
    assert loaded.image_shape == shape
    assert loaded.config == encoder.config
    assert not loaded.training
    images = noise(shape)
    for ours, theirs in zip(encoder.encode(images), loaded.encode(images), strict=True):
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.equal(ours, theirs)


@every_encoder
def test_first_weights_follow_from_the_seed_alone(name: str) -> None:
    torch.manual_seed(5)
    first = encoders.create(name, SMALL, seed=3).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn), "the caller's own random numbers were used up"
    second = encoders.create(name, SMALL, seed=3).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_encoder
def test_encoding_does_not_depend_on_the_company(name: str) -> None:
    encoder = trained(name, SMALL).train()
    images = noise(SMALL, ENCODE_CHUNK + 4)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    together = encoder.encode(images).features
    assert len(together) == len(images)
    for index in (0, 7, ENCODE_CHUNK - 1, ENCODE_CHUNK + 3):
        alone = encoder.encode(images[index : index + 1].numpy()).features[0]
        torch.testing.assert_close(alone, together[index], atol=1e-5, rtol=1e-4)
    assert encoder.training, "encoding left another mode behind"
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


@every_encoder
def test_encoding_is_features_of_the_image_and_differentiable(name: str) -> None:
    encoder = trained(name, SMALL).eval()
    images = noise(SMALL, 2)
    floats = as_float(images).requires_grad_()
    features = encoder.features_of(floats).features
    torch.testing.assert_close(features.detach(), encoder.encode(images).features)
    features.square().sum().backward()
    assert floats.grad is not None
    assert floats.grad.abs().sum() > 0


@every_encoder
@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 32, 48, 1, dtype=torch.uint8),
        torch.zeros(2, 32, 32, 3, dtype=torch.uint8),
        torch.zeros(2, 32, 32, 1),
        torch.zeros(32, 32, 1, dtype=torch.uint8),
    ],
)
def test_other_images_are_refused_naming_both(name: str, images: torch.Tensor) -> None:
    with pytest.raises(EncoderError, match="32×32×1") as caught:
        encoders.create(name, SMALL, seed=0).encode(images)
    assert str(tuple(images.shape)) in str(caught.value)
    assert str(images.dtype).removeprefix("torch.") in str(caught.value)


@every_encoder
def test_it_is_found_under_its_name(name: str) -> None:
    encoder = encoders.create(name, SMALL, seed=0)
    assert encoders.family_of(encoder) == name.partition(":")[0]
    assert encoder.config == encoders.config(name)
