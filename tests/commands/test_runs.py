"""Output folders: refused if finished, different or somebody else's; never emptied by mistake."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from terminal import Made, contents

from dsae.__main__ import main
from dsae.commands import runs
from dsae.commands.train import Options
from dsae.encoders import dsae

Capture = pytest.CaptureFixture[str]


def train(made: Made, out: Path, *more: str) -> int:
    call = ["train", "dsae", str(made.data), "--steps", "3", "--batch", "2", "--threads", "1"]
    return main([*call, "--out", str(out), *more])


def refused(capsys: Capture) -> str:
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.splitlines()[-1]


def test_a_finished_run_is_refused_and_left_alone(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "run"
    assert train(made, out) == 0
    before = contents(out)
    assert train(made, out) == 2
    assert "holds this run already, finished: choose another --out or give --overw" in refused(
        capsys
    )
    assert train(made, out, "--seed", "5", "--learning-rate", "0.1") == 2
    assert "holds a run with another learning_rate, seed" in refused(capsys)
    assert contents(out) == before


def test_an_option_that_there_was_not_yet_is_no_other(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "run"
    assert train(made, out) == 0
    record = yaml.safe_load((out / "config.yaml").read_text())
    record["finished"] = False
    del record["options"]["held_out"]
    (out / "config.yaml").write_text(yaml.safe_dump(record))
    assert train(made, out, "--held-out", "0.5") == 2
    assert "holds a run with another held_out" in refused(capsys)
    gone = {**record, "options": {**record["options"], "eye": "left"}}
    (out / "config.yaml").write_text(yaml.safe_dump(gone))
    assert train(made, out) == 2
    assert "holds a run with another eye" in refused(capsys)
    (out / "config.yaml").write_text(yaml.safe_dump(record))
    assert train(made, out) == 0


def test_overwrite_replaces_a_run_by_the_same_bytes(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(made, out) == 0
    first = (out / "encoder.safetensors").read_bytes()
    assert train(made, out, "--overwrite", "--seed", "5") == 0
    assert (out / "encoder.safetensors").read_bytes() != first
    assert train(made, out, "--overwrite") == 0
    assert (out / "encoder.safetensors").read_bytes() == first


def test_a_run_does_not_go_on_with_other_data(made: Made, tmp_path: Path, capsys: Capture) -> None:
    out, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(made.data, data)
    grown = made._replace(data=data)
    assert train(grown, out) == 0
    record = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(record.replace("finished: true", "finished: false"))
    before = contents(out)
    shutil.copy(data / "episode_00005.hdf5", data / "episode_00006.hdf5")
    assert train(grown, out) == 2
    line = refused(capsys)
    assert "changed since it was begun (then 6 episodes, 150 frames, " in line
    assert "now 7 episodes, 175 frames" in line
    assert "choose another --out or give --overwrite" in line
    assert contents(out) == before
    (data / "episode_00006.hdf5").unlink()
    assert train(grown, out) == 0


def test_a_learning_does_not_go_on_with_another_encoder(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    seen, out = tmp_path / "seen", tmp_path / "run"
    shutil.copytree(made.dsae, seen)
    call = ["learn", "bc", "push", "--data", str(made.data), "--state", str(seen), "--threads", "1"]
    call += ["--set", "epochs=1", "hidden=4", "--out", str(out)]
    assert main(call) == 0
    record = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(record.replace("finished: true", "finished: false"))
    before = contents(out)
    shutil.copy(made.vae / "encoder.safetensors", seen / "encoder.safetensors")
    assert main(call) == 2
    assert f"the state of {out} changed since it was begun" in refused(capsys)
    assert contents(out) == before


def test_the_seconds_of_a_killed_run_count(tmp_path: Path) -> None:
    options = Options(encoder="dsae", data=Path("data"))
    runs.open_run(tmp_path / "run", "train", options, overwrite=False)
    config = tmp_path / "run/config.yaml"
    worked = tmp_path / "run/metrics.jsonl"
    worked.touch()
    begin = config.stat().st_mtime
    for spent in (100, 103):
        os.utime(worked, (0, begin + spent))
        with runs.open_run(tmp_path / "run", "train", options, overwrite=False):
            pass  # killed again
        begin = config.stat().st_mtime - 100
    with runs.open_run(tmp_path / "run", "train", options, overwrite=False) as last:
        last.finish()
    assert 102.9 < yaml.safe_load(config.read_text())["seconds"] < 110


def test_an_evaluation_spares_the_figures_of_other_data(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    out, other = tmp_path / "run", tmp_path / "other"
    assert train(made, out) == 0
    shutil.copytree(made.data, other)
    call = ["evaluate", str(out), "--threads", "1"]
    assert main(call) == 0
    own = (out / "evaluation.json").read_bytes()
    assert main([*call, "--data", str(other)]) == 0
    assert (out / "evaluation.json").read_bytes() == own
    there = out / "evaluation-other.json"
    assert there.exists()
    mine = tmp_path / "mine.json"
    mine.write_text("mine")
    for more, path in ((["--data", str(other)], there), (["--out", str(mine)], mine)):
        before = path.read_bytes()
        assert main([*call, *more]) == 2
        assert f"{path} exists: choose another name or give --overwrite" in refused(capsys)
        assert path.read_bytes() == before
    assert main([*call, "--out", str(mine), "--overwrite"]) == 0
    assert mine.read_bytes() != b"mine"
    assert main([*call, "--data", str(made.data)]) == 0  # its own data, by name


def test_a_run_of_another_verb_is_refused(made: Made, tmp_path: Path, capsys: Capture) -> None:
    before = contents(made.data)
    # Neither what it reads nor another verb's run, not even with --overwrite.
    for flags in ([], ["--overwrite"]):
        assert train(made, made.data, *flags) == 2
        assert "which this run reads" in refused(capsys)
        assert main(["train", "vae", str(made.small), "--out", str(made.data), *flags]) == 2
        assert "holds a run of 'dsae collect'" in refused(capsys)
    assert contents(made.data) == before


def test_a_name_is_no_path_and_a_product_no_input(
    made: Made, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    collect = ["collect", "push", "--episodes", "1", "--size", "32", "--workers", "0"]
    for flags in ([], ["--overwrite"]):  # the second finds a folder that is called as the task
        assert main([*collect, "--out", "push", *flags]) == 0
    shutil.copytree(made.policy, "policy")
    assert main([*collect, "--controller", "policy", "--out", "policy", "--overwrite"]) == 2
    assert "policy holds policy, which this run reads" in refused(capsys)
    film = ["--episodes", "1", "--workers", "1", "--video", "out/film.mp4", "--out", "out"]
    for flags in ([], ["--overwrite"]):
        assert main(["rollout", str(made.policy), *film, *flags]) == 0
        assert Path("out/film.mp4").exists()


def test_what_overwrite_replaces_is_kept_until_the_new_run_is_finished(
    made: Made, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert train(made, out) == 0
    before = contents(out)
    options = Options(encoder="dsae", data=made.data, out=out, seed=3)

    def fail() -> None:
        with runs.open_run(out, "train", options, overwrite=True):
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert contents(out) == before
    with runs.open_run(out, "train", options, overwrite=True) as run:
        assert contents(tmp_path / ".run.replaced") == before
        run.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert set(contents(out)) == {"config.yaml"}


@pytest.mark.parametrize("flag", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "call",
    [
        "train dsae DATA --steps 1 --batch 1 --out FOREIGN",
        "collect push --episodes 1 --size 32 --workers 0 --out FOREIGN",
        "learn bc push --data DATA --state blind --out FOREIGN",
        "rollout POLICY --episodes 1 --out FOREIGN",
        "import SOURCE --out FOREIGN",
        "demo --quick --out FOREIGN",
    ],
)
def test_a_folder_that_no_run_made_is_never_touched(
    call: str, flag: list[str], made: Made, tmp_path: Path, capsys: Capture
) -> None:
    foreign, source = tmp_path / "thesis", tmp_path / "images"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("years of work")
    source.mkdir()
    before = contents(foreign)
    for name, path in {"FOREIGN": foreign, "SOURCE": source, **made._asdict()}.items():
        call = call.replace(name.upper(), str(path))
    assert main(call.split() + flag) == 2
    assert "is no run of dsae" in refused(capsys)
    assert contents(foreign) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: 99\nverb: train", "is of another format than 1"),
        ("just text", "another format"),
        ("a: [1", "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read_is_no_licence_to_overwrite(
    text: str, message: str, made: Made, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    before = contents(tmp_path)
    for flag in ([], ["--overwrite"]):
        assert train(made, tmp_path, *flag) == 2
        assert message in refused(capsys)
    assert contents(tmp_path) == before


def test_an_existing_video_is_kept(made: Made, tmp_path: Path, capsys: Capture) -> None:
    video = tmp_path / "mine.png"
    video.write_bytes(b"mine")
    call = ["overlay", str(made.dsae), "--out", str(video)]
    assert main(call) == 2
    assert "exists: choose another name or give --overwrite" in refused(capsys)
    assert video.read_bytes() == b"mine"
    assert main([*call, "--overwrite"]) == 0
    assert video.read_bytes().startswith(b"\x89PNG")


def test_the_resolved_configuration_is_saved(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(made, out, "--seed", "7", "--set", "points=4", "slowness=0.5") == 0
    record = yaml.safe_load((out / "config.yaml").read_text())
    assert record["verb"] == "train"
    assert record["finished"] is True
    options = record["options"]
    assert options["seed"] == 7
    assert options["data"] == str(made.data)
    assert options["learning_rate"] == 2e-3  # a default is written down too
    # Every setting of the encoder, the defaults too.
    assert options["settings"] == vars(dsae.Config(points=4, slowness=0.5))
    assert {"python", "torch", "numpy", "mujoco"} <= set(record["versions"])
    assert "git" in record


def test_without_out_a_run_goes_under_runs(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["train", "vae:beta4", str(made.data), "--steps", "1", "--batch", "1", "--threads", "1"]
    assert main(call) == 0
    assert (tmp_path / "runs/train/data-vae-beta4/encoder.safetensors").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
