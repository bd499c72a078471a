"""`view`: the page, and what it asks for, over HTTP from a real process."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from terminal import Made
from visitor import Page, picture, viewing

import dsae
from data.dataset import Dataset
from data.episode import Episode, write
from data.index import episode_path
from dsae import overlay, pictures
from dsae.__main__ import main
from dsae.coordinates import to_pixels, to_points
from dsae.state.presence import softmax_mass
from dsae.viewer.app import PAGE


@pytest.fixture(scope="module")
def points(made: Made) -> Iterator[Page]:
    with viewing(made.dsae) as page:
        yield page


@pytest.fixture(scope="module")
def numbers(made: Made) -> Iterator[Page]:
    with viewing(made.vae) as page:
        yield page


def test_the_page_is_whole_and_asks_nobody_else(points: Page) -> None:
    page = points.ask("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    text = page.body.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {"page.css", "main.js"} <= set(assets)
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|url\(|@import", text), path.name
        for module in re.findall(r'from "\./([^"]+)"', text):
            assert points.ask(f"/{module}").headers["content-type"].startswith("text/javascript")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert set(re.findall(r"(?:script|style|connect)-src ([^;]+)", policy)) == {"'self'"}


def test_the_page_knows_every_element_that_its_scripts_name() -> None:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    there = set(re.findall(r'id="([^"]+)"', page))
    for path in PAGE.glob("*.js"):
        named = re.findall(r'(?:\$|getElementById)\("([^"]+)"\)', path.read_text(encoding="utf-8"))
        assert set(named) <= there, path.name


def test_every_episode_is_listed_with_its_end(points: Page, made: Made) -> None:
    about = points.get("/api/run")
    dataset = Dataset.open(made.data)
    held_out = dataset.split(0.1)[1]
    assert about["encoder"] == "dsae"
    assert about["camera"] == "front"
    assert about["image"] == {"height": 32, "width": 32}
    assert about["start"] == held_out[0]
    assert about["episodes"] == [
        {
            "number": number,
            "length": 25,
            "success": dataset.header(number)["meta"]["success"],
            "held_out": number in held_out,
        }
        for number in range(6)
    ]
    assert [point["colour"] for point in about["points"]] == [
        f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in overlay.colours(16)
    ]
    assert about["movable"]
    assert about["numbers"] == []


def test_points_masses_and_truth_are_those_of_the_encoder_and_the_data(
    points: Page, made: Made
) -> None:
    shown = points.get("/api/episodes/2")
    recorded = Dataset.open(made.data).read(2)
    encoder = dsae.load(made.dsae)
    code = encoder.encode(recorded.images["front"])
    assert code.points is not None
    assert code.maps is not None
    mass = softmax_mass(code.points, code.maps, encoder.point_grid)
    np.testing.assert_allclose(shown["points"], code.points.numpy(), atol=1e-5)
    np.testing.assert_allclose(shown["mass"], mass.numpy(), atol=1e-5)
    truth = np.array(shown["truth"])
    pixels = recorded.keypoints["front"]
    np.testing.assert_allclose(to_pixels(truth[..., :2], 32, 32), pixels[..., :2], atol=1e-4)
    np.testing.assert_array_equal(truth[..., 2], pixels[..., 2])
    names = [name.replace("_", " ") for name in recorded.keypoint_names]
    assert points.get("/api/run")["truth_names"] == names
    assert shown["fps"] == 20


def test_a_frame_comes_with_its_drawing_and_its_maps(points: Page, made: Made) -> None:
    frames = Dataset.open(made.data).read(2).images["front"]
    encoder = dsae.load(made.dsae)
    for t in (0, 24):
        shown = points.get(f"/api/episodes/2/frames/{t}")
        code = encoder.encode(frames[t : t + 1])
        assert code.maps is not None
        np.testing.assert_array_equal(picture(shown["picture"]), frames[t])
        np.testing.assert_allclose(shown["code"], code.features[0].numpy(), atol=1e-5)
        drawn = pictures.drawn(encoder, code.features)[0][0].astype(int)
        assert np.abs(picture(shown["drawn"]) - drawn).max() <= 1  # rounded differently at most
        height, width = shown["maps"]["height"], shown["maps"]["width"]
        levels = np.frombuffer(base64.b64decode(shown["maps"]["levels"]), np.uint8)
        peaks = code.maps[0].amax(dim=(1, 2), keepdim=True)
        expected = 255 * (code.maps[0] / peaks).numpy()
        np.testing.assert_allclose(levels.reshape(16, height, width), expected, atol=1)


@pytest.fixture(scope="module")
def drawing(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An encoder that has learned enough for its points to leave something in the drawing."""
    folder = tmp_path_factory.mktemp("drawing") / "run"
    steps = ["--steps", "30", "--batch", "4", "--learning-rate", "0.02", "--threads", "1"]
    assert main(["train", "dsae", str(made.data), *steps, "--out", str(folder)]) == 0
    with viewing(folder) as page:
        yield page


