import torch
from blobs import batch, film, noise

from dsae import encoders
from dsae.encoder import Data, as_float
from dsae.encoders.keynet import Encoder
from dsae.nn.background import shrink

SHAPE = (48, 80, 3)


def prepared(**settings: object) -> Encoder:
    encoder = encoders.create("keynet", SHAPE, seed=0, settings=settings)
    assert isinstance(encoder, Encoder)
    encoder.prepare(Data(film(SHAPE).frames))
    return encoder


def test_loss_is_the_error_of_frames_drawn_from_their_points_and_the_next_windows_look() -> None:
    encoder = prepared(foreground_weight=0.0)
    windows = batch(SHAPE, windows=2)
    terms = encoder.loss(windows, torch.Generator())
    images = as_float(windows.images.flatten(0, 1))
    target = shrink(images, encoder.target)
    points = encoder.features_of(images).points
    assert points is not None
    drawn = encoder.draw(points, target[[4, 5, 3, 1, 2, 0]])
    torch.testing.assert_close(terms["loss"], ((drawn - target) ** 2).mean())


def test_points_learn_from_the_target_alone() -> None:
    encoder = prepared()
    seen: list[torch.Tensor] = []

    def watch(module: object, inputs: object, output: torch.Tensor) -> None:
        output.register_hook(seen.append)

    encoder.trunk.register_forward_hook(watch)
    points = encoder.features_of(as_float(noise(SHAPE, 4))).points
    assert points is not None
    # Drawn is the second half; the first half is looked at as its source.
    source = shrink(as_float(noise(SHAPE, 4)), encoder.target)[:2]
    encoder.draw(points[2:], source).square().sum().backward()
    assert seen[0][:2].abs().max() == 0
    assert seen[0][2:].abs().max() > 0
    assert all(p.grad is not None for p in encoder.appearance.parameters())


def test_it_decodes_onto_the_median_image() -> None:
    encoder = prepared().eval()
    features = encoder.encode(noise(SHAPE, 3)).features
    drawn = encoder.decode(features)
    median = encoder.background.median.expand(3, -1, -1, -1)
    torch.testing.assert_close(drawn, encoder.draw(features.unflatten(1, (-1, 2)), median))
    assert drawn.shape == (3, 3, 24, 40)


def test_the_source_decides_how_the_drawing_looks() -> None:
    encoder = prepared().eval()
    points = torch.zeros(2, 16, 2)
    first, second = encoder.draw(points, as_float(noise((24, 40, 3), 2)))
    assert not torch.allclose(first, second)
