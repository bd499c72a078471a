"""A goal from an image or an episode: shown, listed, and written for a controller."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from states import CAMERAS, LENGTH, SIZE, frames, perception, recorded, run, saved, two_cameras
from terminal import contents

from dsae.coordinates import to_pixels
from dsae.overlay import colours
from dsae.state import artefact
from dsae.state.estimator import StateEstimator
from dsae.state.goals import Goal, distance

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recorded") / "data")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_cameras(tmp_path_factory.mktemp("two") / "state")


def written(path: Path, camera: str = "front") -> tuple[np.ndarray, np.ndarray]:
    goal = json.loads(path.read_text())["cameras"][camera]
    return np.array(goal["points"]), np.array(goal["mask"])


def believed(state: Path, image: np.ndarray, camera: str = "front") -> Any:
    return artefact.load(state).perceptions[camera].see(image[None])


def rows(output: str) -> dict[int, list[str]]:
    """Return the cells of a table's lines by point."""
    found = (re.match(r" *(\d+)  .*", line) for line in output.splitlines())
    return {int(m[1]): m[0].split() for m in found if m}


def test_an_image_becomes_the_points_that_are_kept_and_present_in_it(
    state: Path, tmp_path: Path, capsys: Capture
) -> None:
    shot = frames(1)[5]
    percept = believed(state, shot)
    expected = percept.present[0] & [True, False, True, True]
    Image.fromarray(shot).save(tmp_path / "shot.png")
    out = tmp_path / "new" / "goal.png"
    call = ["goal", tmp_path / "shot.png", "--state", state, "--camera", "front", "--out", out]
    assert run(*call) == 0
    points, mask = written(out.with_suffix(".json"))
    np.testing.assert_array_equal(points, percept.places[0])
    np.testing.assert_array_equal(mask, expected)
    table = rows(capsys.readouterr().out)
    assert list(table) == [0, 1, 2, 3]
    for k, cells in table.items():
        x, y = to_pixels(points[k], *SIZE)
        numbers = [float(cell) for cell in cells[1:6]]
        np.testing.assert_allclose(numbers[:2], [x, y], atol=0.051)
        np.testing.assert_allclose(numbers[2:4], points[k], atol=0.00051)
        assert numbers[4] == pytest.approx(percept.mass[0, k], abs=0.00051)
        absent = "dropped" if k == 1 else "not used: absent"
        assert " ".join(cells[7:]) == ("used" if expected[k] else absent)


