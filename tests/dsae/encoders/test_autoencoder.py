import numpy as np
import pytest
import torch
from blobs import Film, batch, film
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

from dsae import checkpoint, encoders, training
from dsae.encoder import Encoder, as_float
from dsae.errors import DsaeError
from dsae.losses import balanced_error
from dsae.nn.background import shrink

SHAPE = (32, 48, 3)
TOY = (8, 10, 1)
QUICK = training.Config(steps=150, batch=16, learning_rate=5e-3)


def prepared(name: str = "autoencoder", **settings: object) -> Encoder:
    encoder = encoders.create(name, SHAPE, seed=0, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder


def toy(count: int = 600) -> Film:
    """Return images of three patterns of unlike variance, and a little noise."""
    rng = np.random.default_rng(0)
    patterns = np.linalg.qr(rng.normal(size=(80, 3)))[0].T
    scores = rng.normal(size=(count, 3)) * [1.2, 0.9, 0.6]
    pixels = 0.5 + scores @ patterns + 0.02 * rng.normal(size=(count, 80))
    frames = np.clip(np.round(255 * pixels), 0, 255).astype(np.uint8).reshape(count, *TOY)
    return Film(frames, np.zeros((count, 0, 3)), np.arange(count - 2))


def linear_widths(network: nn.Module) -> list[tuple[int, int]]:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in layers]


def test_textbook_network_has_its_layers_and_parameters() -> None:
    encoder = encoders.create("autoencoder:textbook", (28, 28, 1), seed=0)
    down = [(784, 128), (128, 64), (64, 12), (12, 3)]
    assert linear_widths(encoder.to_code) == down
    assert linear_widths(encoder.decoder) == [(b, a) for a, b in reversed(down)]
    count = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    weights = sum(a * b for a, b in down)
    assert count == 2 * weights + (128 + 64 + 12 + 3) + (12 + 64 + 128 + 784) == 219_891
    assert encoder.feature_size == 3
    assert encoder.decode(torch.zeros(1, 3)).shape == (1, 1, 28, 28)
    assert encoder.background.image.abs().max() == 0


def test_loss_is_the_error_and_the_codes_size() -> None:
    encoder = prepared(sparsity=0.3)
    terms = encoder.loss(batch(SHAPE), torch.Generator())
    images = as_float(batch(SHAPE).images.flatten(0, 1))
    target = shrink(images, encoder.target)
    codes = encoder.features_of(images).features
    mask = encoder.background.foreground(target)
    error = balanced_error(encoder.decode(codes), target, mask, 0.7)
    torch.testing.assert_close(terms["reconstruction"], error)
    torch.testing.assert_close(terms["loss"], error + 0.3 * codes.abs().mean())
    torch.testing.assert_close(terms["sparsity"], codes.abs().mean())


def test_units_that_do_not_vary_are_not_active() -> None:
    encoder = prepared(code=7)
    with torch.no_grad():
        encoder.to_code.head[-1].weight[:4] = 0
    assert encoder.loss(batch(SHAPE), torch.Generator())["varying_units"] == 3


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_a_larger_penalty_makes_more_of_a_wide_code_zero(activation: str) -> None:
    wide = {"code": 120, "activation": activation, "network": "dense", "hidden": (), "scale": 1}
    data, shares = toy(), []
    for weight in (0.0, 0.01, 0.1):
        settings = {**wide, "sparsity": weight, "foreground_weight": 0.0}
        encoder = encoders.create("autoencoder", TOY, seed=0, settings=settings)
        training.fit(encoder, data, QUICK)
        codes = encoder.encode(data.frames).features
        assert codes.shape[1] > np.prod(TOY)
        shares.append(float((codes.abs() < 0.01 * codes.abs().max()).float().mean()))
    assert shares == sorted(shares)
    assert shares[2] > shares[0] + 0.2, shares


@pytest.mark.parametrize(
    ("corruption", "level"), [("gaussian", 0.2), ("masking", 0.2), ("salt_pepper", 0.1)]
)
def test_denoising_draws_nearer_the_clean_image_than_what_it_sees(
    corruption: str, level: float
) -> None:
    settings = {"corruption": corruption, "corruption_level": level, "scale": 1}
    encoder = encoders.create(
        "autoencoder", (16, 16, 3), seed=0, settings={**settings, "foreground_weight": 0.0}
    )
    training.fit(encoder, film((16, 16, 3)), training.Config(steps=60, batch=8, seed=0))
    clean = as_float(torch.from_numpy(film((16, 16, 3), seed=5).frames))
    seen = encoder.corrupted(clean, torch.Generator().manual_seed(1))
    with torch.no_grad():
        drawn = encoder.decode(encoder.features_of(seen).features)
    assert (drawn - clean).square().mean() < 0.3 * (seen - clean).square().mean()


def test_only_the_input_is_corrupted() -> None:
    encoder = prepared("autoencoder:denoising", foreground_weight=0.0).eval()
    terms = encoder.loss(batch(SHAPE), torch.Generator().manual_seed(4))
    images = as_float(batch(SHAPE).images.flatten(0, 1))
    seen = encoder.corrupted(images, torch.Generator().manual_seed(4))
    assert not torch.equal(seen, images)
    drawn = encoder.decode(encoder.features_of(seen).features)
    error = (drawn - shrink(images, encoder.target)).square().mean()
    torch.testing.assert_close(terms["reconstruction"], error)
    assert torch.equal(encoder.encode(batch(SHAPE).images[0]).features,
                       encoder.features_of(images[:3]).features.detach())  # fmt: skip


def test_linear_autoencoder_with_tied_weights_spans_what_pca_spans() -> None:
    data = toy()
    settings = {"code": 3, "scale": 1}
    encoder = encoders.create("autoencoder:linear", TOY, seed=0, settings=settings)
    components = PCA(3).fit(data.frames.reshape(-1, 80) / 255).components_
    weights = encoder.to_code.head[0].weight
    assert np.degrees(subspace_angles(weights.detach().numpy().T, components.T)).max() > 30
    training.fit(encoder, data, training.Config(steps=300, batch=64, learning_rate=1e-2))
    assert np.degrees(subspace_angles(weights.detach().numpy().T, components.T)).max() < 1
    # With tied weights the basis is orthonormal as well, though turned within the subspace.
    torch.testing.assert_close(weights @ weights.T, torch.eye(3), atol=0.02, rtol=0)


def test_tied_layers_are_transposed_and_stored_once(tmp_path) -> None:  # type: ignore[no-untyped-def]
    encoder = prepared("autoencoder:linear", hidden=(20, 10), code=4, background=False)
    first, _, second, _, third = encoder.to_code.head
    codes = torch.randn(2, 4)
    drawn = ((codes @ third.weight).relu() @ second.weight).relu() @ first.weight
    torch.testing.assert_close(encoder.decode(codes).flatten(1), drawn)
    matrices = [name for name, value in encoder.state_dict().items() if value.ndim == 2]
    assert all(name.startswith("to_code.") for name in matrices)
    checkpoint.save(tmp_path / "tied.safetensors", encoder)
    loaded = checkpoint.load(tmp_path / "tied.safetensors")
    assert torch.equal(loaded.decode(codes), encoder.decode(codes))


def test_tied_weights_need_a_dense_network() -> None:
    with pytest.raises(DsaeError, match="tied = True needs network = 'dense', not 'conv'"):
        encoders.config("autoencoder", {"tied": True})


def test_it_has_no_prior_to_sample_from() -> None:
    with pytest.raises(NotImplementedError, match="no prior"):
        prepared().sample(1, torch.Generator())
