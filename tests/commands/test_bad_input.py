"""A person's mistake: one line that says what is allowed, status 2, and nothing is changed."""

import re
from pathlib import Path

import h5py
import pytest
from terminal import Made, contents, dsae

from dsae.__main__ import main
from policies import learners

# The call; DATA, SMALL, DSAE, VAE and POLICY stand for what the fixture made. Then what it says.
MISTAKES = {
    "unknown verb": ("trian", r"unknown verb 'trian': choose from doctor, tasks, collect, .* demo"),
    "unknown flag": (
        "train dsae DATA --stpes 5",
        r"^dsae: train: .*--stpes 5 \(see dsae train --help\)$",
    ),
    "flag without value": ("train dsae DATA --steps", "expected one argument"),
    "too many names": ("train dsae DATA more", "unrecognized arguments: more"),
    "missing name": ("train dsae", r"^dsae: train: data is missing \(see dsae train --help\)$"),
    "encoder": ("train daes DATA", "unknown encoder 'daes': choose from .*dsae, dsae:finn2016"),
    "preset": ("train dsae:finn DATA", "unknown encoder 'dsae:finn': choose from .*dsae:finn2016"),
    "setting": ("train dsae DATA --set pionts=4", "no setting 'pionts': it has points, trunk"),
    "setting's type": ("train dsae DATA --set points=few", "points = 'few': .* valid integer"),
    "setting's value": (
        "train dsae DATA --set trunk=heavy",
        "trunk = 'heavy': .*'light' or 'paper'",
    ),
    "setting of a layer": (
        "train vae DATA --set hidden=[8,-3]",
        r"hidden = -3: it must be at least 1",
    ),
    "settings that contradict": (
        "train autoencoder DATA --set tied=true",
        "tied = True needs network = 'dense', not 'conv'",
    ),
    "prior": ("train aae DATA --set prior=cauchy", "choose from gaussian, mixture, swiss_roll"),
    "seed": ("train vae DATA --seed 99999999999999", "seed = .*less than 4294967296"),
    "few episodes": ("train vae DATA --episodes 99", "has 5 to learn from"),
    "another's layers": ("train vae DATA --init DSAE", "no layer of 'dsae' fits 'vae'"),
    "an encoder of nothing": ("encoders daes", "unknown encoder 'daes'"),
    "setting's form": ("train dsae DATA --set points", "KEY=VALUE, got 'points'"),
    "camera of an encoder": (
        "learn bc push --data DATA --state DSAE --camera top",
        "no camera .top.; available: front",
    ),
    "device": ("train dsae DATA --device gpu", "unknown device 'gpu': choose from auto, cpu, cuda"),
    "device of evaluate": ("evaluate DSAE --device gpu", "choose from auto, cpu, cuda"),
    "number": ("train dsae DATA --steps many", "steps = 'many': .* valid integer"),
    "no steps": ("train dsae DATA --steps 0", "steps = '0': .* greater than 0"),
    "negative seed": ("train dsae DATA --seed -1", "seed = '-1': .* greater than or equal to 0"),
    "share": ("train dsae DATA --held-out 1.5", "held_out = '1.5': .* less than 1"),
    "camera": ("train dsae DATA --camera top", "no camera 'top'; available: front"),
    "no data": ("train dsae nowhere", "nowhere is missing: collect or import"),
    "data is a file": ("train dsae DATA/index.json", "is a file, not a data set's folder"),
    "task": ("collect psuh", "unknown task 'psuh': the tasks are arrange_toys, .*push, reach"),
    "task of a package": ("collect nowhere:Task-v0", "nowhere:Task-v0 cannot be made"),
    "task's setting": ("collect push --set colour=red --workers 0", "cannot be made: .*colour"),
    "task's setting's value": (
        "collect push --set action_mode=pose",
        "unknown action_mode 'pose': choose from cartesian, torque",
    ),
    "task's camera": ("collect push --cameras front,top", "unknown camera 'top': .* front, side"),
    "no camera at all": ("collect push --cameras ,", "cameras = ',': .* at least 1"),
    "a camera twice": ("collect push --cameras side,side", "it takes a list of names: front, side"),
    "task's factor": (
        "collect push --factors lighting,smell",
        "unknown factor 'smell': choose from object_color, .*moving_distractors, all",
    ),
    "task's image side": ("collect push --set width=7", "width is given by --size"),
    "task's cameras": ("collect push --set cameras=[side]", "cameras is given by --cameras"),
    "task's factors": ("collect push --set factors=all", "factors is given by --factors"),
    "theirs, resized": ("collect CartPole-v1 --set resize=[8,8]", "resize is given by --size"),
    "camera of a state without frames": (
        "learn bc push --data DATA --state oracle --camera front",
        "the state 'oracle' sees no frames: leave --camera out",
    ),
    "look at another's task": ("tasks CartPole-v1", "CartPole-v1 is neither one of our tasks nor"),
    "look at a package's task": ("tasks nowhere:Two-v0", "nowhere:Two-v0 is neither"),
    "task's render mode": ("collect push --set render_mode=human", "render_mode is rgb_array"),
    "task of others that fails": (
        "collect CartPole-v1 --controller random --set sutton_barto_reward=1 nosuch=2",
        "CartPole-v1 cannot be made: .*nosuch",
    ),
    "task without a name": ("collect :Task-v0", "unknown task ':Task-v0': the tasks are"),
    "policy of another task": (
        "collect reach --controller POLICY",
        r"policy needs 'goal' of 2 numbers, dsae/Reach-v0 has \(3,\)",
    ),
    "policy of other actions": (
        "collect push --controller POLICY --set action_mode=torque",
        r"policy gives 3 action numbers, dsae/Push-v0 takes \(7,\)",
    ),
    "controller": (
        "collect push --controller exprt",
        "unknown controller 'exprt'; .*expert.*random",
    ),
    "controller is an encoder": ("collect push --controller DSAE", "there is no policy at"),
    "size": ("collect push --size big", "'big' is neither like 64 nor like 48x64"),
    "huge size": ("collect push --size 9000", "8 to 2048"),
    "learner": ("learn bcc push --data DATA", "unknown learner 'bcc': choose from bc"),
    "learner's setting": (
        "learn bc push --data DATA --set width=3",
        "no setting 'width': it has hid",
    ),
    "state": (
        "learn bc push --data DATA --state orcle",
        "unknown state 'orcle': choose from oracle",
    ),
    "images of no loop": (
        "learn lqr_flm push --images 7",
        "--images is the loop's: give --enc",
    ),
    "size of demonstrations": ("learn bc push --data DATA --size 16", "leave --size out"),
    "demonstrations left out of none": ("learn sac push --held-out 0.5", "leave --data, --held"),
    "demonstrations of none": ("learn sac push --demonstrations 3", "--demonstrations out"),
    "more demonstrations than there are": (
        "learn bc push --data DATA --demonstrations 7",
        "demonstrations = 7: .* has 6 to learn from",
    ),
    "no variance": ("learn lqr_flm push --set variance=0", "variance = 0: it must be from 1e-06"),
    "another task's data": ("learn bc reach --data DATA", "holds episodes of push, not reach"),
    "encoder of another size": (
        "learn bc push --data SMALL --state DSAE",
        r"takes uint8 images .* of 32×32×3, got uint8 of shape \(25, 24, 40, 3\)",
    ),
    "data of another size": ("evaluate DSAE --data SMALL", r"32×32×3, got uint8 of shape"),
    "frames of another size": ("overlay DSAE --data SMALL --out new.mp4", r"32×32×3, got uint8 of"),
    "no encoder": ("evaluate nowhere", "there is no encoder at nowhere"),
    "data instead of encoder": ("evaluate DATA", "there is no encoder at"),
    "no such episode": ("overlay DSAE --episode 99 --out new.mp4", "no episode 99: .* holds 6"),
    "ending": (
        "overlay DSAE --out new.avi",
        r"cannot write 'new.avi': the endings are \.mp4, \.gif",
    ),
    "no points to draw": (
        "overlay VAE --out new.mp4",
        "no spatial encoder: its code has no points",
    ),
    "no policy": ("rollout nowhere", "there is no policy at nowhere"),
    "encoder instead of policy": (
        "rollout DSAE/encoder.safetensors",
        "of kind 'encoder', not 'policy'",
    ),
    "video's ending": ("rollout POLICY --video new.avi", r"endings are \.mp4"),
    "sheet's ending": ("inspect DATA --sheet sheet.jpg", r"a \.png, not 'sheet.jpg'"),
    "sheet without rows": ("inspect DATA --rows 0", "rows = '0': .* greater than 0"),
    "sheet without columns": ("inspect DATA --columns -1", "columns = '-1': .* greater than 0"),
    "nothing to inspect": ("inspect nowhere", "nowhere is missing"),
    "nothing to import": ("import nowhere.mp4", "nowhere.mp4"),
    "task to look at": ("tasks push,psuh", "unknown task 'psuh': the tasks are arrange_toys, "),
    "task of a suite": ("tasks fetch/shove --episodes 0", "fetch/shove"),
    "negative episodes": ("tasks --episodes -1", "episodes = '-1': .* greater than or equal to 0"),
    "tiny pictures": ("tasks --size 4", "size = '4': .* greater than or equal to 8"),
    "page's ending": ("tasks --page tasks.html --episodes 0", r"a \.md, not 'tasks.html'"),
    "no configuration": ("train --config nowhere.yaml", "no configuration file nowhere.yaml"),
}


