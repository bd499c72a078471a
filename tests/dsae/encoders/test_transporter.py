import torch
from blobs import batch, film, noise

from dsae import encoders
from dsae.encoder import Batch, Data, as_float
from dsae.encoders.transporter import MOMENTUM, Encoder
from dsae.nn.background import shrink
from dsae.nn.transport import transport, union

SHAPE = (48, 80, 3)


def prepared(**settings: object) -> Encoder:
    encoder = encoders.create("transporter", SHAPE, seed=0, settings=settings)
    assert isinstance(encoder, Encoder)
    encoder.prepare(Data(film(SHAPE).frames))
    return encoder


def test_loss_is_the_error_of_painted_transported_features() -> None:
    encoder = prepared(foreground_weight=0.0)
    windows = batch(SHAPE, windows=2)
    terms = encoder.loss(windows, torch.Generator())
    images = as_float(windows.images.flatten(0, 1))
    target = shrink(images, encoder.target)
    features = encoder.appearance(target)
    mask = union(encoder.blobs(encoder.features_of(images).points))
    source = [4, 5, 3, 1, 2, 0]
    moved = transport(features[source], mask[source], features, mask)
    drawn = encoder.background(encoder.paint(moved))
    torch.testing.assert_close(terms["loss"], ((drawn - target) ** 2).mean())


def test_no_gradient_flows_on_the_sources_side() -> None:
    encoder = prepared(foreground_weight=0.0).eval()
    reached: list[torch.Tensor] = []

    def watch(module: object, inputs: object, output: torch.Tensor) -> None:
        if output.requires_grad:
            output.register_hook(reached.append)

    handles = [m.register_forward_hook(watch) for m in (encoder.trunk, encoder.appearance)]
    windows = Batch(noise(SHAPE, 2).unsqueeze(1))  # each frame is the other's source
    encoder.loss(windows, torch.Generator())["loss"].backward()
    for handle in handles:
        handle.remove()
    images = as_float(windows.images.flatten(0, 1))
    target = shrink(images, encoder.target)
    activations, features = encoder.trunk(images), encoder.appearance(target)
    mask = union(encoder.blobs(encoder.softmax(activations)[0]))

    def gradients(source: torch.Tensor, source_mask: torch.Tensor) -> list[torch.Tensor]:
        drawn = encoder.draw(source.flip(0), source_mask.flip(0), features, mask)
        error = ((drawn - target) ** 2).mean()
        return list(torch.autograd.grad(error, (activations, features), retain_graph=True))

    flowing = gradients(features, mask)
    stopped = gradients(features.detach(), mask.detach())
    assert len(reached) == 2
    for gradient, wanted, other in zip(
        sorted(reached, key=lambda g: g.shape[-1], reverse=True), stopped, flowing, strict=True
    ):
        scale = wanted.abs().max()
        torch.testing.assert_close(gradient / scale, wanted / scale, atol=1e-4, rtol=1e-3)
        assert (other - wanted).abs().max() > 0.01 * scale


def test_it_remembers_the_mean_features_at_each_point() -> None:
    encoder = prepared()
    windows = batch(SHAPE, windows=2)
    images = as_float(windows.images.flatten(0, 1))
    with torch.no_grad():
        features = encoder.appearance(shrink(images, encoder.target))
        blobs = encoder.blobs(encoder.features_of(images).points)
        mean = torch.stack(
            [(features * blobs[:, k : k + 1]).sum((0, 2, 3)) / blobs[:, k].sum() for k in range(16)]
        )
        encoder.loss(windows, torch.Generator())
    torch.testing.assert_close(encoder.looks, MOMENTUM * mean)
    encoder.eval().loss(windows, torch.Generator())
    torch.testing.assert_close(encoder.looks, MOMENTUM * mean)


def test_it_sketches_the_remembered_features_at_the_points_on_the_median_image() -> None:
    encoder = prepared(points=1).eval()
    encoder.looks.copy_(torch.randn(1, 16))
    points = torch.tensor([[0.3, -0.4]])
    drawn = encoder.decode(points)
    source = encoder.appearance(encoder.background.median.unsqueeze(0))
    mask = encoder.blobs(points.unsqueeze(1))
    moved = (1 - mask) * source + mask * encoder.looks.view(1, 16, 1, 1)
    expected = encoder.background(encoder.paint(moved))
    torch.testing.assert_close(drawn, expected, atol=1e-5, rtol=1e-5)
