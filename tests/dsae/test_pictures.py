from typing import Any

import numpy as np
import pytest
import torch

from dsae import encoders, pictures
from dsae.encoder import Batch, Encoder, Encoding, as_float
from dsae.errors import EncoderError
from dsae.latent import VariationalEncoder
from dsae.sheet import CELL, arranged, sheet, square

H, W = 4, 6


class OnePixelEach(Encoder):
    """Number i of the code is pixel i of a grey image; the robot's state is added to all."""

    def __init__(self, channels: int = 1, code: int = H * W) -> None:
        super().__init__(None, (H, W, channels))
        self.norm = torch.nn.BatchNorm2d(channels)  # for what training mode would change
        self.code = code

    @property
    def feature_size(self) -> int:
        return self.code

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(images[:, 0].flatten(1)[:, : self.code])

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        assert not self.training
        drawn = torch.zeros(len(features), 1, H * W)
        drawn[:, 0, : self.code] = features
        if robot is not None:
            drawn += robot.sum(dim=1)[:, None, None]
        return drawn.unflatten(2, (H, W))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError


class Blind(OnePixelEach):
    """Neither draws nor imagines."""

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        raise NotImplementedError


def frames(count: int = 5, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, H, W, channels), dtype=np.uint8)


def made(name: str, **settings: Any) -> Encoder:
    return encoders.create(name, (32, 40, 3), seed=0, settings=settings)


def video(count: int = 24) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 32, 40, 3), dtype=np.uint8)


def test_pixels_are_scaled_clipped_and_grey_is_three_channels() -> None:
    images = torch.tensor([-0.5, 0.0, 0.5, 1.0, 7.0]).reshape(1, 1, 1, 5)
    pixels = pictures.to_pixels(images)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(
        pixels[0, 0], np.array([0, 0, 128, 255, 255])[:, None].repeat(3, 1)
    )
    colour = torch.rand(2, 3, H, W)
    np.testing.assert_allclose(
        pictures.to_pixels(colour), 255 * colour.permute(0, 2, 3, 1), atol=0.5
    )


def test_frames_stand_above_what_is_drawn_of_them() -> None:
    both = pictures.reconstructions(OnePixelEach(), frames())
    assert both.shape == (2, 5, H, W, 3)
    np.testing.assert_array_equal(both[0], frames().repeat(3, axis=3))
    np.testing.assert_array_equal(both[1], both[0])
    shifted = pictures.reconstructions(OnePixelEach(), 0 * frames(), torch.full((5, 2), 0.1))
    assert (shifted[1] == 51).all()


