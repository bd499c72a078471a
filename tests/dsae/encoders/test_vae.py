import math

import pytest
import torch
from blobs import batch, film
from torch.distributions import Normal, kl_divergence

from dsae import encoders
from dsae.encoder import Data, Encoder, as_float
from dsae.nn.background import shrink

SHAPE = (32, 48, 3)


def prepared(**settings: object) -> Encoder:
    encoder = encoders.create("vae", SHAPE, seed=0, settings=settings)
    encoder.prepare(Data(film(SHAPE).frames))
    return encoder


def test_loss_is_the_negative_evidence_bound() -> None:
    encoder = prepared(foreground_weight=0.0, noise=0.2, beta=3.0, code=5)
    windows = batch(SHAPE)
    terms = encoder.loss(windows, torch.Generator().manual_seed(7))
    images = as_float(windows.images.flatten(0, 1))
    mean, log_variance = encoder.to_code(encoder.trunk(images).flatten(1)).chunk(2, dim=1)
    deviation = (0.5 * log_variance).exp()
    code = mean + deviation * torch.randn(mean.shape, generator=torch.Generator().manual_seed(7))
    target = shrink(images, encoder.target)
    # −log p(I | z), less the constant that does not depend on the weights.
    likelihood = Normal(encoder.decode(code), 0.2).log_prob(target).sum((1, 2, 3))
    constant = math.prod(encoder.target) * math.log(0.2 * math.sqrt(2 * math.pi))
    kl = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1)
    expected = (-likelihood - constant + 3 * kl).mean()
    torch.testing.assert_close(terms["loss"], expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(terms["kl"], kl.mean())


def test_noise_comes_from_the_generator_alone() -> None:
    encoder = prepared()
    first, again, other = (
        encoder.loss(batch(SHAPE), torch.Generator().manual_seed(seed))["loss"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_features_are_the_means() -> None:
    encoder = prepared(code=6).eval()
    images = batch(SHAPE).images[:, 0]
    features = encoder.encode(images).features
    mean = encoder.to_code(encoder.trunk(as_float(images)).flatten(1))[:, :6]
    torch.testing.assert_close(features, mean.detach())


@pytest.mark.parametrize("background", [True, False])
def test_background_is_added_if_asked(background: bool) -> None:
    encoder = prepared(background=background)
    with torch.no_grad():
        code = torch.zeros(1, encoder.feature_size)
        added = encoder.decode(code) - encoder.decoder(code)
    median = encoder.background.median
    torch.testing.assert_close(added[0], median if background else torch.zeros_like(median))


@pytest.mark.parametrize("shape", [(8, 8, 3), (30, 50, 1), (33, 65, 3), (120, 16, 3)])
def test_any_size_is_drawn_at_half(shape: tuple[int, int, int]) -> None:
    encoder = encoders.create("vae", shape, seed=0)
    drawn = encoder.decode(torch.zeros(2, encoder.feature_size))
    assert drawn.shape == (2, shape[2], shape[0] // 2, shape[1] // 2)
