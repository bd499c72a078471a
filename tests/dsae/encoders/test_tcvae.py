import math

import pytest
import torch
from blobs import batch, film

from dsae import encoders
from dsae.encoders.tcvae import Sampling, decompose, log_weights
from dsae.latent import Posterior

SHAPE = (32, 32, 1)
SAMPLINGS: tuple[Sampling, ...] = ("weighted", "stratified")


def prepared(**settings: object):  # type: ignore[no-untyped-def]
    encoder = encoders.create("tcvae", SHAPE, seed=0, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder


def gaussian_data(covariance: torch.Tensor, variance: float, count: int) -> Posterior:
    """Return posteriors of variance `variance` whose mixture is N(0, covariance)."""
    generator = torch.Generator().manual_seed(0)
    spread = covariance - variance * torch.eye(len(covariance)).double()
    noise = torch.randn(count, len(covariance), generator=generator, dtype=torch.float64)
    # Moments made exact, so that little but the mixture's own roughness is left.
    noise = noise - noise.mean(0)
    noise = noise @ torch.linalg.inv(torch.linalg.cholesky(noise.T @ noise / count)).T
    mean = noise @ torch.linalg.cholesky(spread).T
    return Posterior(mean, torch.full_like(mean, math.log(variance)))


def test_parts_of_known_gaussians() -> None:
    """A batch that is the whole data set gives q(z) itself, whose parts are known."""
    covariance = torch.tensor([[1.5, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 0.5]]).double()
    count, variance = 2000, 0.2
    q = gaussian_data(covariance, variance, count)
    weights = log_weights(count, 1, count, "stratified").double()
    torch.testing.assert_close(weights, torch.full_like(weights, -math.log(count)))
    codes = q.sample(torch.Generator().manual_seed(1))
    found = decompose(q, codes, weights)
    sizes = covariance.diagonal()
    correlation = 0.5 * (sizes.log().sum() - torch.logdet(covariance))
    information = 0.5 * (torch.logdet(covariance) - 3 * math.log(variance))
    dimension_wise = 0.5 * (sizes - 1 - sizes.log()).sum()
    assert correlation > 0.3
    assert found.total_correlation == pytest.approx(correlation.item(), abs=0.06)
    assert found.mutual_information == pytest.approx(information.item(), abs=0.1)
    assert found.dimension_wise_kl == pytest.approx(dimension_wise.item(), abs=0.1)


def test_independent_dimensions_have_no_total_correlation() -> None:
    count = 2000
    q = gaussian_data(torch.diag(torch.tensor([1.0, 2.0, 0.5]).double()), 0.2, count)
    weights = log_weights(count, 1, count, "stratified").double()
    found = decompose(q, q.sample(torch.Generator().manual_seed(1)), weights)
    assert abs(found.total_correlation) < 0.06


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_parts_add_up_to_the_kl(sampling: Sampling) -> None:
    generator = torch.Generator().manual_seed(0)
    q = Posterior(*torch.randn(2, 12, 4, generator=generator, dtype=torch.float64))
    codes = q.sample(generator)
    parts = decompose(q, codes, log_weights(4, 3, 500, sampling).double())
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(codes)
    estimate = (q.log_density(codes) - prior).sum(1).mean()
    torch.testing.assert_close(sum(parts), estimate)
    # And on average to the closed form.
    many = torch.stack(
        [sum(decompose(q, q.sample(generator), torch.zeros(12, 12))) for _ in range(3000)]
    )
    assert abs(many.mean() - q.kl().sum(1).mean()) < 4 * many.std() / math.sqrt(3000)


def test_weights_computed_by_hand() -> None:
    # Three windows of two frames, 100 frames in all: four frames of other windows.
    weights = log_weights(3, 2, 100, "stratified").exp()
    expected = torch.full((6, 6), 99 / 400)
    for start in (0, 2, 4):
        expected[start : start + 2, start : start + 2] = torch.eye(2) / 100
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(weights.sum(1), torch.ones(6))
    weighted = log_weights(3, 2, 100, "weighted").exp()
    torch.testing.assert_close(weighted, (expected > 0) / 500)
    # A window that is alone has its own frames only.
    alone = log_weights(1, 3, 100, "stratified").exp()
    torch.testing.assert_close(alone[0], torch.tensor([0.01, 0.495, 0.495]))
    assert log_weights(1, 1, 0, "stratified").exp() == 1


def test_stratified_density_has_the_right_mean() -> None:
    """Over all batches that hold frame i, the estimate of q(z_i) is 1/N Σ_n q(z_i | n)."""
    densities = torch.rand(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = log_weights(4, 1, 10, "stratified").exp()[0].double()
    others = torch.combinations(torch.arange(1, 10), 3)
    estimates = weights[0] * densities[0] + (weights[1:] * densities[others]).sum(1)
    torch.testing.assert_close(estimates.mean(), densities.mean(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_weights_of_one_are_the_vae(sampling: Sampling) -> None:
    settings = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "sampling": sampling}
    terms = prepared(**settings).loss(batch(SHAPE), torch.Generator().manual_seed(0))
    plain = encoders.create("vae", SHAPE, seed=0)
    plain.prepare(film(SHAPE).data)
    expected = plain.loss(batch(SHAPE), torch.Generator().manual_seed(0))
    torch.testing.assert_close(terms["loss"], expected["loss"])


def test_each_weight_weighs_its_part() -> None:
    base = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0}
    generator = torch.Generator
    plain = prepared(**base).loss(batch(SHAPE), generator().manual_seed(0))
    for name, part in zip(
        base, ("mutual_information", "total_correlation", "dimension_wise_kl"), strict=True
    ):
        more = prepared(**{**base, name: 5.0}).loss(batch(SHAPE), generator().manual_seed(0))
        torch.testing.assert_close(
            more["loss"] - plain["loss"], 4 * plain[part], rtol=1e-3, atol=1e-3
        )


def test_information_cannot_exceed_what_the_data_set_holds() -> None:
    terms = prepared(code=32).loss(batch(SHAPE), torch.Generator().manual_seed(0))
    assert terms["mutual_information"] <= math.log(batch(SHAPE).data_size) + 1e-4
