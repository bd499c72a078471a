import math

import pytest
import torch
from blobs import batch, film, noise
from torch.distributions import Bernoulli, Normal, kl_divergence

from dsae import encoders
from dsae.encoder import as_float
from dsae.encoders import vae
from dsae.errors import DsaeError
from dsae.latent import Posterior, kl_terms
from dsae.nn.background import shrink

SHAPE = (32, 48, 3)


def prepared(**settings: object) -> vae.Encoder:
    encoder = encoders.create("vae", SHAPE, seed=0, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder


def posterior(images: int = 5, code: int = 3) -> Posterior:
    made = torch.Generator().manual_seed(0)
    return Posterior(*torch.randn(2, images, code, generator=made, dtype=torch.float64))


def test_density_and_kl_of_a_posterior_are_those_of_torch() -> None:
    q = posterior()
    normal = Normal(q.mean, (0.5 * q.log_variance).exp())
    codes = torch.randn(7, 1, 3, dtype=torch.float64)
    torch.testing.assert_close(q.log_density(codes), normal.log_prob(codes))
    torch.testing.assert_close(q.kl(), kl_divergence(normal, Normal(0.0, 1.0)))


def test_kl_is_what_sampled_codes_say() -> None:
    q = posterior()
    wide = Posterior(q.mean.expand(20_000, -1, -1), q.log_variance)
    codes = wide.sample(torch.Generator().manual_seed(1))
    torch.testing.assert_close(codes.mean(0), q.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(codes.var(0), q.log_variance.exp(), atol=0, rtol=0.06)
    estimates = wide.log_density(codes) - Normal(0.0, 1.0).log_prob(codes)
    off = (estimates.mean(0) - q.kl()) / (estimates.std(0) / math.sqrt(len(estimates)))
    assert off.abs().max() < 4


def test_a_deterministic_code_has_no_noise() -> None:
    mean = torch.randn(4, 3)
    assert Posterior(mean, None).sample(torch.Generator()) is mean
    assert kl_terms(Posterior(mean, None)).keys() == {"active_units"}


def test_units_that_say_the_same_of_every_image_are_not_active() -> None:
    mean = torch.randn(50, 4)
    mean[:, 1] = 3.0  # far from the prior, and constant
    mean[:, 3] *= 0.05
    terms = kl_terms(Posterior(mean, torch.zeros(50, 4)))
    assert terms["active_units"] == 2
    assert terms["kl/01"] == pytest.approx(4.5)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_likelihood_is_that_of_torch(likelihood: str) -> None:
    encoder = prepared(likelihood=likelihood, noise=0.3, foreground_weight=0.0)
    codes = torch.randn(6, encoder.feature_size)
    images = shrink(as_float(noise(SHAPE, 6)), encoder.target)
    found = encoder.negative_log_likelihood(encoder.pixel_error(encoder.draw(codes), images))
    drawn = encoder.decode(codes)
    if likelihood == "bernoulli":
        assert drawn.min() > 0
        assert drawn.max() < 1
        expected = -Bernoulli(drawn, validate_args=False).log_prob(images).sum((1, 2, 3)).mean()
    else:
        constant = math.prod(encoder.target) * math.log(0.3 * math.sqrt(2 * math.pi))
        expected = -Normal(drawn, 0.3).log_prob(images).sum((1, 2, 3)).mean() - constant
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_drawing_begins_at_the_background(likelihood: str) -> None:
    encoder = prepared(likelihood=likelihood)
    with torch.no_grad():
        for parameter in encoder.decoder.parameters():
            parameter.zero_()
    drawn = encoder.decode(torch.zeros(1, encoder.feature_size))[0]
    torch.testing.assert_close(drawn, encoder.background.median, atol=1e-5, rtol=0)


def test_without_a_background_nothing_is_added() -> None:
    encoder = prepared(background=False)
    codes = torch.randn(2, encoder.feature_size)
    torch.testing.assert_close(encoder.decode(codes), encoder.decoder(codes))


def test_features_are_the_means() -> None:
    encoder = prepared(code=6).eval()
    images = batch(SHAPE).images[:, 0]
    with torch.no_grad():
        mean = encoder.to_code(as_float(images))[:, :6]
    torch.testing.assert_close(encoder.encode(images).features, mean)


def test_noise_comes_from_the_generator_alone() -> None:
    encoder = prepared()
    first, again, other = (
        encoder.loss(batch(SHAPE), torch.Generator().manual_seed(seed))["loss"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_denoising_one_sees_the_corrupted_and_draws_the_clean_image() -> None:
    encoder = prepared(corruption="masking", corruption_level=1.0).eval()
    windows = batch(SHAPE)
    seed = torch.Generator().manual_seed
    masked = encoder.loss(windows, seed(0))
    black = Posterior(*encoder.posterior(torch.zeros(1, 3, 32, 48)))
    torch.testing.assert_close(masked["kl"], black.kl().sum())
    generator = seed(0)
    torch.rand(12, 1, 32, 48, generator=generator)  # what the masking drew
    codes = Posterior(black.mean.expand(12, -1), black.log_variance).sample(generator)
    clean = shrink(as_float(windows.images.flatten(0, 1)), encoder.target)
    expected = encoder.pixel_error(encoder.decode(codes), clean)
    torch.testing.assert_close(masked["reconstruction"], expected)


@pytest.mark.parametrize("network", ["conv", "dense"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_learning_draws_the_disc(network: str, likelihood: str) -> None:
    encoder = prepared(network=network, likelihood=likelihood, hidden=(32,), code=4)
    optimizers = encoder.optimizers(3e-3)
    images = shrink(as_float(batch(SHAPE).images.flatten(0, 1)), encoder.target)

    def error() -> torch.Tensor:
        drawn = encoder.decode(encoder.encode(batch(SHAPE).images.flatten(0, 1)).features)
        return ((drawn - images) ** 2 * encoder.background.foreground(images)).mean()

    before = error()
    for step in range(60):
        encoder.update(batch(SHAPE), optimizers, torch.Generator().manual_seed(step))
    assert error() < 0.6 * before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"code": 0}, "code = 0: it must be at least 1"),
        ({"noise": 0.0}, "noise = 0: it must be at least 1e-06"),
        ({"hidden": (8, 0)}, r"hidden = 0: it must be at least 1"),
        ({"foreground_weight": 1.5}, "from 0 to 1"),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(DsaeError, match=message):
        vae.Config(**setting)
