"""What every encoder keeps to: all that are registered take part by themselves."""

from pathlib import Path

import pytest
import torch
from blobs import SIZES, batch, film, noise

from dsae import checkpoint, encoders
from dsae.encoder import ENCODE_CHUNK, Encoder, as_float
from dsae.errors import EncoderError
from dsae.latent import LatentEncoder, VariationalEncoder

SHAPES = [(64, 64, 3), (48, 80, 3), (32, 32, 1)]
SMALL = (32, 32, 1)

every_encoder = pytest.mark.parametrize("name", encoders.names())
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
every_ready_one = pytest.mark.parametrize(
    "name", [name for name in encoders.names() if not encoders.kind(name).learns]
)
every_prior = pytest.mark.parametrize(
    "name", [n for n in encoders.names() if encoders.kind(n).sample is not Encoder.sample]
)
every_vector = pytest.mark.parametrize(
    "name", [name for name in encoders.names() if issubclass(encoders.kind(name), LatentEncoder)]
)


def new(name: str, shape: tuple[int, int, int], seed: int = 1) -> Encoder:
    return encoders.create(name, shape, seed=seed, sizes=SIZES)


def prepared(name: str, shape: tuple[int, int, int]) -> Encoder:
    encoder = new(name, shape)
    encoder.prepare(film(shape, episodes=2).data)
    return encoder


def step(encoder: Encoder, optimizers: dict[str, torch.optim.Optimizer], seed: int) -> dict:
    return encoder.update(
        batch(encoder.image_shape), optimizers, torch.Generator().manual_seed(seed)
    )


def trained(name: str, shape: tuple[int, int, int], steps: int = 3) -> Encoder:
    """Return an encoder after its preparation and, if it learns, some steps."""
    encoder = prepared(name, shape)
    if encoder.learns:
        optimizers = encoder.optimizers(1e-3)
        for seed in range(steps):
            step(encoder, optimizers, seed)
    return encoder


@every_encoder
@every_shape
def test_learning_changes_the_weights_and_stays_finite(
    name: str, shape: tuple[int, int, int]
) -> None:
    encoder = prepared(name, shape)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    if encoder.learns:
        optimizers = encoder.optimizers(1e-3)
        for seed in range(3):
            terms = step(encoder, optimizers, seed)
            assert "loss" in terms
            for term, value in terms.items():
                assert value.ndim == 0, term
                assert value.isfinite(), term
                assert not value.requires_grad, term
        assert any(not torch.equal(before[key], v) for key, v in encoder.state_dict().items())
    assert all(value.isfinite().all() for value in encoder.state_dict().values())
    codes = encoder.encode(noise(shape)).features
    assert codes.isfinite().all()
    assert codes.std(dim=0).max() > 0, "all images have one code"


@every_ready_one
def test_one_that_does_not_learn_refuses_to(name: str) -> None:
    with pytest.raises(NotImplementedError, match="ready after `prepare`"):
        prepared(name, SMALL).loss(batch(SMALL), torch.Generator())


@every_encoder
def test_steps_follow_from_the_generator_alone(name: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(len(states))
        states.append(trained(name, SMALL).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


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


def test_every_variational_encoder_can_be_sampled() -> None:
    kinds = [encoders.kind(name) for name in encoders.names()]
    variational = [kind for kind in kinds if issubclass(kind, VariationalEncoder)]
    assert variational
    assert all(kind.sample is not Encoder.sample for kind in variational)


@every_prior
def test_samples_are_drawn_like_codes(name: str) -> None:
    shape, seeds = (48, 80, 3), (0, 0, 1)
    encoder = trained(name, shape).eval()
    first, again, other = (encoder.sample(3, torch.Generator().manual_seed(seed)) for seed in seeds)
    drawn = encoder.decode(encoder.encode(noise(shape, 3)).features)
    assert first.shape == drawn.shape
    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_vector
def test_vector_codes_report_what_their_units_carry(name: str) -> None:
    encoder = prepared(name, SMALL)
    terms = step(encoder, encoder.optimizers(1e-3), 0)
    assert terms["reconstruction"] > 0
    (units,) = terms.keys() & {"active_units", "varying_units"}
    assert 0 <= terms[units] <= encoder.feature_size
    parts = {key for key in terms if key.startswith("kl/")}
    if not isinstance(encoder, VariationalEncoder) or encoder.deterministic:
        assert "kl" not in terms
        assert not parts, "a code without noise has no KL"
        return
    assert parts == {f"kl/{index:02}" for index in range(encoder.feature_size)}
    torch.testing.assert_close(torch.stack([terms[key] for key in parts]).sum(), terms["kl"])


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
    first = new(name, SMALL, seed=3).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn), "the caller's own random numbers were used up"
    second = new(name, SMALL, seed=3).state_dict()
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
        new(name, SMALL).encode(images)
    assert str(tuple(images.shape)) in str(caught.value)
    assert str(images.dtype).removeprefix("torch.") in str(caught.value)


@every_encoder
def test_it_is_found_under_its_name(name: str) -> None:
    encoder = new(name, SMALL)
    assert encoders.family_of(encoder) == name.partition(":")[0]
    assert encoder.config == encoders.config(name)