def test_an_episode_gives_a_goal_for_every_camera(
    state: Path, data: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "goal.png"
    call = ["goal", "--state", state, "--data", data, "--episode", 2, "--overwrite", "--out", out]
    for more, number in (([], LENGTH - 1), (["--frame", 4], 4)):
        assert run(*call, *more) == 0
        for c, camera in enumerate(CAMERAS):
            percept = believed(state, frames(2, c)[number], camera)
            np.testing.assert_array_equal(
                written(out.with_suffix(".json"), camera)[0], percept.places[0]
            )
        picture = cv2.imread(str(out))
        assert picture is not None
        assert picture.shape[1] == 2 * 40 * 16 + 4
    said = capsys.readouterr().out
    assert "goal for camera front, from episode 2, last frame:" in said
    assert "goal for camera side, from episode 2, frame 4:" in said
    assert run(*call, "--camera", "side") == 0
    assert list(json.loads(out.with_suffix(".json").read_text())["cameras"]) == ["side"]


def test_an_image_file_is_the_frame_that_it_was_saved_from(
    state: Path, data: Path, tmp_path: Path
) -> None:
    Image.fromarray(frames(0, 1)[3]).save(tmp_path / "shot.png")
    common = ["--state", state, "--data", data, "--camera", "side"]
    for name, what in (("a", [tmp_path / "shot.png"]), ("b", ["--episode", 0, "--frame", 3])):
        assert run("goal", *what, *common, "--out", tmp_path / f"{name}.png") == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    a, b = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    assert a["cameras"] == b["cameras"]
    assert (a["source"], b["source"]) == (str(tmp_path / "shot.png"), "episode 0, frame 3")
    assert a["state"] == str(state)


def test_a_jpeg_is_nearly_the_same(state: Path, tmp_path: Path) -> None:
    Image.fromarray(frames(0)[3]).save(tmp_path / "shot.jpg", quality=98, subsampling=0)
    out = tmp_path / "goal.png"
    call = ["goal", tmp_path / "shot.jpg", "--state", state, "--camera", "front", "--out", out]
    assert run(*call) == 0
    places = believed(state, frames(0)[3]).places[0]
    mirrored = believed(state, np.ascontiguousarray(frames(0)[3][..., ::-1])).places[0]
    found = written(out.with_suffix(".json"))[0]
    assert np.abs(found - places).max() < 0.2 * np.abs(mirrored - places).max()


def test_an_encoder_of_grey_images_takes_a_grey_or_a_colour_file(tmp_path: Path) -> None:
    state = saved(tmp_path / "state", front=perception(0, channels=1))
    colour = frames(0)[3]
    grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    places = believed(state, grey[..., None]).places[0]
    for name, image in (("grey", grey), ("colour", colour)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        out = tmp_path / f"goal-{name}.png"
        assert run("goal", tmp_path / f"{name}.png", "--state", state, "--out", out) == 0
        np.testing.assert_array_equal(written(out.with_suffix(".json"))[0], places)
        picture = cv2.imread(str(out))
        assert picture is not None
        colours_found = np.abs(np.diff(picture.astype(int), axis=2)).max()
        assert colours_found > 60  # the marks; the image below them is grey


def test_targets_stand_where_the_points_are(state: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "goal.png"
    call = ["goal", "--state", state, "--data", data, "--episode", 0, "--camera", "front"]
    assert run(*call, "--out", out) == 0
    picture = cv2.imread(str(out))
    assert picture is not None
    points, mask = written(out.with_suffix(".json"))
    assert mask.any()
    for k in np.flatnonzero(mask):
        x, y = (to_pixels(points[k], *SIZE) + 0.5) * 16 - 0.5
        like = np.abs(picture[..., ::-1].astype(int) - colours(4)[k]).max(axis=-1) < 60
        around = np.nonzero(
            like[max(0, int(y) - 20) : int(y) + 21, max(0, int(x) - 20) : int(x) + 21]
        )
        assert len(around[0]) > 60


def test_the_distance_of_an_episode_is_plotted_over_time(
    state: Path, data: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "goal.png"
    call = ["goal", "--state", state, "--data", data, "--episode", 1, "--distance", 2]
    assert run(*call, "--out", out) == 0
    said = capsys.readouterr().out
    curves = []
    for c, camera in enumerate(CAMERAS):
        seen = artefact.load(state).perceptions[camera]
        estimate = StateEstimator({camera: seen}, (), 20.0).run(frames(2, c)).seen[camera].estimate
        goal = Goal(*written(out.with_suffix(".json"), camera))
        known = estimate.known
        curves.append(distance(estimate.position, goal, known, height=SIZE[0], width=SIZE[1]))
        first, last = curves[-1][[0, -1]]
        assert f"camera {camera}, episode 2: {first:.3f} from the goal at first" in said
        assert f"{last:.3f} at last" in said
    root = ElementTree.fromstring((tmp_path / "goal-distance.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    lines = [e.get("points", "") for e in root.iter("{http://www.w3.org/2000/svg}polyline")]
    lengths = [len(line.split()) for line in lines]
    assert lengths.count(LENGTH) == 2


def test_an_episode_in_which_the_goal_is_never_seen_has_no_distance(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    hidden = perception(0)
    mass = hidden.see(frames(1)).mass
    assert mass is not None
    assert hidden.thresholds is not None
    hidden.thresholds[:] = mass.max(axis=0) + 1e-6
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (50, *SIZE, 3), dtype=np.uint8)
    shot = noise[hidden.see(noise).present.any(axis=1)][0]
    Image.fromarray(shot).save(tmp_path / "shot.png")
    state = saved(tmp_path / "state", front=hidden)
    call = ["goal", tmp_path / "shot.png", "--state", state, "--data", data, "--distance"]
    assert run(*call, 1) == 2
    error = capsys.readouterr().err
    assert "none of the goal's points is ever present in episode 1 of camera 'front'" in error
    assert set(contents(state)) == {"state.safetensors"}