def test_frames_are_shown_as_large_as_the_decoder_draws() -> None:
    both = pictures.reconstructions(made("vae"), video(3))
    assert both.shape == (2, 3, 16, 20, 3)
    means = video(3).reshape(3, 16, 2, 20, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(both[0], means, atol=1)


def test_moving_one_number_changes_one_pixel() -> None:
    code = torch.full((H * W,), 0.2)
    encoder = OnePixelEach().train()
    moved = pictures.traversal(encoder, code, [7, 3], torch.tensor([0.0, 0.2, 1.0]))
    assert moved.shape == (2, 3, H, W, 3)
    for row, number in enumerate((7, 3)):
        for column, value in enumerate((0, 51, 255)):
            expected = np.full(H * W, 51)
            expected[number] = value
            np.testing.assert_array_equal(moved[row, column, ..., 0].ravel(), expected)
    assert encoder.training  # as it was
    assert (code == 0.2).all()


def test_each_number_may_take_values_of_its_own_beside_the_robots_state() -> None:
    moved = pictures.traversal(
        OnePixelEach(), torch.zeros(H * W), [0, 1], np.array([[0.0, 0.2], [0.4, 0.6]]),
        torch.tensor([[0.2, 0.2]]),
    )  # fmt: skip
    np.testing.assert_array_equal(moved[0, :, 0, 0, 0], [102, 153])
    np.testing.assert_array_equal(moved[1, :, 0, 1, 0], [204, 255])
    assert (moved[:, :, 1:] == 102).all()


@pytest.mark.parametrize("number", [-1, H * W])
def test_a_number_that_the_code_does_not_have(number: int) -> None:
    with pytest.raises(EncoderError, match=rf"no number {number}: they are 0 to {H * W - 1}"):
        pictures.traversal(OnePixelEach(), torch.zeros(H * W), [number], torch.zeros(2))


def test_an_interpolation_is_a_straight_line() -> None:
    start, end = torch.zeros(H * W), torch.linspace(0, 1, H * W)
    row = pictures.interpolation(OnePixelEach(), start, end, 6)
    assert row.shape == (6, H, W, 3)
    for share, picture in zip(np.linspace(0, 1, 6), row, strict=True):
        np.testing.assert_allclose(picture[..., 0].ravel(), 255 * share * end.numpy(), atol=0.51)
    robot = torch.tensor([[0.0], [1.0]])
    along = pictures.interpolation(OnePixelEach(), start, start, 6, robot)
    np.testing.assert_allclose(along[:, 0, 0, 0], 255 * np.linspace(0, 1, 6), atol=0.51)


def test_a_manifold_goes_right_and_down_over_the_central_part_of_the_codes() -> None:
    codes = torch.stack([torch.linspace(0, 1, 401), torch.linspace(0.5, 0.7, 401)], dim=1)
    encoder = OnePixelEach(code=2)
    grid = pictures.manifold(encoder, codes, 3)
    assert grid.shape == (3, 3, H, W, 3)
    across, down = 255 * np.array([0.025, 0.5, 0.975]), 255 * np.array([0.505, 0.6, 0.695])
    np.testing.assert_allclose(grid[:, :, 0, 0, 0], np.tile(across, (3, 1)), atol=0.6)
    np.testing.assert_allclose(grid[:, :, 0, 1, 0], np.tile(down, (3, 1)).T, atol=0.6)


def test_a_manifold_of_a_longer_code_needs_two_numbers_named() -> None:
    codes = torch.rand(50, H * W)
    with pytest.raises(EncoderError, match="two numbers of the code, which has 24: say which"):
        pictures.manifold(OnePixelEach(), codes, 3)
    with pytest.raises(EncoderError, match="no number 24"):
        pictures.manifold(OnePixelEach(), codes, 3, (0, 24))
    grid = pictures.manifold(OnePixelEach(), codes, 3, (5, 2))[..., 0].reshape(3, 3, -1)
    others = [i for i in range(H * W) if i not in (2, 5)]
    mean = np.broadcast_to(255 * codes.mean(dim=0).numpy()[others], (3, 3, len(others)))
    np.testing.assert_allclose(grid[:, :, others], mean, atol=0.6)
    assert (np.diff(grid[:, :, 5].astype(int), axis=1) > 0).all()
    assert (np.diff(grid[:, :, 2].astype(int), axis=0) > 0).all()


def test_what_cannot_be_drawn_is_said_in_one_line() -> None:
    with pytest.raises(EncoderError, match=r"^'test_pictures' has no decoder: .*$"):
        pictures.reconstructions(Blind(), frames())
    with pytest.raises(EncoderError, match=r"^'test_pictures' has no prior: .*$"):
        pictures.samples(Blind(), 3, seed=0)


def test_samples_follow_from_the_seed() -> None:
    vae = made("vae")
    first, again, other = (pictures.samples(vae, 5, seed) for seed in (0, 0, 1))
    assert first.shape == (5, 16, 20, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_samples_of_a_conditional_vae_depend_on_the_robot() -> None:
    cvae = encoders.create("cvae", (32, 40, 3), seed=0, sizes={"robot": 2})
    robot = torch.zeros(4, 2)
    plain = pictures.samples(cvae, 4, 0, robot)
    np.testing.assert_array_equal(plain, pictures.samples(cvae, 4, 0))  # their mean is zero here
    moved = pictures.samples(cvae, 4, 0, robot + 100.0)
    assert (moved != plain).any(axis=(1, 2, 3)).all()


def test_numbers_are_in_the_order_of_what_they_carry() -> None:
    images = np.zeros((11, H, W, 1), np.uint8)
    for pixel, range_ in ((3, 100), (8, 200), (20, 50)):
        images.reshape(11, -1)[:, pixel] = np.linspace(0, range_, 11).round()
    first, second, third, *rest = pictures.dimensions(OnePixelEach(), images)
    assert [first.number, second.number, third.number] == [8, 3, 20]
    assert [d.number for d in rest] == sorted(d.number for d in rest)  # equal ones as they come
    assert (first.name, first.unit, first.span) == ("z8", "sd", "data")
    assert first.importance == pytest.approx(200 / 255 * np.linspace(0, 1, 11).std())
    assert (first.low, first.high) == pytest.approx((5 / 255, 195 / 255), abs=1e-6)


def test_a_variational_code_is_ordered_by_kl_and_moved_over_the_prior() -> None:
    vae = made("vae", code=5)
    found = pictures.dimensions(vae, video())
    assert isinstance(vae, VariationalEncoder)
    with torch.no_grad():
        kl = vae.eval().kl(as_float(torch.tensor(video()))).mean(dim=0)
    assert [d.number for d in found] == kl.argsort(descending=True).tolist()
    for dimension in found:
        assert dimension.importance == pytest.approx(float(kl[dimension.number]), rel=1e-4)
        assert dimension[3:] == ("nats", -3, 3, "prior")


def test_a_code_without_noise_or_with_another_prior_is_ordered_by_its_deviation() -> None:
    for name, settings, span in (("infovae:wae", {}, "prior"), ("aae", {}, "data")):
        encoder = made(name, **settings)
        deviation = encoder.encode(video()).features.std(dim=0, correction=0)
        found = pictures.dimensions(encoder, video())
        assert [d.number for d in found] == deviation.argsort(descending=True).tolist(), name
        assert {(d.unit, d.span) for d in found} == {("sd", span)}, name


def test_a_feature_point_is_moved_across_the_image() -> None:
    encoder = made("dsae", points=3)
    grid = encoder.point_grid
    found = {d.number: d for d in pictures.dimensions(encoder, video())}
    assert [found[i].name for i in range(6)] == [
        f"point {k} {axis}" for k in range(3) for axis in "xy"
    ]
    assert (found[2].low, found[2].high) == (grid.left, grid.right)
    assert (found[3].low, found[3].high) == (grid.top, grid.bottom)
    assert {d.span for d in found.values()} == {"image"}


def test_what_a_spatial_code_has_beside_its_points_is_no_place() -> None:
    encoder = made("minderer", points=3)
    found = {d.number: d for d in pictures.dimensions(encoder, video())}
    assert [found[i].name for i in range(5, 9)] == ["point 2 y", "z6", "z7", "z8"]
    assert [found[i].span for i in range(5, 9)] == ["image", "data", "data", "data"]


def test_filters_are_grey_at_zero_and_as_bright_as_their_largest_weight() -> None:
    encoder = made("vae")
    drawn = pictures.filters(encoder)
    convolution = next(m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d))
    weights = convolution.weight.detach().permute(0, 2, 3, 1).numpy()  # (N, k, k, 3)
    assert drawn.shape == weights.shape
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(drawn, 127.5 + 127.5 * weights / largest, atol=0.51)
    with torch.no_grad():
        convolution.weight.zero_()
    assert (pictures.filters(encoder) == 128).all()


def cells(rows: int, columns: int, size: tuple[int, int] = (5, 7)) -> np.ndarray:
    """Pictures of one colour each, none white."""
    shade = np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns, 1, 1, 1) * 3 + 10
    return shade * np.ones((*size, 3), np.uint8)


