import numpy as np
import pytest
import torch
from blobs import film
from sklearn.decomposition import FastICA

from dsae import encoders
from dsae.encoder import Data, Encoder, as_float

SHAPE = (8, 12, 1)


def mixture(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Return images that four independent sources mix into, and the sources (N, 4)."""
    rng = np.random.default_rng(0)
    sources = np.column_stack(
        [
            rng.uniform(-1, 1, count),
            np.sign(rng.normal(size=count)),
            rng.laplace(size=count),
            rng.exponential(size=count) - 1,
        ]
    )
    sources /= sources.std(axis=0)
    patterns = rng.normal(size=(4, 96))
    pixels = 0.5 + 0.012 * sources @ patterns
    return np.clip(np.round(255 * pixels), 0, 255).astype(np.uint8).reshape(-1, *SHAPE), sources


def prepared(frames: np.ndarray, seed: int = 0, **settings: object) -> Encoder:
    encoder = encoders.create("ica", SHAPE, seed=seed, settings=settings)
    encoder.prepare(Data(frames))
    return encoder


def test_independent_sources_are_found_up_to_order_and_sign() -> None:
    frames, sources = mixture()
    encoder = prepared(frames, code=4)
    features = encoder.encode(frames).features.numpy()
    correlation = np.abs(np.corrcoef(features.T, sources.T)[:4, 4:])
    assert sorted(correlation.argmax(axis=1)) == [0, 1, 2, 3]
    assert correlation.max(axis=1).min() > 0.99
    # Principal components do not: they are the sources mixed.
    scores = encoders.create("pca", SHAPE, seed=0, settings={"code": 4})
    scores.prepare(Data(frames))
    mixed = np.corrcoef(scores.encode(frames).features.numpy().T, sources.T)[:4, 4:]
    assert np.abs(mixed).max(axis=1).min() < 0.9
    assert encoder.converged


def test_features_are_scikit_learns() -> None:
    frames, _ = mixture()
    encoder = prepared(frames, code=4)
    features = encoder.encode(frames).features.numpy()
    scores = encoders.create("pca", SHAPE, seed=0, settings={"code": 4})
    scores.prepare(Data(frames))
    model = FastICA(
        whiten="unit-variance", w_init=encoder.start.double().numpy(), max_iter=1000
    )  # fmt: skip
    wanted = model.fit_transform(scores.encode(frames).features.double().numpy())
    np.testing.assert_allclose(features, wanted, atol=1e-4)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-3)


def test_drawing_undoes_encoding_as_far_as_the_components_reach() -> None:
    frames, _ = mixture()
    encoder = prepared(frames, code=4)
    images = as_float(torch.from_numpy(frames))
    drawn = encoder.decode(encoder.encode(frames).features)
    assert (drawn - images).abs().max() < 0.01  # the sources give all but the rounding
    again = encoder.features_of(drawn).features
    torch.testing.assert_close(again, encoder.encode(frames).features, atol=1e-3, rtol=0)


def test_sources_follow_from_the_seed() -> None:
    frames, _ = mixture(500)
    first, same, other = (prepared(frames, seed, code=4).analysis for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other, atol=1e-3)


def test_a_separation_that_was_cut_short_says_so() -> None:
    encoder = prepared(film(SHAPE).frames, code=4, iterations=1)
    assert not encoder.converged
    assert encoder.encode(film(SHAPE).frames).features.isfinite().all()


@pytest.mark.parametrize("code", [1, 4])
def test_any_number_of_sources(code: int) -> None:
    frames, _ = mixture(300)
    features = prepared(frames, code=code).encode(frames).features
    torch.testing.assert_close(features.std(dim=0), torch.ones(code), atol=0.01, rtol=0)
