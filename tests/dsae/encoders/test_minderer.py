import pytest
import torch
from blobs import batch, film, noise
from torch.nn.functional import softplus

from dsae import encoders, losses
from dsae.encoder import Data, as_float
from dsae.encoders.minderer import Encoder
from dsae.errors import DsaeError
from dsae.nn.background import shrink

SHAPE = (48, 80, 3)
CELLS = (24, 40)


def prepared(**settings: object) -> Encoder:
    encoder = encoders.create("minderer", SHAPE, seed=0, settings=settings)
    assert isinstance(encoder, Encoder)
    encoder.prepare(Data(film(SHAPE).frames))
    return encoder


class Activations(torch.nn.Module):
    """A trunk whose maps are given."""

    def __init__(self, like: torch.nn.Module, maps: torch.Tensor) -> None:
        super().__init__()
        self.grid, self.maps = like.grid, maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.maps.expand(len(images), -1, -1, -1)


def detected(heat: torch.Tensor):  # type: ignore[no-untyped-def]
    """Return what is detected in maps (K, h, w) of activations after the softplus."""
    encoder = prepared(points=len(heat))
    encoder.trunk = Activations(encoder.trunk, torch.log(torch.expm1(heat)).unsqueeze(0))
    return encoder.point_grid, *encoder.detect(torch.zeros(1, 3, 48, 80))


def test_points_are_centres_of_mass_and_intensities_mean_activations() -> None:
    heat = torch.zeros(2, *CELLS, dtype=torch.float64)
    heat[0, 3, 10], heat[0, 7, 10] = 30.0, 10.0
    heat[1, 20, 5] = 8.0
    grid, encoding, raw = detected(heat)
    x, y = grid.axes(*CELLS)
    expected = torch.stack([x[10], 0.75 * y[3] + 0.25 * y[7], x[5], y[20]])
    # The 1e-6 that every cell is given pulls the points towards the middle a little.
    torch.testing.assert_close(encoding.points.flatten().float(), expected, atol=3e-4, rtol=0)
    mean = torch.tensor([[40.0, 8.0]]).double() / (24 * 40)
    torch.testing.assert_close(raw, mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        encoding.features[0, 4:], torch.tensor([1.0, 0.2]).double(), atol=1e-4, rtol=0
    )


def test_maps_without_any_activation_are_safe() -> None:
    encoder = prepared(points=2)
    encoder.trunk = Activations(encoder.trunk, torch.full((1, 2, *CELLS), -1e4))
    encoding, _ = encoder.detect(torch.zeros(1, 3, 48, 80))
    middle = torch.stack([axis.mean() for axis in encoder.point_grid.axes(*CELLS)])
    torch.testing.assert_close(encoding.points, middle.expand(1, 2, 2), atol=1e-5, rtol=0)
    assert encoding.features[0, 4:].tolist() == [1, 1]


def test_its_maps_are_the_activations_divided_by_their_sum() -> None:
    encoder = prepared().eval()
    images = as_float(noise(SHAPE, 2))
    heat = softplus(encoder.trunk(images))
    maps = encoder.features_of(images).maps
    torch.testing.assert_close(maps, heat / heat.sum((-2, -1), keepdim=True), atol=1e-5, rtol=1e-4)
    assert not encoder.softmax.log_temperature.requires_grad


def test_features_are_the_points_and_then_their_intensities() -> None:
    encoding = prepared().encode(noise(SHAPE, 2))
    assert encoding.points is not None
    assert encoding.features.shape == (2, 48)
    assert torch.equal(encoding.features[:, 4:6], encoding.points[:, 2])
    assert (encoding.features[:, 32:].amax(dim=1) == 1).all()
    assert encoding.features[:, 32:].min() > 0


def test_a_point_without_intensity_is_not_drawn() -> None:
    encoder = prepared(points=2).eval()
    features = torch.tensor([[0.1, 0.2, -0.3, 0.4, 1, 0], [0.1, 0.2, 0.9, -0.9, 1, 0]])
    blobs = encoder.scaled_blobs(features)
    torch.testing.assert_close(blobs[0], blobs[1])
    assert blobs[:, 1].abs().max() == 0
    faint = torch.tensor([[0.1, 0.2, -0.3, 0.4, 0.5, 0]])
    torch.testing.assert_close(encoder.scaled_blobs(faint)[0, 0], 0.5 * blobs[0, 0])
    first, second = encoder.decode(features)
    torch.testing.assert_close(first, second)


def test_only_the_difference_from_the_source_is_painted() -> None:
    encoder = prepared().eval()
    for parameter in encoder.paint[-1].parameters():
        parameter.data.zero_()
    source = as_float(noise((24, 40, 3), 2))
    blobs = torch.rand(2, 16, 12, 20)
    assert torch.equal(encoder.draw(blobs, source, blobs), source)
    assert torch.equal(
        encoder.decode(torch.rand(2, 48)), encoder.background.median.expand(2, -1, -1, -1)
    )


def test_frames_are_drawn_from_both_frames_maps_and_the_source() -> None:
    encoder = prepared(foreground_weight=0.0)
    windows = batch(SHAPE, windows=2)
    terms = encoder.loss(windows, torch.Generator())
    images = as_float(windows.images.flatten(0, 1))
    target = shrink(images, encoder.target)
    blobs = encoder.scaled_blobs(encoder.features_of(images).features)
    source = [4, 5, 3, 1, 2, 0]
    drawn = encoder.draw(blobs, target[source], blobs[source])
    torch.testing.assert_close(terms["reconstruction"], ((drawn - target) ** 2).mean())


@pytest.mark.parametrize(("trajectories", "steps"), [("batch", (1, 12)), ("window", (4, 3))])
def test_loss_adds_up(trajectories: str, steps: tuple[int, int]) -> None:
    encoder = prepared(separation=0.3, sparsity=0.2, trajectories=trajectories)
    windows = batch(SHAPE)
    terms = encoder.loss(windows, torch.Generator())
    encoding, raw = encoder.detect(as_float(windows.images.flatten(0, 1)))
    assert encoding.points is not None
    separation = losses.separation(encoding.points.unflatten(0, steps), 0.1)
    torch.testing.assert_close(terms["separation"], separation)
    torch.testing.assert_close(terms["sparsity"], raw.mean())
    total = terms["reconstruction"] + 0.3 * separation + 0.2 * raw.mean()
    torch.testing.assert_close(terms["loss"], total)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(DsaeError, match="separation"):
        encoders.create("minderer", SHAPE, seed=0, settings={"separation": -1.0})
