import numpy as np
import pytest
import torch
from blobs import batch, film
from torch.nn import functional

from dsae import checkpoint, encoders, training
from dsae.coordinates import to_pixels
from dsae.encoder import Batch, Data, Encoder, as_float
from dsae.errors import EncoderError

SHAPE = (32, 40, 3)


def create(size: int = 2, **settings: object) -> Encoder:
    return encoders.create("supervised", SHAPE, seed=0, settings=settings, sizes={"truth": size})


def images_with(truth: torch.Tensor) -> Batch:
    """Return a batch of one-frame windows with this truth (B, T) beside the frames."""
    frames = torch.from_numpy(film(SHAPE, episodes=1, length=len(truth)).frames)
    return Batch(frames[:, None], truth=truth[:, None])


@pytest.mark.parametrize("network", ["spatial", "conv", "dense"])
def test_it_learns_where_the_disc_is(network: str) -> None:
    train, test = film(SHAPE, episodes=30, seed=1), film(SHAPE, episodes=5, seed=2)
    encoder = create(network=network, points=3)

    config = training.Config(steps=150, batch=8, learning_rate=3e-3, seed=0)
    training.fit(encoder, train, config, truth=train.truth)
    encoding = encoder.encode(test.frames)
    predicted = encoder.truth_of(encoding.features).numpy()
    error = np.linalg.norm(predicted - test.truth, axis=1).mean()
    constant = np.linalg.norm(train.truth.mean(axis=0) - test.truth, axis=1).mean()
    assert constant > 5
    assert error < 1.5
    if network != "spatial":
        assert encoding.points is None
        return
    assert encoding.points is not None
    pixels = to_pixels(encoding.points, *SHAPE[:2]).flatten(1).numpy()
    correlation = np.corrcoef(pixels.T, test.truth.T)[:6, 6:]
    assert np.abs(correlation).max(axis=0).min() > 0.9, "no point follows what is regressed"


def test_code_is_the_standardised_truth() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal([5.0, -3.0, 0.1], [2.0, 0.5, 1.0], (200, 3))
    encoder = create(3)
    encoder.prepare(Data(film(SHAPE).frames, truth=truth))
    np.testing.assert_allclose(encoder.mean, truth.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(encoder.deviation, truth.std(axis=0), rtol=1e-5)
    code = torch.from_numpy((truth - truth.mean(axis=0)) / truth.std(axis=0)).float()
    torch.testing.assert_close(encoder.truth_of(code), torch.from_numpy(truth).float())


def test_what_is_unknown_counts_neither_in_statistics_nor_in_the_loss() -> None:
    truth = np.random.default_rng(0).normal(size=(200, 3))
    holes = truth.copy()
    holes[::2, 1] = np.nan
    holes[:, 2] = np.nan
    encoder = create(3).eval()
    encoder.prepare(Data(film(SHAPE).frames, truth=holes))
    np.testing.assert_allclose(encoder.mean[1], truth[1::2, 1].mean(), rtol=1e-4)
    np.testing.assert_allclose(encoder.deviation[1], truth[1::2, 1].std(), rtol=1e-4)
    assert encoder.mean.isfinite().all()
    some = images_with(torch.from_numpy(np.float32(holes[:8])))
    terms = encoder.loss(some, torch.Generator())
    terms["loss"].backward()
    features = encoder.features_of(as_float(some.images[:, 0])).features
    wanted = (torch.from_numpy(np.float32(truth[:8])) - encoder.mean) / encoder.deviation
    errors = [
        functional.mse_loss(features[:, 0], wanted[:, 0]),
        functional.mse_loss(features[1::2, 1], wanted[1::2, 1]),
    ]
    torch.testing.assert_close(terms["loss"], sum(error.sqrt() for error in errors) / 2)
    torch.testing.assert_close(terms["known"], torch.tensor(12 / 24))
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().sum() > 0 for gradient in gradients)


def test_a_batch_of_which_nothing_is_known_changes_nothing() -> None:
    encoder = create()
    encoder.prepare(film(SHAPE).data)
    terms = encoder.loss(images_with(torch.full((4, 2), torch.nan)), torch.Generator())
    assert terms["loss"] == 0
    terms["loss"].backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in encoder.parameters())


def test_what_hardly_moves_is_not_blown_up() -> None:
    truth = np.random.default_rng(0).normal(0, [1.0, 1e-4, 0.0], (200, 3))
    encoder = create(3)
    encoder.prepare(Data(film(SHAPE).frames, truth=truth))
    assert encoder.deviation[0] == pytest.approx(truth[:, 0].std(), rel=1e-5)
    assert encoder.deviation[1] == encoder.deviation[2] > 50 * truth[:, 1].std()
    encoder.prepare(Data(film(SHAPE).frames, truth=np.ones((200, 3))))
    assert (encoder.deviation == 1).all()


def test_a_vector_has_no_points() -> None:
    with pytest.raises(NotImplementedError, match="no feature points"):
        _ = create(network="conv").point_grid


def test_without_ground_truth_it_says_so() -> None:
    with pytest.raises(EncoderError, match="needs the ground truth"):
        encoders.create("supervised", SHAPE, seed=0)
    with pytest.raises(EncoderError, match="needs the ground truth"):
        create().prepare(Data(film(SHAPE).frames))
    with pytest.raises(EncoderError, match="needs the ground truth"):
        create().loss(batch(SHAPE)._replace(truth=None), torch.Generator())


def test_truths_of_another_length_are_told_from_the_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    encoder = create(7)
    checkpoint.save(tmp_path / "s.safetensors", encoder)
    assert checkpoint.load(tmp_path / "s.safetensors").feature_size == 7