def test_a_moved_point_changes_the_drawing_where_it_was_and_where_it_is(drawing: Page) -> None:
    encoded = picture(drawing.get("/api/episodes/1/frames/10")["drawn"])
    np.testing.assert_array_equal(drawing.drawn(1, 10, {}), encoded)
    places = (-0.8, -0.8), (-0.8, -0.4)
    before, after = (drawing.drawn(1, 10, {8: x, 9: y}).astype(int) for x, y in places)
    difference = np.abs(after - before).max(axis=2)
    height, width = difference.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    pixels = to_points(np.stack([columns, rows], axis=-1).astype(float), height, width)
    first, second = (np.linalg.norm(pixels - place, axis=-1) for place in places)
    assert difference[first < 0.25].max() >= 3
    assert difference[second < 0.25].max() >= 3
    # A blob of σ = 0.1 is gone after 4 σ; two convolutions of its 8×8 cells, enlarged to 16×16
    # and convolved twice more, reach at most 4 cells of 2 / 8 each.
    far = np.minimum(first, second) > 4 * 0.1 + 4 * 2 / 8
    assert far.mean() > 0.1
    assert difference[far].max() == 0


def test_a_code_without_points_has_sliders_instead(numbers: Page, made: Made) -> None:
    about = numbers.get("/api/run")
    assert about["points"] == []
    assert not about["movable"]
    assert about["code_size"] == len(about["numbers"]) == 32
    carried = [float(slider["carries"].removesuffix(" nats")) for slider in about["numbers"]]
    assert carried == sorted(carried, reverse=True)
    shown = numbers.get("/api/episodes/0")
    assert shown["points"] is shown["mass"] is None
    frame = numbers.get("/api/episodes/0/frames/5")
    assert frame["maps"] is None
    encoder = dsae.load(made.vae)
    code = encoder.encode(Dataset.open(made.data).read(0).images["front"][5:6]).features
    moved = {about["numbers"][0]["number"]: 3.0, 7: -2.0}
    for number, value in moved.items():
        code[0, number] = value
    expected = pictures.drawn(encoder, code)[0][0].astype(int)
    drawn = numbers.drawn(0, 5, moved)
    assert np.abs(drawn - expected).max() <= 1
    assert (drawn != picture(frame["drawn"])).any()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Video of two cameras, without a task, a robot or ground truth."""
    folder = tmp_path_factory.mktemp("plain")
    random = np.random.default_rng(0)
    for number in range(3):
        images = {
            name: random.integers(0, 255, (6, 24, 40, 3), dtype=np.uint8) for name in ("left", "up")
        }
        write(episode_path(folder, number), Episode(images=images))
    return folder


def test_video_without_truth_is_seen_through_the_camera_of_the_training(
    plain: Path, tmp_path: Path
) -> None:
    steps = ["--steps", "2", "--batch", "2", "--threads", "1", "--held-out", "0.34"]
    call = ["train", "dsae", str(plain), "--camera", "up", *steps, "--out", str(tmp_path / "up")]
    assert main(call) == 0
    frames = Dataset.open(plain).read(2).images
    with viewing(tmp_path / "up") as page:
        about, shown = page.get("/api/run"), page.get("/api/episodes/2")
        assert about["camera"] == "up"
        assert about["truth_names"] == []
        assert {entry["success"] for entry in about["episodes"]} == {None}
        assert shown["truth"] is None
        seen = page.get("/api/episodes/2/frames/4")
        np.testing.assert_array_equal(picture(seen["picture"]), frames["up"][4])
    with viewing(tmp_path / "up", "--camera", "left", "--data", plain) as page:
        assert page.get("/api/run")["camera"] == "left"
        seen = page.get("/api/episodes/2/frames/4")
        np.testing.assert_array_equal(picture(seen["picture"]), frames["left"][4])


def test_of_a_state_the_page_says_which_points_are_kept(made: Made, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert main(["state", str(made.dsae), "--threads", "1", "--out", str(state)]) == 0
    with viewing(state) as page:
        about = page.get("/api/run")
    written = json.loads((state / "points.json").read_text())["front"]
    thresholds = [point["threshold"] for point in about["points"]]
    np.testing.assert_allclose(thresholds, written["presence_thresholds"], rtol=1e-6)
    assert [point["reason"] for point in about["points"]] == [
        score["reason"] for score in written["scores"]
    ]
    assert {point["kept"] for point in about["points"]} <= {True, False}