@pytest.mark.parametrize("size", [(5, 7), (32, 32), (60, 33), (120, 160)])
def test_a_sheet_shows_whole_enlarged_pictures_in_their_order(size: tuple[int, int]) -> None:
    pictures_ = cells(2, 3, size)
    made_ = sheet(pictures_, scale=None)
    assert made_.dtype == np.uint8
    assert made_.shape[0] % 2 == made_.shape[1] % 2 == 0
    factor = -(-CELL // min(size))
    seen: list[tuple[int, int]] = []
    for picture in pictures_.reshape(6, *size, 3):
        rows, columns = np.nonzero((made_ == picture[0, 0]).all(axis=2))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (factor * size[0], factor * size[1])
        assert len(rows) == factor**2 * size[0] * size[1]
        seen.append((rows.min(), columns.min()))
    assert seen == sorted(seen)
    used = 6 * factor**2 * size[0] * size[1]
    assert (made_ == 255).all(axis=2).sum() == made_.shape[0] * made_.shape[1] - used
    assert used / (made_.shape[0] * made_.shape[1]) > 0.85  # no broad borders


def dark(picture: np.ndarray) -> np.ndarray:
    """Rows and columns of ink."""
    return np.argwhere(picture.max(axis=2) < 100)


def test_labels_stand_beside_their_rows_and_above_their_columns() -> None:
    white = np.full((2, 3, 32, 32, 3), 255, np.uint8)
    assert len(dark(sheet(white))) == 0
    rows = sheet(white, rows=["", "second row\nof two"])
    assert dark(rows)[:, 0].min() > rows.shape[0] / 2
    assert dark(rows)[:, 1].max() < rows.shape[1] - 3 * CELL
    columns = sheet(white, columns=["", "b", ""])
    assert dark(columns)[:, 0].max() < 30
    np.testing.assert_allclose(dark(columns)[:, 1].mean(), columns.shape[1] / 2, atol=3)
    each = sheet(white, columns=[[], ["", "b", ""]])
    assert dark(each)[:, 0].min() > CELL
    assert each.shape == columns.shape


def test_a_long_label_stays_above_its_own_picture_and_a_long_title_on_the_sheet() -> None:
    white = np.full((1, 3, 32, 32, 3), 255, np.uint8)
    label = sheet(white, columns=["", "a label of more than its width", ""])
    assert dark(label)[:, 1].min() >= 4 + CELL
    assert dark(label)[:, 1].max() <= 8 + 2 * CELL
    title = "a title that is so long that it has to be broken into several lines of text"
    titled = sheet(white, title=title)
    ink = dark(titled)[:, 1]
    assert ink.min() > 0
    assert ink.max() < titled.shape[1] - 1
    assert titled.shape[1] == sheet(white).shape[1]
    assert titled.shape[0] > sheet(white, title="short").shape[0]


def test_letters_are_large_enough_to_read() -> None:
    white = np.full((1, 1, 32, 32, 3), 255, np.uint8)
    ink = dark(sheet(white, columns=["H"]))[:, 0]
    assert 8 <= np.ptp(ink) + 1 <= 14


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (10, 5), (16, 4), (7, 3), (32, 8), (64, 8)])
def test_pictures_are_arranged_about_square_and_filled_with_white(count: int, columns: int) -> None:
    assert square(count) == columns
    grid = arranged(cells(1, count)[0])
    assert grid.shape[1] == columns
    flat = grid.reshape(-1, 5, 7, 3)
    np.testing.assert_array_equal(flat[:count], cells(1, count)[0])
    assert (flat[count:] == 255).all()
    assert len(flat) - count < columns
