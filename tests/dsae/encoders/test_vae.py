import dataclasses
import math

import pytest
import torch
from blobs import batch, film
from torch.distributions import Normal, kl_divergence

from dsae import encoders, training
from dsae.encoder import as_float
from dsae.encoders import vae
from dsae.nn.background import shrink

SHAPE = (32, 48, 3)


def prepared(**settings: object) -> vae.Encoder:
    encoder = encoders.create("vae", SHAPE, seed=0, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder


def test_loss_is_the_negative_evidence_bound() -> None:
    encoder = prepared(foreground_weight=0.0, noise=0.2, beta=3.0, code=5)
    windows = batch(SHAPE)
    terms = encoder.loss(windows, torch.Generator().manual_seed(7))
    images = as_float(windows.images.flatten(0, 1))
    mean, log_variance = encoder.to_code(images).chunk(2, dim=1)
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
    parts = terms["negative_log_likelihood"] + 3 * terms["kl"]
    torch.testing.assert_close(terms["loss"], parts)


def test_loss_is_on_average_the_bound_of_sampled_codes() -> None:
    """−ELBO = E_q[log q(z | I) − log p(z) − log p(I | z)], all three of sampled codes."""
    encoder = prepared(
        foreground_weight=0.0, noise=0.3, code=3, network="dense", hidden=(16,), scale=4
    ).eval()
    windows = batch(SHAPE, windows=1)
    images = as_float(windows.images.flatten(0, 1))
    target = shrink(images, encoder.target)
    constant = math.prod(encoder.target) * math.log(0.3 * math.sqrt(2 * math.pi))
    with torch.no_grad():
        losses = torch.stack(
            [
                encoder.loss(windows, torch.Generator().manual_seed(seed))["loss"]
                for seed in range(600)
            ]
        )
        mean, log_variance = encoder.to_code(images).chunk(2, dim=1)
        q = Normal(mean, (0.5 * log_variance).exp())
        torch.manual_seed(0)
        codes = q.sample(torch.Size([2000]))  # (2000, 3, D)
        drawn = encoder.decode(codes.flatten(0, 1))
        likelihood = Normal(drawn, 0.3).log_prob(target.repeat(2000, 1, 1, 1)).sum((1, 2, 3))
        densities = (q.log_prob(codes) - Normal(0.0, 1.0).log_prob(codes)).sum(2)
        bounds = (densities - likelihood.unflatten(0, (2000, 3)) - constant).mean(1)
    noise = math.sqrt(losses.var() / 600 + bounds.var() / 2000)
    assert (losses.mean() - bounds.mean()).abs() < 4 * noise
    assert noise < 0.02 * abs(bounds.mean())


@pytest.mark.parametrize(
    ("progress", "wanted"), [(0.0, 0.0), (0.25, 5.0), (0.5, 10.0), (0.9, 10.0)]
)
def test_capacity_rises_over_half_the_training(progress: float, wanted: float) -> None:
    encoder = prepared(capacity=10.0, beta=2.0)
    windows = batch(SHAPE)._replace(progress=progress)
    terms = encoder.loss(windows, torch.Generator().manual_seed(0))
    expected = terms["negative_log_likelihood"] + 2 * (terms["kl"] - wanted).abs()
    torch.testing.assert_close(terms["loss"], expected)


def test_kl_ends_near_the_capacity() -> None:
    windows = film((32, 32, 1), episodes=5, length=10)
    settings = {"network": "dense", "hidden": (64,), "code": 4, "beta": 1000.0, "capacity": 5.0}
    encoder = encoders.create("vae", (32, 32, 1), seed=0, settings=settings)
    kls: list[float] = []
    training.fit(
        encoder, windows, training.Config(steps=300, log_every=10),
        log=lambda _, terms: kls.append(terms["kl"]),
    )  # fmt: skip
    assert sum(kls[-5:]) / 5 == pytest.approx(5.0, abs=0.5)
    quarter = kls[len(kls) // 4]
    assert quarter == pytest.approx(2.5, abs=0.8)


def test_presets_are_the_published_weights() -> None:
    assert encoders.config("vae").beta == 1
    assert encoders.config("vae").capacity == 0
    assert encoders.config("vae:beta4").beta == 4
    burgess = encoders.config("vae:burgess2018")
    assert (burgess.beta, burgess.capacity, burgess.code) == (1000, 25, 10)
    plain = dataclasses.replace(vae.Config(), background=False, foreground_weight=0.0)
    assert (plain.background, plain.foreground_weight) == (
        burgess.background, burgess.foreground_weight,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(8, 8, 3), (30, 50, 1), (33, 65, 3), (120, 16, 3)])
def test_any_size_is_drawn_at_half(shape: tuple[int, int, int]) -> None:
    encoder = encoders.create("vae", shape, seed=0)
    drawn = encoder.decode(torch.zeros(2, encoder.feature_size))
    assert drawn.shape == (2, shape[2], shape[0] // 2, shape[1] // 2)
