import math

import pytest
import torch
from blobs import batch, film

from dsae import encoders, losses, training
from dsae.encoders import aae
from dsae.errors import DsaeError

SHAPE = (32, 32, 1)
SMALL = (24, 24, 1)
TOY = {"hidden": (32,), "code": 2, "discriminator": (64, 64)}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("prior", aae.PRIORS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_priors_are_of_about_one_size(prior: str, size: int) -> None:
    drawn = aae.PRIORS[prior](20_000, size, generator())
    assert drawn.shape == (20_000, size)
    torch.testing.assert_close((drawn**2).mean(0), torch.ones(size), atol=0.2, rtol=0)
    assert drawn.mean(0).abs().max() < 0.5  # a roll's end hangs over
    assert torch.equal(drawn, aae.PRIORS[prior](20_000, size, generator()))


def test_the_mixture_is_a_flower() -> None:
    x, y = aae.mixture(5000, 2, generator()).T
    assert torch.hypot(x, y).mean() == pytest.approx(1.4, abs=0.03)
    turns = torch.atan2(y, x) / (2 * math.pi) * aae.PETALS
    assert (turns - turns.round()).abs().mean() < 0.15  # 0.25 if it were a ring
    counts = (turns.round() % aae.PETALS).int().bincount(minlength=aae.PETALS)
    assert counts.min() > 400


def test_the_swiss_roll_is_a_spiral() -> None:
    x, y = aae.swiss_roll(5000, 2, generator()).T
    radius = torch.hypot(x, y)
    turns = torch.atan2(y, x) / (2 * math.pi)
    # The radius says the angle: 2 for one and a half turns.
    off = (radius * aae.TURNS / 2 - turns + 0.5) % 1 - 0.5
    assert off[radius > 0.5].abs().mean() < 0.05
    assert radius.max() < 2.4


def test_pairs_of_dimensions_are_independent() -> None:
    drawn = aae.swiss_roll(20_000, 4, generator())
    first, second = drawn[:, :2].norm(dim=1), drawn[:, 2:].norm(dim=1)
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].abs() < 0.03


@pytest.mark.parametrize("prior", aae.PRIORS)
def test_codes_come_to_look_like_the_prior(prior: str) -> None:
    windows = film(SMALL, episodes=10, length=10)
    encoder = encoders.create("aae", SMALL, seed=0, settings={**TOY, "prior": prior})
    drawn = encoder.prior(400, generator())

    def distance() -> float:
        codes = encoder.encode(windows.frames).features
        return losses.mmd(codes, drawn, losses.imq, 1.0).item()

    encoder.prepare(windows.data)
    before = distance()
    training.fit(encoder, windows, training.Config(steps=160, learning_rate=4e-3, seed=0))
    assert distance() < 0.5 * before


def test_each_phase_steps_its_own_weights() -> None:
    encoder = encoders.create("aae", SHAPE, seed=0)
    optimizers = encoder.optimizers(1e-3)
    stepped = {}
    for name, optimizer in optimizers.items():
        owned = {id(p) for group in optimizer.param_groups for p in group["params"]}
        stepped[name] = {n.split(".")[0] for n, p in encoder.named_parameters() if id(p) in owned}
    assert stepped == {
        "main": {"to_code", "decoder", "background"},
        "discriminator": {"discriminator"},
        "generator": {"to_code"},
    }
    for name, parts in stepped.items():
        before = {key: value.clone() for key, value in encoder.named_parameters()}
        alone = {
            key: optimizer if key == name else torch.optim.SGD(encoder.parameters(), 0.0)
            for key, optimizer in optimizers.items()
        }
        encoder.update(batch(SHAPE), alone, generator())
        moved = {key for key, value in encoder.named_parameters() if not value.equal(before[key])}
        assert {key.split(".")[0] for key in moved} == parts


def test_the_adversary_goes_at_its_own_rate() -> None:
    """Adam's first step moves a weight by its rate."""
    encoder = encoders.create("aae", SHAPE, seed=0, settings={"adversary_rate": 0.25})
    before = encoder.discriminator[0].weight.detach().clone()
    encoder.update(batch(SHAPE), encoder.optimizers(1e-3), generator())
    moved = (encoder.discriminator[0].weight - before).abs()
    assert moved.max().item() == pytest.approx(0.25e-3, rel=1e-3)


def test_the_discriminator_learns_to_tell_codes_from_the_prior() -> None:
    """Codes that stay where they are: its accuracy goes to one, its loss towards zero."""
    encoder = encoders.create("aae", SHAPE, seed=0, settings={**TOY, "adversary_rate": 1.0})
    optimizers = encoder.optimizers(3e-3)
    with torch.no_grad():
        encoder.to_code.head[-1].bias += 6.0
    for name in ("main", "generator"):
        optimizers[name] = torch.optim.SGD(encoder.parameters(), 0.0)
    rows = [encoder.update(batch(SHAPE), optimizers, generator(seed)) for seed in range(60)]
    assert rows[0]["discriminator"] == pytest.approx(2 * math.log(2), abs=0.5)
    assert rows[-1]["discriminator"] < 0.2
    assert rows[-1]["discriminator_accuracy"] > 0.95


def test_any_sampler_can_be_the_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    def ring(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
        drawn = torch.randn(count, size, generator=generator)
        return 3 * drawn / drawn.norm(dim=1, keepdim=True)

    with pytest.raises(DsaeError, match="prior = ring: choose from gaussian, mixture, swiss_roll"):
        aae.Config(prior="ring")
    monkeypatch.setitem(aae.PRIORS, "ring", ring)
    encoder = aae.Encoder(aae.Config(prior="ring", code=3), SHAPE)
    torch.testing.assert_close(encoder.prior(5, generator()).norm(dim=1), torch.full((5,), 3.0))
    expected = encoder.decode(ring(5, 3, generator()))
    torch.testing.assert_close(encoder.sample(5, generator()), expected)


def test_a_gaussian_posterior_reports_its_kl() -> None:
    encoder = encoders.create("aae", SHAPE, seed=0, settings={"posterior": "gaussian", "code": 4})
    terms = encoder.update(batch(SHAPE), encoder.optimizers(1e-3), generator())
    assert terms["kl"] > 0
    assert "kl/03" in terms
