import itertools
import math

import pytest
import torch
from blobs import batch, film

from dsae import encoders
from dsae.encoder import as_float
from dsae.encoders import iwae
from dsae.nn.background import shrink

SHAPE = (32, 32, 1)
SETTINGS = {"code": 3, "noise": 0.5, "network": "dense", "hidden": (16,), "scale": 4}


def prepared(**settings: object) -> iwae.Encoder:
    encoder = encoders.create("iwae", SHAPE, seed=0, settings={**SETTINGS, **settings})
    encoder.prepare(film(SHAPE).data)
    return encoder


def log_weights(encoder: iwae.Encoder, samples: int, windows: int = 2) -> torch.Tensor:
    images = as_float(batch(SHAPE, windows).images.flatten(0, 1))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        posterior = encoder.eval().posterior(images)
        return encoder.importance(posterior, shrink(images, encoder.target), samples, generator)[1]


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("foreground_weight", [0.0, 0.7])
def test_one_sample_is_the_vae(likelihood: str, foreground_weight: float) -> None:
    """Its loss has log q − log p of the code drawn for the KL: the same on average."""
    settings = {"likelihood": likelihood, "foreground_weight": foreground_weight}
    encoder = prepared(samples=1, **settings)
    terms = encoder.loss(batch(SHAPE), torch.Generator().manual_seed(0))
    plain = encoders.create("vae", SHAPE, seed=0, settings={**SETTINGS, **settings})
    plain.prepare(film(SHAPE).data)
    expected = plain.loss(batch(SHAPE), torch.Generator().manual_seed(0))
    for name in ("reconstruction", "negative_log_likelihood", "kl"):
        torch.testing.assert_close(terms[name], expected[name])
    torch.testing.assert_close(terms["loss"], -terms["evidence_lower_bound"])
    weights = log_weights(encoder, 2000)
    with torch.no_grad():
        bounds = torch.stack(
            [
                plain.eval().loss(batch(SHAPE, 2), torch.Generator().manual_seed(seed))["loss"]
                for seed in range(200)
            ]
        )
    noise = math.sqrt(weights.mean(1).var() / 2000 + bounds.var() / 200)
    assert abs(weights.mean() + bounds.mean()) < 4 * noise + 1e-3


def test_bound_grows_with_the_number_of_samples() -> None:
    weights = log_weights(prepared(), 4096)  # (4096, B) of the same encoder
    bounds = []
    for samples in (1, 4, 16, 64):
        groups = weights.unflatten(0, (-1, samples)).transpose(0, 1)  # (K, groups, B)
        bounds.append(iwae.importance_bound(groups).mean().item())
    assert all(after > before for before, after in itertools.pairwise(bounds))
    assert bounds[0] == pytest.approx(weights.mean().item(), abs=1e-3)
    # They approach log p(I), here estimated with all samples, from below.
    assert bounds[-1] <= iwae.importance_bound(weights).mean().item() + 1e-3


def test_bound_is_exact_where_the_posterior_is() -> None:
    """log w is then the same for every code, and the bound is log p(I) for any K."""
    noise = 0.5
    observed = 1.2  # I = z + noise, z ~ N(0, 1): the posterior is known
    variance = 1 / (1 + 1 / noise**2)
    q = torch.distributions.Normal(variance * observed / noise**2, math.sqrt(variance))
    codes = q.sample(torch.Size([5, 1]))
    normal = torch.distributions.Normal
    weights = (
        normal(codes, noise).log_prob(torch.tensor(observed))
        + normal(0.0, 1.0).log_prob(codes)
        - q.log_prob(codes)
    )
    expected = normal(0.0, math.sqrt(1 + noise**2)).log_prob(torch.tensor(observed))
    torch.testing.assert_close(iwae.importance_bound(weights), expected.expand(1))


def test_loss_is_the_bound_of_each_image() -> None:
    encoder = prepared(samples=3)
    windows = batch(SHAPE, 2)
    terms = encoder.loss(windows, torch.Generator().manual_seed(0))
    images = as_float(windows.images.flatten(0, 1))
    posterior = encoder.posterior(images)
    target = shrink(images, encoder.target)
    _, weights = encoder.importance(posterior, target, 3, torch.Generator().manual_seed(0))
    assert weights.shape == (3, 6)
    heaviest = weights.max(dim=0).values
    bounds = heaviest + ((weights - heaviest).exp().sum(dim=0) / 3).log()
    torch.testing.assert_close(terms["loss"], -bounds.mean())
    assert terms["loss"] < -terms["evidence_lower_bound"]
    assert 1 <= terms["effective_samples"] <= 3