def fail(call: str, made: Made, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a call that must end with one line and status 2; return the line."""
    for name, path in made._asdict().items():
        call = re.sub(rf"\b{name.upper()}\b", str(path), call)
    status = main(call.split())
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if not line.startswith("\r")]
    assert status == 2, error
    assert len(lines) == 1, error
    assert lines[0].startswith("dsae: ")
    return lines[0]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(made.data.parent)
    call, message = MISTAKES[mistake]
    assert re.search(message, fail(call, made, capsys))
    assert contents(tmp_path) == {}
    assert contents(made.data.parent) == before


YAML = {
    "unknown key": ("stpes: 5", r"unknown key 'stpes': the keys are encoder, data, steps"),
    "wrong type": ("steps: many", r"steps = 'many'"),
    "list for a number": ("steps: [1, 2]", r"steps = \[1, 2\]"),
    "settings no mapping": ("settings: 5", r"settings = 5"),
    "setting of the encoder": ("settings: {pionts: 4}", r"no setting 'pionts'"),
    "settings a list": ("settings: [1, 2]", r"settings = \[1, 2\]: not keys and values"),
    "no mapping": ("- a\n- b", "holds a list, not keys and values"),
    "no YAML": ("steps: [1", "is no YAML"),
}


@pytest.mark.parametrize("mistake", YAML)
def test_a_mistake_in_a_configuration_file(
    mistake: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text, message = YAML[mistake]
    (tmp_path / "mine.yaml").write_text(text)
    before = contents(tmp_path)
    assert re.search(message, fail("train dsae DATA --config mine.yaml", made, capsys))
    assert contents(tmp_path) == before


def test_settings_on_the_command_line_join_those_of_the_file(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    call = "train dsae DATA --config mine.yaml --set points=few"
    (tmp_path / "mine.yaml").write_text("settings: [1, 2]")
    assert re.search(r"settings = \[1, 2\]: not keys and values", fail(call, made, capsys))
    (tmp_path / "mine.yaml").write_text("settings:")  # nothing below it
    assert "points = 'few'" in fail(call, made, capsys)
    again = "train dsae DATA --set points=few --set slowness=1"
    assert "points = 'few'" in fail(again, made, capsys)


@pytest.mark.parametrize("damage", ["empty", "cut", "no episode", "version"])
@pytest.mark.parametrize("verb", ["train dsae", "learn bc push --data"])
def test_damaged_data(
    damage: str,
    verb: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(2 * (damage != "empty")):
        name = f"episode_{number:05d}.hdf5"
        (folder / name).write_bytes((made.data / name).read_bytes())
    victim = folder / "episode_00001.hdf5"
    if damage == "cut":
        victim.write_bytes(victim.read_bytes()[:2000])
    elif damage == "no episode":
        victim.write_bytes(b"nothing of the kind")
    elif damage == "version":
        with h5py.File(victim, "a") as file:
            file.attrs["format_version"] = 99
    before = contents(tmp_path)
    line = fail(f"{verb} data", made, capsys)
    expected = {"empty": "holds no episodes", "version": "format version 99"}
    assert re.search(expected.get(damage, "episode_00001.hdf5 is damaged"), line)
    assert contents(tmp_path) == before


def test_mistakes_in_a_real_process(made: Made, tmp_path: Path) -> None:
    for call in (["trian"], ["evaluate", str(made.data)]):
        done = dsae(*call, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("dsae: ")
        assert done.stderr.count("\n") == 1
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("learner", learners.names())
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("push --set nonsense=1", "has no setting 'nonsense': it has "),
        ("push --state nowhere", "unknown state 'nowhere': choose from oracle"),
        ("nowhere --state blind", "nowhere"),
        ("push --state blind --camera front", "sees no frames: leave --camera out"),
    ],
)
def test_every_learner_refuses_what_it_cannot_do_in_one_line(
    learner: str,
    call: str,
    message: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(f"learn {learner} {call}", made, capsys)
    assert contents(tmp_path) == {}
