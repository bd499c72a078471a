import pytest
import torch
from blobs import batch, film

from dsae import encoders, losses, training
from dsae.encoder import as_float
from dsae.encoders import infovae
from dsae.errors import DsaeError

SHAPE = (32, 32, 1)


def loss(name: str, **settings: object) -> dict[str, torch.Tensor]:
    encoder = encoders.create(name, SHAPE, seed=0, settings=settings)
    encoder.prepare(film(SHAPE).data)
    return encoder.loss(batch(SHAPE), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
@pytest.mark.parametrize(("alpha", "weight"), [(0.0, 50.0), (0.5, 7.0), (1.0, 20.0), (-1.0, 3.0)])
def test_loss_is_the_equation(kernel: str, alpha: float, weight: float) -> None:
    terms = loss("infovae", alpha=alpha, weight=weight, kernel=kernel)
    expected = (
        terms["negative_log_likelihood"]
        + (1 - alpha) * terms["kl"]
        + (alpha + weight - 1) * terms["mmd"]
    )
    torch.testing.assert_close(terms["loss"], expected)


def test_one_corner_is_the_vae() -> None:
    corner = loss("infovae", alpha=0.0, weight=1.0)
    torch.testing.assert_close(corner["loss"], loss("vae")["loss"])


def test_the_wae_draws_what_the_code_says() -> None:
    encoder = encoders.create("infovae:wae", SHAPE, seed=0).eval()
    assert encoder.config.kernel == "imq"
    images = torch.rand(4, 1, 32, 32)
    codes = encoder.posterior(images).sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(codes, encoder.features_of(images).features)
    assert codes.shape == (4, 32)


def test_discrepancy_compares_windows_and_not_their_frames() -> None:
    """Windows whose frames are all alike give the same figure as single frames."""
    encoder = encoders.create("infovae", SHAPE, seed=0, settings={"code": 3})
    codes = torch.randn(6, 3)
    q = encoder.posterior(torch.rand(6, 1, 32, 32))
    tripled = codes.repeat_interleave(3, dim=0)
    figures = [
        encoder.regulariser(
            q,
            z,
            batch(SHAPE)._replace(images=torch.zeros(6, length)),
            torch.Generator().manual_seed(0),
        )[1]["mmd"]
        for z, length in ((codes, 1), (tripled, 3))
    ]
    torch.testing.assert_close(figures[0], figures[1])
    prior = torch.randn(infovae.PRIOR_SAMPLES, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(figures[0], losses.mmd(codes, prior, losses.rbf, 6.0))


def test_a_deterministic_code_has_no_kl_to_weigh() -> None:
    with pytest.raises(DsaeError, match=r"alpha = 0\.5: a deterministic code has no KL"):
        infovae.Config(posterior="deterministic")
    with pytest.raises(DsaeError, match="alpha = 2: it must be from -inf to 1"):
        infovae.Config(alpha=2)


@pytest.mark.parametrize("name", ["infovae:mmd", "infovae:wae"])
def test_codes_come_to_look_like_the_prior(name: str) -> None:
    small = (24, 24, 1)
    windows = film(small, episodes=10, length=10)
    images = as_float(torch.from_numpy(windows.frames))
    prior = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    distances = []
    for weight in (0.5, 300.0):
        settings = {"code": 2, "hidden": (32,), "weight": weight}
        encoder = encoders.create(name, small, seed=0, settings=settings)
        training.fit(encoder, windows, training.Config(steps=100, learning_rate=4e-3, seed=0))
        with torch.no_grad():
            codes = encoder.posterior(images).sample(torch.Generator().manual_seed(0))
        distances.append(losses.mmd(codes, prior, losses.imq, 1.0))
    assert distances[1] < 0.02
    assert distances[1] < 0.5 * distances[0]
