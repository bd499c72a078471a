"""What a state estimator believes, and encoders side by side, as `dsae overlay` draws them."""

import re
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from states import LENGTH, frames, of_training, perception, recorded, run, saved
from terminal import Made, contents, dsae

from data.episode import Episode, write
from data.index import episode_path
from dsae.commands import rollout
from dsae.commands.state import POINTS_FILE
from dsae.state_overlay import DROPPED
from policies import policy
from policies.evaluation import Trial

Capture = pytest.CaptureFixture[str]


def film(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def picture(path: Path) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    return read[..., ::-1]


def shows(shown: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(shown.astype(int) - colour).max(axis=-1) < 3).sum())


@pytest.fixture(scope="module")
def state(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_training(made, tmp_path_factory.mktemp("state") / "state")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A state of two cameras and its data."""
    folder = tmp_path_factory.mktemp("two")
    cameras = {"front": perception(0), "side": perception(1)}
    return saved(folder / "state", **cameras), recorded(folder / "data")


def test_a_belief_is_drawn_over_every_frame_with_a_legend_below(
    state: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "belief.mp4"
    capsys.readouterr()
    assert run("overlay", state, "--out", out) == 0
    assert capsys.readouterr().out == f"episode 5, 25 frames: {out}\n"
    shown = film(out)
    assert shown.shape[0] == 25
    assert shown.shape[2] == 384
    assert 384 + 60 < shown.shape[1] < 384 + 200
    below = shown[:, 384 + 4 :].astype(int)
    assert np.abs(below - below[0]).max() < 40  # it stays as it is
    assert below[0].std() > 10


def test_dropped_points_have_the_colour_of_the_reason_where_it_is_known(
    state: Path, tmp_path: Path
) -> None:
    assert run("overlay", state, "--out", tmp_path / "told.png") == 0
    alone = tmp_path / "alone"
    shutil.copytree(state, alone)
    (alone / POINTS_FILE).unlink()
    assert run("overlay", alone, "--out", tmp_path / "untold.png") == 0
    told, untold = (picture(tmp_path / f"{name}.png") for name in ("told", "untold"))
    reasons = ["duplicate", "still", "unpredictable", "absent"]
    for reason in reasons:
        assert shows(told, DROPPED[reason]) > shows(untold, DROPPED[reason]), reason
    for reason in ("duplicate", "still", "unpredictable"):  # letters are grey, as the others are
        assert shows(told[-40:], DROPPED[reason]), reason
        assert not shows(untold[-40:], DROPPED[reason]), reason


def test_a_goal_can_be_said_in_four_ways(state: Path, made: Made, tmp_path: Path) -> None:
    shot = made_frame(made, 3, 24)
    Image.fromarray(shot).save(tmp_path / "goal.png")
    assert run("goal", "--state", state, "--episode", 3, "--out", tmp_path / "g.png") == 0
    ways = ["last", "3:24", tmp_path / "goal.png", tmp_path / "g.json"]
    drawn = []
    for number, way in enumerate(ways):
        out = tmp_path / f"{number}.png"
        assert run("overlay", state, "--episode", 3, "--goal", way, "--out", out) == 0
        drawn.append(out.read_bytes())
    assert all(one == drawn[0] for one in drawn)
    for other in (["--goal", "2:0"], []):
        out = tmp_path / "other.png"
        assert run("overlay", state, "--episode", 3, *other, "--out", out, "--overwrite") == 0
        assert out.read_bytes() != drawn[0]


def made_frame(made: Made, episode: int, number: int) -> np.ndarray:
    from data.dataset import Dataset

    return Dataset.open(made.data).read(episode).images["front"][number]


def test_encoders_stand_side_by_side_on_the_same_frames(
    made: Made, state: Path, tmp_path: Path
) -> None:
    alone, both = tmp_path / "alone.mp4", tmp_path / "both.mp4"
    assert run("overlay", made.dsae, "--episode", 2, "--out", alone) == 0
    call = ["overlay", made.dsae, "--compare", f"{made.dsae},{state}", "--episode", 2]
    assert run(*call, "--out", both) == 0
    single, side_by_side = film(alone).astype(int), film(both).astype(int)
    assert side_by_side.shape[2] == 3 * 384 + 2 * 4
    top = 24  # the title
    for left in (0, 388):
        panel = side_by_side[:, top : top + 384, left : left + 384]
        assert np.abs(panel - single).mean() < 4
    third = side_by_side[:, top : top + 384, 776:]
    changed = (np.abs(third - single) > 60).any(axis=-1).mean()
    assert 0.001 < changed < 0.2  # a state's points look otherwise, the frames below them do not
    assert (side_by_side[:, 4:20, :380].max(axis=(1, 2, 3)) > 180).all()  # titles
    assert run(*call, "--out", tmp_path / "both.png") == 0
    assert picture(tmp_path / "both.png").shape[1] == 4 + 5 * 388


def test_maps_of_a_state_are_those_of_its_encoder(made: Made, state: Path, tmp_path: Path) -> None:
    for number, folder in enumerate((made.dsae, state)):
        assert run("overlay", folder, "--maps", "--out", tmp_path / f"{number}.png") == 0
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()


def test_cameras_stand_side_by_side_or_alone(two: tuple[Path, Path], tmp_path: Path) -> None:
    state, data = two
    call = ["overlay", state, "--data", data, "--goal", "last"]
    assert run(*call, "--out", tmp_path / "both.mp4") == 0
    both = film(tmp_path / "both.mp4").astype(int)
    width = 40 * 16  # 24 · 16 = 384
    assert both.shape[0] == LENGTH
    assert both.shape[2] == 2 * width + 4
    for number, camera in enumerate(("front", "side")):
        out = tmp_path / f"{camera}.mp4"
        assert run(*call, "--camera", camera, "--out", out) == 0
        alone = film(out).astype(int)
        assert alone.shape[2] == width
        panel = both[:, 24 : 24 + 384, number * (width + 4) :][:, :, :width]
        assert np.abs(panel - alone[:, :384]).mean() < 4
    Image.fromarray(frames(1, 1)[-1]).save(tmp_path / "side.png")
    out = tmp_path / "goal.png"
    more = ["--goal", tmp_path / "side.png", "--camera", "side"]
    assert run("overlay", state, "--data", data, *more, "--out", out) == 0


def test_what_stands_where_if_nothing_is_said(made: Made, state: Path, tmp_path: Path) -> None:
    run_folder, believed = tmp_path / "run", tmp_path / "believed"
    shutil.copytree(made.dsae, run_folder)
    shutil.copytree(state, believed)
    for call, name in (
        (["overlay", believed], "overlay.mp4"),
        (["overlay", run_folder, "--maps"], "maps.mp4"),
        (["overlay", run_folder, "--compare", believed], "compare.mp4"),
    ):
        assert run(*call) == 0
        assert film(Path(str(call[1])) / name).shape[0] == 25


def test_data_at_another_rate_are_noted(
    two: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    images = {camera: frames(0) for camera in ("front", "side")}
    for fps, noted in ((20.0, False), (10.0, True)):
        data = tmp_path / f"{fps}"
        data.mkdir()
        write(episode_path(data, 0), Episode(images=images, meta={"fps": fps}))
        call = ["overlay", two[0], "--data", data, "--out", tmp_path / f"{fps}.png"]
        capsys.readouterr()
        assert run(*call) == 0
        said = capsys.readouterr().out
        assert ("made for 20 frames per second, the data have 10" in said) == noted


MISTAKES = {
    "a code without points": ("overlay BLIND --data OWN --out new.png", "no spatial encoder: its "),
    "the same in comparison": (
        "overlay DSAE --compare VAE --out new.png",
        "vae holds no spatial encoder",
    ),
    "a goal without a state": (
        "overlay DSAE --goal last --out new.png",
        "a goal is drawn with a state: .*dsae is a training",
    ),
    "a goal on maps": ("overlay STATE --goal last --maps --out new.png", "not with --maps"),
    "no such image": ("overlay STATE --goal no.png --out new.png", r"no.png cannot be read \(No"),
    "no image": ("overlay STATE --goal lst --out new.png", r"'lst' is no image: .*\.png, \.jpg"),
    "no such episode": ("overlay STATE --goal 9:0 --out new.png", "there is no episode 9"),
    "no such frame": ("overlay STATE --goal 1:25 --out new.png", "no frame 25: episode 1 has 25"),
    "no such goal": ("overlay STATE --goal no.json --out new.png", "no.json is missing or no goal"),
    "no goal": ("overlay STATE --goal STATE/points.json --out new.png", "is missing or no goal"),
    "no data": ("overlay TWO --out new.png", "training that .* was made of is gone: .* --data"),
    "whose image": (
        "overlay TWO --data OWN --goal x.png --out new.png",
        "sees through the cameras front, side: name the one that x.png is of with --camera",
    ),
    "no such camera": ("overlay TWO --data OWN --camera top --out new.png", "it has front, side"),
    "data of another size": (
        "overlay STATE --data OWN --out new.png",
        "takes images of 32×32×3, got uint8 of 24×40×3",
    ),
    "another size in comparison": (
        "overlay DSAE --compare TWO --camera front --out new.png",
        "two takes images of 24×40×3, got uint8 of 32×32×3",
    ),
    "nothing to compare with": ("overlay DSAE --compare nowhere --out new.png", "no encoder at no"),
    "a file of a state": (
        "overlay STATE/state.safetensors --out new.png",
        "is a file: name the run folder",
    ),
    "a damaged state": ("overlay BROKEN --data OWN --out new.png", "damaged or no safetensors"),
}


@pytest.fixture(scope="module")
def places(
    made: Made,
    state: Path,
    two: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("places")
    broken = folder / "broken"
    broken.mkdir()
    (broken / "state.safetensors").write_bytes(b"nothing of the kind")
    blind = saved(folder / "blind", front=perception(0, name="vae"))
    same = {"front": perception(0), "side": perception(1)}
    named = {"own": two[1], "two": saved(folder / "two", **same), "blind": blind, "broken": broken}
    return {**made._asdict(), "state": state, **named}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str,
    places: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = MISTAKES[mistake]
    for name, path in places.items():
        call = re.sub(rf"\b{name.upper()}\b", str(path), call)
    before = contents(places["state"])
    capsys.readouterr()
    assert run(*call.split()) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"dsae: [^\n]+\n", error), error
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
    assert contents(places["state"]) == before


def test_an_image_of_another_size_says_which_it_must_be(
    state: Path, tmp_path: Path, capsys: Capture
) -> None:
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(tmp_path / "wide.png")
    out = tmp_path / "new.png"
    assert run("overlay", state, "--goal", tmp_path / "wide.png", "--out", out) == 2
    assert "is 32×48 pixels (height×width), the encoder takes 32×32" in capsys.readouterr().err
    assert not out.exists()


def test_in_a_real_process(state: Path, tmp_path: Path) -> None:
    done = dsae("overlay", state, "--goal", "last", "--out", "belief.gif", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert film(tmp_path / "belief.gif").shape[0] == 25


def test_a_policy_on_a_state_is_filmed_with_what_it_believes(
    made: Made, state: Path, tmp_path: Path
) -> None:
    learned = tmp_path / "learned"
    common = ["--threads", 1, "--set", "epochs=1", "hidden=4"]
    call = ["learn", "bc", "push", "--data", made.data, "--state", state, "--out", learned]
    assert run(*call, *common) == 0
    loaded = policy.load(learned)
    settings = {**loaded.task.settings, "max_episode_steps": 10}
    loaded = loaded._replace(task=loaded.task._replace(settings=settings))
    (panel,) = rollout.film(loaded, [Trial(3), Trial(4)])
    assert panel.frames.shape == (20, 384, 384, 3)
    texts = [entry.text for entry in panel.legend]
    assert set(texts) >= {"filtered, 2 sigma", "last 12 frames", "dropped"}
    assert len(set(texts)) == len(texts)
    # The second episode is believed from its own beginning: as if it were the only one.
    (alone,) = rollout.film(loaded, [Trial(4)])
    np.testing.assert_array_equal(panel.frames[10:], alone.frames)
