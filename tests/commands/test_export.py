"""`export`: an encoder as a file that others run."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from terminal import Made, contents, dsae

from data.dataset import Dataset
from dsae import checkpoint
from dsae.__main__ import main

Capture = pytest.CaptureFixture[str]
FIGURE = r"\d\.\de[-+]\d\d"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Path:
    """A run folder that a test may write into."""
    return Path(shutil.copytree(made.dsae, tmp_path / "run"))


def test_a_process_writes_what_encodes_as_the_encoder_does(
    made: Made, copied: Path, tmp_path: Path
) -> None:
    before = contents(copied)
    done = dsae("export", copied, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    out = copied / "encoder.onnx"
    assert first == f"{out}: uint8 images (batch, 32, 32, 3) to features, points, mass"
    wanted = rf"on 32 made-up images and 32 frames: features ({FIGURE}), points {FIGURE}, mass"
    found = re.search(wanted, second)
    assert found, second
    assert float(found[1]) <= 1e-5
    assert contents(copied) == {**before, "encoder.onnx": out.read_bytes()}

    frames = Dataset.open(made.data).read(5).images["front"]
    outputs = onnxruntime.InferenceSession(out).run(None, {"images": frames})
    encoding = checkpoint.load(copied).encode(frames)
    np.testing.assert_allclose(outputs[0], encoding.features, rtol=0, atol=1e-5)
    np.testing.assert_allclose(outputs[1], encoding.points, rtol=0, atol=1e-5)


def test_the_ending_chooses(made: Made, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new" / "vae.pt2"
    assert run("export", made.vae, "--out", out) == 0
    assert re.search(rf"to features\n.*32 frames: features {FIGURE}\n$", capsys.readouterr().out)
    frames = Dataset.open(made.data).read(0).images["front"]
    outputs = torch.export.load(out).module()(torch.from_numpy(frames))
    wanted = checkpoint.load(made.vae).encode(frames).features
    torch.testing.assert_close(outputs["features"], wanted, rtol=0, atol=1e-5)


def test_an_existing_file_is_kept_until_told_otherwise(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "encoder.pt2"
    out.write_text("mine")
    assert run("export", made.vae, "--out", out) == 2
    assert capsys.readouterr().err == (
        f"dsae: {out} exists: choose another name or give --overwrite\n"
    )
    assert out.read_text() == "mine"
    assert run("export", made.vae, "--out", out, "--overwrite") == 0
    assert out.stat().st_size > 10_000


def test_without_the_data_it_is_tried_on_made_up_images(
    made: Made, copied: Path, tmp_path: Path, capsys: Capture
) -> None:
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace(str(made.data), str(tmp_path / "gone")))
    out = tmp_path / "encoder.pt2"
    assert run("export", copied, "--out", out) == 0
    note, _, last = capsys.readouterr().out.splitlines()
    assert note.startswith("note: tried on no frames of the training's data set: ")
    assert f"{tmp_path / 'gone'} is missing" in note
    assert "on 32 made-up images: features" in last
    assert run("export", copied, "--data", made.data, "--out", out, "--overwrite") == 0
    assert "and 32 frames:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("VAE --out new.pt", r"'new\.pt': the endings are \.onnx, \.pt2"),
        ("VAE --out new", r"'new': the endings are \.onnx, \.pt2"),
        ("VAE/encoder.safetensors --out new.onnx", "is a file: name the run folder"),
        ("VAE --out VAE/config.yaml/x.pt2", "config.yaml is a file, not a folder"),
        ("nowhere --out new.pt2", "there is no encoder at nowhere"),
        ("DATA --out new.pt2", "there is no encoder at"),
        ("VAE --data SMALL --out new.pt2", r"32×32×3, got uint8 of shape"),
        ("VAE --data nowhere --out new.pt2", "nowhere is missing"),
    ],
)
def test_a_mistake_is_one_line(
    call: str,
    message: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, path in made._asdict().items():
        call = re.sub(rf"\b{name.upper()}\b", str(path), call)
    before = contents(made.vae)
    assert run("export", *call.split()) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"dsae: [^\n]+\n", error), error
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
    assert contents(made.vae) == before


def test_a_missing_package_is_named_with_how_to_install_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    assert run("export", made.vae, "--out", tmp_path / "x.onnx") == 2
    assert capsys.readouterr().err == (
        "dsae: onnxruntime is not installed: pip install 'dsae[export]', or write a .pt2\n"
    )
    assert contents(tmp_path) == {}
