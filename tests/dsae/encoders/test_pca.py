import numpy as np
import pytest
import torch
from blobs import Film, film, noise
from sklearn.decomposition import PCA, IncrementalPCA

from dsae import checkpoint, encoders
from dsae.encoder import Data, Encoder, as_float
from dsae.encoders import pca
from dsae.nn.background import shrink

SHAPE = (16, 24, 3)


def prepared(made: Film, shape: tuple[int, int, int] = SHAPE, **settings: object) -> Encoder:
    encoder = encoders.create("pca", shape, seed=0, settings=settings)
    encoder.prepare(made.data)
    return encoder


def vectors(frames: np.ndarray) -> np.ndarray:
    return as_float(torch.from_numpy(frames)).flatten(1).numpy()


@pytest.mark.parametrize("whiten", [False, True])
def test_features_and_drawings_are_scikit_learns(whiten: bool) -> None:
    made = film(SHAPE, episodes=20)
    encoder = prepared(made, code=10, whiten=whiten)
    model = IncrementalPCA(10, whiten=whiten)
    chunks = len(made.frames) // pca.CHUNK
    assert chunks > 1
    for index in range(chunks):
        model.partial_fit(vectors(made.frames)[index::chunks])
    held_out = film(SHAPE, seed=1).frames
    wanted = model.transform(vectors(held_out))
    features = encoder.encode(held_out).features
    np.testing.assert_allclose(features, wanted, atol=1e-4)
    drawn = encoder.decode(features).flatten(1)
    np.testing.assert_allclose(drawn, model.inverse_transform(wanted), atol=1e-4)
    np.testing.assert_allclose(encoder.variance, model.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(encoder.variance_share, model.explained_variance_ratio_, rtol=1e-4)


def test_pieces_of_the_data_give_nearly_the_exact_components() -> None:
    made = film(SHAPE, episodes=40)
    encoder = prepared(made, code=10)
    exact = PCA(10).fit(vectors(made.frames))
    assert encoder.variance_share.sum() > 0.995 * exact.explained_variance_ratio_.sum()
    assert encoder.variance_share.sum() <= exact.explained_variance_ratio_.sum() + 1e-6


def test_drawing_errs_by_the_variance_that_is_left() -> None:
    made = film(SHAPE, episodes=6)  # one piece: exact
    encoder = prepared(made, code=10)
    frames = torch.from_numpy(made.frames)
    images = as_float(frames).flatten(1)
    error = encoder.decode(encoder.encode(frames).features).flatten(1) - images
    left = 1 - encoder.variance_share.sum()
    whole = images.var(dim=0, correction=0).sum()
    torch.testing.assert_close(error.square().sum(dim=1).mean(), left * whole, rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["pca", "ica"])
def test_few_images_leave_the_other_features_zero(name: str) -> None:
    encoder = encoders.create(name, SHAPE, seed=0)
    encoder.prepare(Data(noise(SHAPE, 5).numpy()))
    features = encoder.encode(noise(SHAPE, 7, seed=3)).features
    assert features.shape == (7, 32)
    # Five images vary in four directions.
    assert (features[:, :4].std(dim=0) > 0).all()
    assert (features[:, 4:] == 0).all()


@pytest.mark.parametrize("name", ["pca", "ica"])
@pytest.mark.parametrize("count", [1, 3])
def test_images_without_any_change_have_the_code_zero(name: str, count: int) -> None:
    encoder = encoders.create(name, SHAPE, seed=0)
    still = noise(SHAPE, 1).expand(count, -1, -1, -1)
    encoder.prepare(Data(still.numpy()))
    assert (encoder.encode(still).features == 0).all()
    torch.testing.assert_close(encoder.decode(torch.zeros(1, 32)), as_float(still[:1]))


@pytest.mark.parametrize(
    ("shape", "target"),
    [((64, 96, 3), (3, 64, 96)), ((96, 65, 1), (1, 48, 32)), ((240, 320, 3), (3, 60, 80))],
)
def test_large_images_are_averaged_down(
    shape: tuple[int, int, int], target: tuple[int, int, int]
) -> None:
    encoder = encoders.create("pca", shape, seed=0, settings={"code": 2})
    encoder.prepare(Data(noise(shape, 4).numpy()))
    images = noise(shape, 2)
    assert encoder.target == target
    assert encoder.decode(encoder.encode(images).features).shape == (2, *target)
    seen = shrink(as_float(images), target).flatten(1) - encoder.mean
    torch.testing.assert_close(encoder.encode(images).features, seen @ encoder.analysis.T)


@pytest.mark.parametrize("whiten", [False, True])
def test_samples_vary_as_the_data_does(whiten: bool) -> None:
    made = film(SHAPE)
    encoder = prepared(made, code=8, whiten=whiten)
    drawn = encoder.sample(4000, torch.Generator().manual_seed(0)).flatten(1)
    torch.testing.assert_close(drawn.mean(dim=0), encoder.mean, atol=0.02, rtol=0)
    scale = encoder.variance.sqrt() if whiten else 1.0
    scores = (drawn - encoder.mean) @ encoder.analysis.T * scale
    covariance = scores.T @ scores / len(drawn)
    torch.testing.assert_close(covariance.diag(), encoder.variance, rtol=0.1, atol=0)
    assert (covariance - covariance.diag().diag()).abs().max() < 0.05 * encoder.variance[0]


def test_preparing_again_forgets_the_first_data(tmp_path) -> None:  # type: ignore[no-untyped-def]
    encoder = prepared(film(SHAPE))
    encoder.prepare(Data(noise(SHAPE, 5).numpy()))
    fresh = encoders.create("pca", SHAPE, seed=0)
    fresh.prepare(Data(noise(SHAPE, 5).numpy()))
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[key])
    checkpoint.save(tmp_path / "pca.safetensors", encoder)
    loaded = checkpoint.load(tmp_path / "pca.safetensors")
    assert torch.equal(loaded.variance, encoder.variance)
