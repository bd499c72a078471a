import pytest
import torch
from blobs import batch, film, noise
from torch import nn

from dsae import encoders
from dsae.encoder import Batch, Data, Encoder, as_float
from dsae.errors import EncoderError
from dsae.losses import slowness
from dsae.nn.background import shrink

SHAPE = (48, 80, 3)


def prepared(name: str = "dsae", **settings: object) -> Encoder:
    encoder = encoders.create(name, SHAPE, seed=0, settings=settings)
    encoder.prepare(Data(film(SHAPE).frames))
    return encoder


def test_published_network_has_the_published_shapes() -> None:
    encoder = encoders.create("dsae:finn2016", (240, 240, 3), seed=0).eval()
    seen = []
    for module in encoder.trunk.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *args: seen.append(tuple(args[2].shape[1:])))
    encoding = encoder.encode(noise((240, 240, 3), 1))
    assert seen == [(64, 117, 117), (32, 113, 113), (16, 109, 109)]
    assert encoding.features.shape == (1, 32)
    assert encoding.maps is not None
    assert encoding.maps.shape == (1, 16, 109, 109)
    assert encoder.decode(encoding.features).shape == (1, 1, 60, 60)
    assert encoder.softmax.log_temperature.item() == 0  # temperature 1


@pytest.mark.parametrize(("bias", "count"), [(False, 192_433), (True, 192_545)])
def test_published_network_has_the_published_number_of_parameters(bias: bool, count: int) -> None:
    settings = {"convolution_bias": bias}
    encoder = encoders.create("dsae:finn2016", (240, 240, 3), seed=0, settings=settings)
    trainable = {name: p for name, p in encoder.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in trainable.values()) == count
    assert {name.partition(".")[0] for name in trainable} == {"trunk", "softmax", "decoder"}


def test_published_decoder_is_one_linear_layer_without_background() -> None:
    encoder = prepared("dsae:finn2016").eval()
    features = torch.randn(2, 3, 32)
    ends = encoder.decode(features[0]), encoder.decode(features[1])
    between = encoder.decode(features.mean(dim=0))
    torch.testing.assert_close(between, (ends[0] + ends[1]) / 2)
    assert encoder.background.image.abs().max() == 0


def test_published_loss_is_the_papers() -> None:
    encoder = prepared("dsae:finn2016", slowness=0.5)
    windows = batch(SHAPE)
    terms = encoder.loss(windows, torch.Generator())
    images = as_float(windows.images.flatten(0, 1))
    encoding = encoder.features_of(images)
    assert encoding.points is not None
    error = ((encoder.decode(encoding.features) - shrink(images, (1, 12, 20))) ** 2).mean()
    slow = slowness(encoding.points.unflatten(0, (4, 3)))
    torch.testing.assert_close(terms["loss"], error + 0.5 * slow)


def test_features_are_the_points_one_after_the_other() -> None:
    encoding = prepared().encode(noise(SHAPE, 2))
    assert encoding.points is not None
    assert torch.equal(encoding.features[:, 4:6], encoding.points[:, 2])


@pytest.mark.parametrize(
    ("shape", "maps"),
    [
        ((32, 32, 3), (16, 16)),
        ((64, 64, 3), (32, 32)),
        ((128, 128, 3), (32, 32)),
        ((48, 80, 3), (24, 40)),
        ((96, 64, 3), (48, 32)),
    ],
)
def test_light_trunk_keeps_maps_of_about_32_cells(
    shape: tuple[int, int, int], maps: tuple[int, int]
) -> None:
    encoding = encoders.create("dsae", shape, seed=0).encode(noise(shape, 1))
    assert encoding.maps is not None
    assert encoding.maps.shape[-2:] == maps


def test_learned_background_begins_at_the_median() -> None:
    encoder = prepared()
    target = shrink(as_float(torch.from_numpy(film(SHAPE).frames)), encoder.target)
    torch.testing.assert_close(encoder.background.image.detach(), target.median(dim=0).values)
    assert encoder.background.image.requires_grad


def test_balanced_error_counts_the_foreground_more() -> None:
    plain, balanced = (
        prepared(foreground_weight=w).loss(batch(SHAPE), torch.Generator()) for w in (0.0, 0.9)
    )
    # Nothing is drawn yet but the background, so all the error is in the disc.
    assert balanced["reconstruction"] > 5 * plain["reconstruction"]


def test_balance_switches_itself_off_for_a_moving_camera() -> None:
    windows = Batch(noise(SHAPE, 12).unflatten(0, (4, 3)))
    terms = []
    for weight in (0.0, 0.9):
        encoder = encoders.create("dsae", SHAPE, seed=0, settings={"foreground_weight": weight})
        encoder.prepare(Data(noise(SHAPE, 50).numpy()))
        assert not encoder.background.explains
        terms.append(encoder.loss(windows, torch.Generator())["reconstruction"])
    assert torch.equal(*terms)


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(EncoderError, match="images of 14×64 are too small"):
        encoders.create("dsae:finn2016", (14, 64, 3), seed=0)


def test_the_trunk_waits_for_the_decoder_and_then_joins_by_and_by() -> None:
    encoder = prepared(waiting=0.2, easing=0.4).train()
    optimizers = encoder.optimizers(1e-3)

    def changed(progress: float) -> tuple[bool, bool, float]:
        for group in optimizers["main"].param_groups:
            group["lr"] = 1e-3
        before = {name: value.clone() for name, value in encoder.named_parameters()}
        seen = batch(SHAPE)._replace(progress=progress)
        encoder.update(seen, optimizers, torch.Generator().manual_seed(0))
        moved = {k for k, v in encoder.named_parameters() if not torch.equal(v, before[k])}
        trunk = {name for name in moved if name.startswith(("trunk", "softmax"))}
        return bool(trunk), bool(moved - trunk), optimizers["main"].param_groups[0]["lr"]

    assert changed(0.0) == (False, True, 0)
    assert changed(0.19) == (False, True, 0)
    assert changed(0.4) == (True, True, pytest.approx(0.5e-3))
    assert changed(0.6) == (True, True, pytest.approx(1e-3))
    assert changed(0.99) == (True, True, pytest.approx(1e-3))
    published = prepared("dsae:finn2016")
    assert published.config.waiting == published.config.easing == published.config.jump == 0
