"""Goals that are none, and files that would be lost: one line, status 2, nothing is changed."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from states import frames, perception, recorded, run, saved, two_cameras
from terminal import contents, dsae

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recorded") / "data")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_cameras(tmp_path_factory.mktemp("two") / "state")


def test_nothing_is_overwritten_unless_asked(state: Path, data: Path, tmp_path: Path) -> None:
    call = ["goal", "--state", state, "--data", data, "--out", tmp_path / "goal.png"]
    for kept in ("goal.png", "goal.json", "goal-distance.svg"):
        (tmp_path / kept).write_text("mine")
        before = contents(tmp_path)
        assert run(*call, "--episode", 0, "--distance", 1) == 2
        assert contents(tmp_path) == before
        (tmp_path / kept).unlink()
    assert run(*call, "--episode", 0) == 0
    first = contents(tmp_path)
    assert run(*call, "--episode", 1) == 2
    assert contents(tmp_path) == first
    assert run(*call, "--episode", 1, "--overwrite") == 0
    assert set(contents(tmp_path)) == {"goal.png", "goal.json"}
    assert contents(tmp_path)["goal.json"] != first["goal.json"]


def test_an_image_is_never_replaced_by_its_own_picture(
    places: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    shot = tmp_path / "shot.png"
    shot.write_bytes(places["SHOT"].read_bytes())
    more = ["--overwrite", "--out", tmp_path / "." / "shot.png"]
    own = ["--state", places["ONE"]], [places["ONE"], "--goal", shot, "--data", places["DATA"]]
    for call in (["goal", shot, *own[0], *more], ["overlay", *own[1], *more]):
        assert run(*call) == 2
        assert "shot.png is what the goal is read from" in capsys.readouterr().err
        assert contents(tmp_path) == {"shot.png": places["SHOT"].read_bytes()}


MISTAKES = {
    "no goal": ("goal --state STATE", "name an image or an --episode, and not both"),
    "two goals": ("goal x.png --state STATE --episode 0", "name an image or an --episode, and not"),
    "a frame of nothing": ("goal SHOT --state STATE --frame 3", "--frame is one of an --episode"),
    "no state": ("goal SHOT", r"state is missing \(see dsae goal --help\)"),
    "no such state": (
        "goal SHOT --state nowhere",
        "there is no state at nowhere",
    ),
    "a file": (
        "goal SHOT --state STATE/state.safetensors",
        "is a file: name the folder of dsae st",
    ),
    "whose image": ("goal SHOT --state STATE", "the cameras front, side: name the one that .*shot"),
    "no such camera": ("goal SHOT --state STATE --camera top", "no camera 'top': it has front, si"),
    "no such image": ("goal no.png --state ONE", r"no.png cannot be read \(No such file"),
    "a folder": ("goal FOLDER.png --state ONE", r"folder.png cannot be read \(Is a directory"),
    "no image": ("goal x.bmp --state ONE", r"'x.bmp' is no image: .*\.png, \.jpg, \.jpeg"),
    "a damaged image": ("goal BROKEN --state ONE", "broken.png is damaged or no .png image"),
    "another size": (
        "goal WIDE --state ONE",
        "wide.png is 24×48 pixels .*, the encoder takes 24×40: ",
    ),
    "no such episode": ("goal --episode 3 --state ONE --data DATA", "no episode 3: .* holds 3"),
    "no such frame": ("goal --episode 1 --frame 14 --state ONE --data DATA", "episode 1 has 14"),
    "no data": ("goal --episode 1 --state ONE", "training that .* was made of is gone: .*--data"),
    "no distance": ("goal SHOT --distance 9 --state ONE --data DATA", "no episode 9: .* holds 3"),
    "nothing present": (
        "goal SHOT --state NONE",
        "shot.png is no goal for camera 'front': none of",
    ),
    "no points": ("goal SHOT --state BLIND", "feature points of a state: .* code without points"),
    "ending": ("goal SHOT --state ONE --out x.jpg", r"cannot write 'x.jpg': the ending is \.png"),
}


@pytest.fixture(scope="module")
def places(state: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("places")
    Image.fromarray(frames(0)[3]).save(folder / "shot.png")
    Image.fromarray(np.zeros((24, 48, 3), np.uint8)).save(folder / "wide.png")
    (folder / "broken.png").write_bytes((folder / "shot.png").read_bytes()[:-30])
    (folder / "folder.png").mkdir()
    nothing = perception(0)
    assert nothing.thresholds is not None
    nothing.thresholds[:] = 2
    images = {name.upper(): folder / f"{name}.png" for name in ("shot", "wide", "broken")}
    return {
        "FOLDER.png": folder / "folder.png",
        "STATE": state,
        "DATA": data,
        "ONE": saved(folder / "one", front=perception(0)),
        "NONE": saved(folder / "none", front=nothing),
        "BLIND": saved(folder / "blind", front=perception(0, name="vae")),
        **images,
    }


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
        call = re.sub(rf"\b{name}\b", str(path), call)
    before = contents(places["ONE"].parent)
    assert run(*call.split()) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"dsae: [^\n]+\n", error), error
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
    assert contents(places["ONE"].parent) == before


def test_a_goal_of_other_points_is_refused(
    state: Path, data: Path, tmp_path: Path, capsys: Capture
) -> None:
    one = saved(tmp_path / "one", front=perception(0))
    call = ["overlay", state, "--data", data, "--camera", "side", "--out", tmp_path / "new.png"]
    assert run("goal", "--state", one, "--data", data, "--episode", 0) == 0
    goal = one / "goal.json"
    for damage, message in (
        (lambda text: text, "goal for the cameras front, not for 'side'"),
        (
            lambda text: text.replace('"front"', '"side"').replace("true,", "", 1),
            "damaged",
        ),
        (
            lambda text: text.replace('"format": 1', '"format": 2'),
            "of format 2, not a goal of form",
        ),
        (lambda text: text.replace('"points"', '"dots"').replace("front", "side"), "is damaged"),
        (lambda text: text[:100], "is missing or no goal"),
    ):
        (tmp_path / "damaged.json").write_text(damage(goal.read_text()))
        capsys.readouterr()
        assert run(*call, "--goal", tmp_path / "damaged.json") == 2
        assert message in capsys.readouterr().err


def test_in_a_real_process(places: dict[str, Path], tmp_path: Path) -> None:
    done = dsae("goal", places["SHOT"], "--state", places["ONE"], "--out", "g.png", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(contents(tmp_path)) == {"g.png", "g.json"}
    done = dsae("goal", "no.png", "--state", places["ONE"], "--out", "g.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
