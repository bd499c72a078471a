from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dsae import overlay
from dsae.coordinates import to_points
from dsae.errors import DsaeError

HEIGHT, WIDTH = 48, 80
FACTOR = 8  # 48 · 8 = 384


def drawn(
    pixels: list[list[list[float]]], mass: float = 1.0, **options: object
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points, given as (T, K, 2) pixels, on black frames; return the picture and colours."""
    points = to_points(np.array(pixels, dtype=float), HEIGHT, WIDTH)
    frames = np.zeros((len(points), HEIGHT, WIDTH, 3), np.uint8)
    masses = np.full(points.shape[:2], mass)
    picture = overlay.draw_points(frames, points, masses, **options)  # type: ignore[arg-type]
    return picture, np.array(overlay.colours(points.shape[1]))


def centre(x: float, y: float) -> tuple[int, int]:
    """Row and column, in the enlarged picture, of the centre of a pixel."""
    return round((y + 0.5) * FACTOR - 0.5), round((x + 0.5) * FACTOR - 0.5)


def test_a_point_is_drawn_in_its_colour_where_it_is() -> None:
    places = [[10.0, 40.0], [70.0, 5.0], [40.5, 20.25]]
    pictures, colours = drawn([places])
    assert pictures.shape == (1, HEIGHT * FACTOR, WIDTH * FACTOR, 3)
    for (x, y), colour in zip(places, colours, strict=True):
        np.testing.assert_allclose(pictures[0][centre(x, y)], colour, atol=2)
    rows, columns = np.nonzero(pictures[0].any(axis=2))
    nearest = np.min(
        [np.hypot(rows - centre(x, y)[0], columns - centre(x, y)[1]) for x, y in places], axis=0
    )
    assert nearest.max() < FACTOR  # nothing is drawn anywhere else


def test_a_point_fades_with_its_mass() -> None:
    here = centre(20, 10)
    brightness = [int(drawn([[[20, 10]]], mass)[0][0][here].max()) for mass in (1.0, 0.5, 0.0)]
    assert brightness[0] == 255
    assert brightness[1] == pytest.approx(255 * (overlay.FAINT + (1 - overlay.FAINT) / 2), abs=2)
    assert brightness[2] == pytest.approx(255 * overlay.FAINT, abs=2)


def test_a_trail_leads_back_as_far_as_asked() -> None:
    path = [[[10.0 + 6 * t, 24.0]] for t in range(8)]
    picture = drawn(path, trail=3)[0][-1]
    row, _ = centre(0, 24)
    for t, there in ((7, False), (6, True), (5, True), (4, True), (3, False), (0, False)):
        column = centre(10 + 6 * t + 1, 0)[1]
        assert bool(picture[row, column].any()) == there, t


def test_a_label_makes_a_point_larger_and_names_it() -> None:
    plain, labelled = drawn([[[40, 24]]])[0], drawn([[[40, 24]]], labels={0: "block"})[0]
    row, column = centre(40, 24)
    beside = (slice(None), slice(row - 30, row + 5), slice(column + 12, None))
    assert not plain[beside].any()
    assert (labelled[beside] > 128).all(-1).sum() > 50  # white letters
    assert np.count_nonzero(labelled) > np.count_nonzero(plain)


def test_frames_are_left_alone_and_read_only_ones_will_do() -> None:
    frames = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)
    frames.flags.writeable = False
    overlay.draw_points(frames, np.zeros((1, 2, 2)), np.ones((1, 2)))
    assert (frames == 90).all()


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (33, 51), (500, 401)])
def test_enlarged_frames_have_even_sides_and_whole_pixels(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2, *size, 3), dtype=np.uint8)
    large = overlay.enlarge(frames)
    height, width = large.shape[1:3]
    assert height % 2 == width % 2 == 0
    assert min(height, width) >= overlay.SIDE
    factor = round(height / size[0])
    np.testing.assert_array_equal(
        large[:, ::factor, ::factor], frames[:, : -(-height // factor), : -(-width // factor)]
    )


def test_neighbouring_colours_differ() -> None:
    colours = np.array(overlay.colours(16))
    apart = np.abs(colours[:, None] - colours[None]).max(-1)
    assert (apart + 255 * np.eye(16)).min() > 20
    assert np.diagonal(apart, offset=1).min() > 80


def test_maps_glow_where_their_mass_is() -> None:
    maps = np.zeros((2, 5, 24, 40), np.float32)
    maps[:, 0, 6, 30] = 1.0
    sheet = overlay.draw_maps(np.zeros((2, HEIGHT, WIDTH, 3), np.uint8), maps, columns=3)
    assert sheet.shape[0] == 2
    tile_height, tile_width = HEIGHT * 4, WIDTH * 4  # 48 · 4 = 192
    assert sheet.shape[1:3] == (4 + 2 * (tile_height + 4), 4 + 3 * (tile_width + 4))
    tile = sheet[0, 4 : 4 + tile_height, 4 : 4 + tile_width].sum(axis=2)
    row, column = np.unravel_index(tile.argmax(), tile.shape)
    assert row == pytest.approx(6.5 * 8, abs=8)
    assert column == pytest.approx(30.5 * 8, abs=8)


def film(count: int = 7) -> np.ndarray:
    frames = np.full((count, 96, 128, 3), 40, np.uint8)
    for t, frame in enumerate(frames):
        frame[30:60, 10 * t : 10 * t + 30] = (200, 60, 30)
    return frames


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_can_be_read_again(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"film{suffix}"
    overlay.write(path, film(), fps=20)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate or 0) == pytest.approx(20)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.stack(frames).shape == (7, 96, 128, 3)
    np.testing.assert_allclose(frames[3][45, 45], (200, 60, 30), atol=40)
    np.testing.assert_allclose(frames[3][80, 100], (40, 40, 40), atol=40)


def test_a_png_is_a_grid_from_the_first_to_the_last_frame(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    overlay.write(path, film(40), fps=20)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (4 + 4 * 100, 4 + 4 * 132, 3)
    np.testing.assert_array_equal(picture[4:100, 4:132, ::-1], film(40)[0])
    np.testing.assert_array_equal(picture[304:400, 400:528, ::-1], film(40)[-1])


def test_another_ending_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(DsaeError, match=r"cannot write 'film.avi': .* \.mp4, \.gif, \.png"):
        overlay.write(tmp_path / "film.avi", film(), fps=20)
    assert list(tmp_path.iterdir()) == []
