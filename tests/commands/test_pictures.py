"""`sample`, `traverse` and `filters`: pictures of what an encoder knows."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from terminal import Made, contents

from data.episode import Episode, write
from data.index import episode_path
from dsae.__main__ import main
from dsae.commands.footage import Footage
from dsae.encoders.vae import Config, Encoder

Capture = pytest.CaptureFixture[str]
CELL = 96 + 4  # pixels: 16×16 drawings enlarged six times, and the gap


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def trained(made: Made, folder: Path, name: str, *more: str) -> Path:
    steps = ["--steps", "2", "--batch", "2", "--threads", "1"]
    assert run("train", name, made.data, *steps, "--out", folder / name, *more) == 0
    return folder / name


def picture(path: Path) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    return read


def film(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_samples_are_as_many_as_asked_for_and_follow_from_the_seed(
    made: Made, tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        out = tmp_path / f"{name}.png"
        assert run("sample", made.vae, "--count", "12", "--seed", seed, "--out", out) == 0
    first, again, other = (picture(tmp_path / f"{name}.png") for name in "abc")
    assert first.shape[1] == 4 + 4 * CELL  # 4 columns
    assert 3 * CELL < first.shape[0] < 3 * CELL + 50  # 3 rows and a title
    np.testing.assert_array_equal(first, again)
    assert (first[50:] != other[50:]).any()


def test_samples_of_a_conditional_vae_stand_beside_the_robots_frame(
    made: Made, tmp_path: Path
) -> None:
    out = tmp_path / "samples.png"
    assert run("sample", trained(made, tmp_path, "cvae"), "--count", "6", "--out", out) == 0
    assert picture(out).shape[1] == 4 + 4 * CELL  # the frame and 3 columns


def test_what_stands_where_if_nothing_is_said(made: Made, tmp_path: Path, capsys: Capture) -> None:
    vae = trained(made, tmp_path, "vae", "--set", "code=2")
    assert run("sample", vae) == 0
    assert run("traverse", vae) == 0
    assert run("traverse", vae, "--interpolate", "0:3") == 0
    assert run("traverse", vae, "--manifold", "--steps", "3") == 0
    assert run("filters", vae) == 0
    said = capsys.readouterr().out
    for name in ("samples", "traversal", "interpolation", "manifold", "filters"):
        assert picture(vae / f"{name}.png").std() > 5
        assert f"{name}.png" in said
    assert run("filters", vae) == 2
    assert f"{vae / 'filters.png'} exists: choose another name" in capsys.readouterr().err
    assert run("filters", vae, "--overwrite") == 0


def test_a_traversal_has_a_row_for_each_number_and_one_for_the_frame(
    made: Made, tmp_path: Path
) -> None:
    out = tmp_path / "traversal.png"
    call = ["traverse", made.vae, "--steps", "5", "--overwrite", "--out", out]
    for more, rows in ((["--top", "3"], 3), (["--dims", "4,0"], 2), (["--dims", "31"], 1), ([], 8)):
        assert run(*call, *more) == 0
        height, width = picture(out).shape[:2]
        assert (rows + 1) * CELL < height < (rows + 1) * CELL + 100
        assert 5 * CELL < width < 5 * CELL + 100


def test_a_traversal_begins_at_the_frame_that_was_named(made: Made, tmp_path: Path) -> None:
    out = [tmp_path / f"{number}.png" for number in range(4)]
    for path, place in zip(out, ((0, 0), (0, 0), (0, 24), (3, 0)), strict=True):
        more = ["--episode", place[0], "--frame", place[1]]
        assert run("traverse", made.dsae, "--steps", "2", *more, "--out", path) == 0
    here, again, later, elsewhere = (picture(path)[80:] for path in out)
    np.testing.assert_array_equal(here, again)
    assert (here != later).any()
    assert (here != elsewhere).any()


def test_a_conditional_vae_is_traversed_at_the_robots_state(made: Made, tmp_path: Path) -> None:
    cvae = trained(made, tmp_path, "cvae")
    for what in ([], ["--interpolate", "0:1"], ["--manifold", "--dims", "0,1", "--steps", "2"]):
        assert run("traverse", cvae, *what, "--overwrite", "--out", tmp_path / "x.png") == 0


def test_a_robot_with_other_joints_is_one_line(made: Made, tmp_path: Path, capsys: Capture) -> None:
    cvae, other = trained(made, tmp_path, "cvae"), tmp_path / "other"
    other.mkdir()
    for number in range(2):
        images = {"front": np.full((6, 32, 32, 3), 90, np.uint8)}
        joints = {"joint_position": np.zeros((6, 3))}
        write(episode_path(other, number), Episode(images=images, observations=joints))
    capsys.readouterr()
    for verb in ("sample", "traverse", "evaluate"):
        before = contents(cvae)
        assert run(verb, cvae, "--data", other) == 2
        error = capsys.readouterr().err
        assert re.fullmatch(r"dsae: .*trained with \d+ numbers of robot state, .* has 3\n", error)
        assert contents(cvae) == before


@pytest.mark.parametrize("fps", ["0.1", "1000"])
def test_the_slowest_and_the_fastest_film_are_written(fps: str, made: Made, tmp_path: Path) -> None:
    for ending in ("gif", "mp4"):
        out = tmp_path / f"x.{ending}"
        call = ["traverse", made.vae, "--top", "1", "--steps", "3", "--fps", fps, "--out", out]
        assert run(*call) == 0
        assert len(film(out)) == 4


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_a_film_goes_there_and_back(ending: str, made: Made, tmp_path: Path) -> None:
    out = tmp_path / f"x.{ending}"
    assert run("traverse", made.dsae, "--top", "4", "--steps", "5", "--out", out) == 0
    frames = film(out).astype(int)
    assert len(frames) == 8
    tall, wide = frames.shape[1:3]
    assert 3 * 160 < wide < 3 * 180  # two still pictures and four that move
    assert 2 * 160 < tall < 2 * 180 + 100
    assert np.abs(frames[0] - frames[4]).max() > 5
    assert np.abs(frames[3] - frames[5]).mean() < 1
    assert run("traverse", made.vae, "--interpolate", "2:0", "--steps", "3", "--out", out) == 2
    assert run("traverse", made.vae, "--interpolate", "2:0", "--steps", "3", "--out", out,
               "--overwrite") == 0  # fmt: skip
    assert len(film(out)) == 4


def test_an_encoder_of_components_shows_them(made: Made, tmp_path: Path) -> None:
    pca = trained(made, tmp_path, "pca", "--set", "code=6")
    assert run("filters", pca, "--out", tmp_path / "f.png") == 0
    assert picture(tmp_path / "f.png").shape[1] == 4 + 3 * CELL
    assert run("traverse", pca, "--out", tmp_path / "t.png") == 0


def test_a_frame_is_found_in_its_episode(made: Made) -> None:
    encoder = Encoder(Config(), (32, 32, 3))
    footage = Footage(made.vae, None, encoder)
    place = footage.place(None, None)
    assert place == (footage.held_out[0], 12)
    frames = footage.dataset.read(4).images["front"]
    shots = footage.at(footage.place(4, 7))
    np.testing.assert_array_equal(shots.images, frames[7:8])
    assert shots.robot is None
    survey = footage.survey(episodes=3, frames=10)
    assert survey.images.shape == (10, 32, 32, 3)
    assert footage.survey(episodes=99, frames=9999).images.shape == (150, 32, 32, 3)


MISTAKES = {
    "no prior": (
        "sample DSAE --out new.png",
        "'dsae' has no prior, .* those that have one are .*cvae.*vae",
    ),
    "no decoder": ("traverse SUPERVISED --out new.png", "'supervised' has no decoder"),
    "no such number": ("traverse VAE --dims 3,32", "no number 32: they are 0 to 31"),
    "number's form": ("traverse VAE --dims few", "'few': .* valid integer"),
    "negative number": ("traverse VAE --dims -1", "expected one argument|greater than or equal"),
    "two choices": ("traverse VAE --dims 1 --top 2", "--dims or --top, not both"),
    "no number at all": ("traverse VAE --top 0", "top = '0': .* greater than 0"),
    "one step": ("traverse VAE --steps 1", "steps = '1': .* greater than 1"),
    "no such episode": ("traverse VAE --episode 6", "no episode 6: .* holds 6"),
    "no such frame": ("traverse VAE --frame 25", "no frame 25: episode 5 has 25"),
    "no such frame to go to": ("traverse VAE --interpolate 1:99", "no frame 99: episode 1 has 25"),
    "no place to go to": ("traverse VAE --interpolate 7", "EPISODE:FRAME, such as 3:40, not '7'"),
    "going with numbers": ("traverse VAE --interpolate 0:1 --top 3", "whole code: give it alone"),
    "manifold of a long code": ("traverse VAE --manifold", "has 32: say which two"),
    "manifold of one": ("traverse VAE --manifold --dims 3", "takes two numbers as --dims"),
    "manifold of twice the same": ("traverse VAE --manifold --dims 3,3", "takes two numbers"),
    "manifold of two and one again": (
        "traverse VAE --manifold --dims 3,3,5",
        r"two numbers as --dims, not \(3, 3, 5\)",
    ),
    "no film so fast": ("traverse VAE --fps 1e9", "fps = '1e9': .* less than or equal to 1000"),
    "no film so slow": ("overlay VAE --fps 1e-9", "fps = '1e-9': .* greater than or equal to 0.1"),
    "endless speed": ("traverse VAE --fps inf", "fps = 'inf': .* finite"),
    "no speed": ("overlay VAE --fps nan", "fps = 'nan': .* finite"),
    "file of filters": ("filters VAE/encoder.safetensors", "is a file: name the run folder"),
    "file of samples": ("sample VAE/encoder.safetensors", "is a file: name the run folder"),
    "file to traverse": ("traverse VAE/encoder.safetensors", "is a file: name the run folder"),
    "file to overlay": ("overlay VAE/encoder.safetensors", "is a file: name the run folder"),
    "file to evaluate": ("evaluate VAE/encoder.safetensors", "is a file: name the run folder"),
    "file as a folder": ("filters VAE --out VAE/config.yaml/x.png", "config.yaml is a file, not"),
    "manifold as a film": (
        "traverse VAE --manifold --dims 0,1 --out new.gif",
        r"cannot write 'new.gif': the ending is \.png",
    ),
    "ending of samples": ("sample VAE --out new.gif", r"'new.gif': the ending is \.png"),
    "ending": ("traverse VAE --out new.avi", r"'new.avi': the endings are \.mp4, \.gif, \.png"),
    "ending of filters": ("filters VAE --out new", r"'new': the ending is \.png"),
    "no samples": ("sample VAE --count 0", "count = '0': .* greater than 0"),
    "too many samples": ("sample VAE --count 9999", "less than or equal to 1024"),
    "no filters": ("filters PIXELS --out new.png", "'pixels' has no layer of filters"),
    "no encoder": ("filters DATA", "there is no encoder at"),
    "another size": ("traverse VAE --data SMALL", r"32×32×3, got uint8 of shape"),
    "device": ("traverse VAE --device gpu", "choose from auto, cpu, cuda"),
}


@pytest.fixture(scope="module")
def unable(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unable")
    return {name: trained(made, folder, name) for name in ("supervised", "pixels")}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str,
    made: Made,
    unable: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = MISTAKES[mistake]
    for name, path in {**made._asdict(), **unable}.items():
        call = re.sub(rf"\b{name.upper()}\b", str(path), call)
    before = contents(made.vae)
    capsys.readouterr()
    assert run(*call.split()) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"dsae: [^\n]+\n", error), error
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
    assert contents(made.vae) == before
