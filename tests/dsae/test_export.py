"""Files of encoders, run by onnxruntime and by torch.export as a user would run them."""

import json
import os
import pydoc
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from blobs import SIZES, batch, film, noise

from dsae import encoders, export
from dsae.checkpoint import describe_encoder
from dsae.encoder import Encoder, ImageShape
from dsae.state.presence import softmax_mass

SHAPE = (48, 80, 3)
SMALL = (32, 32, 1)
SPATIAL = {"features", "points", "mass"}

every_encoder = pytest.mark.parametrize("name", encoders.names())
every_ending = pytest.mark.parametrize("ending", export.SUFFIXES)
every_kind = pytest.mark.parametrize("name", ["dsae", "vae", "pca", "pixels", "supervised"])


def trained(name: str, shape: ImageShape = SHAPE) -> Encoder:
    """Return an encoder after its preparation and a step: all its statistics have moved."""
    encoder = encoders.create(name, shape, seed=1, sizes=SIZES)
    encoder.prepare(film(shape, episodes=2).data)
    if encoder.learns:
        optimizers = encoder.optimizers(1e-2)
        encoder.update(batch(shape), optimizers, torch.Generator().manual_seed(0))
    return encoder.eval()


def onnx_outputs(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def pt2_outputs(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    outputs = torch.export.load(path).module()(torch.from_numpy(images))
    return {name: value.numpy() for name, value in outputs.items()}


def assert_same(
    outputs: dict[str, np.ndarray], encoder: Encoder, images: np.ndarray, tolerance: float = 1e-5
) -> None:
    """Compare with the encoder itself, by other means than `export.differences`."""
    encoding = encoder.encode(images)
    wanted = {"features": encoding.features}
    if encoding.points is not None:
        assert encoding.maps is not None
        wanted["points"] = encoding.points
        wanted["mass"] = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
    assert outputs.keys() == wanted.keys()
    for name, value in wanted.items():
        assert outputs[name].shape == value.shape
        assert outputs[name].dtype == np.float32
        scale = max(1.0, float(value.abs().max()))
        np.testing.assert_allclose(
            outputs[name], value, rtol=0, atol=tolerance * scale, err_msg=name
        )


@every_encoder
@every_ending
def test_every_encoder_gives_the_same_from_its_file(name: str, ending: str, tmp_path: Path) -> None:
    encoder, path = trained(name), tmp_path / f"encoder{ending}"
    frames = film(SHAPE, episodes=1).frames
    found = export.write(path, encoder, frames)
    assert max(found.values()) <= 1e-5
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    outputs_of = onnx_outputs if ending == ".onnx" else pt2_outputs
    for images in (frames, frames[:1]):
        assert_same(outputs_of(path, images), encoder, images)
    # In noise no place stands out: there an encoder, too, is this far from exact arithmetic.
    images = noise(SHAPE, 7).numpy()
    assert_same(outputs_of(path, images), encoder, images, tolerance=5e-5)


@every_kind
@every_ending
@pytest.mark.parametrize("shape", [(64, 64, 3), SMALL], ids=["64x64x3", "32x32x1"])
def test_other_images_too(name: str, ending: str, shape: ImageShape, tmp_path: Path) -> None:
    encoder, path = trained(name, shape), tmp_path / f"encoder{ending}"
    export.write(path, encoder)
    images = film(shape, episodes=1).frames[:4]
    images[0], images[1] = 0, 255
    outputs_of = onnx_outputs if ending == ".onnx" else pt2_outputs
    assert_same(outputs_of(path, images), encoder, images)


@pytest.fixture(scope="module")
def spatial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spatial encoder as encoder.onnx and encoder.pt2."""
    folder = tmp_path_factory.mktemp("spatial")
    encoder = trained("dsae", (64, 64, 3))
    for ending in export.SUFFIXES:
        export.write(folder / f"encoder{ending}", encoder)
    return folder


def test_onnx_is_one_checked_file_that_says_what_it_is(spatial: Path) -> None:
    model = onnx.load(spatial / "encoder.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == export.OPSET
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert not any("decoder" in tensor.name for tensor in model.graph.initializer)
    (images,) = model.graph.input
    assert images.name == "images"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sizes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (images, *model.graph.output)
    }
    assert sizes == {
        "images": ["batch", 64, 64, 3],
        "features": ["batch", 32],
        "points": ["batch", 16, 2],
        "mass": ["batch", 16],
    }


def test_both_files_describe_the_encoder_alike(spatial: Path) -> None:
    session = onnxruntime.InferenceSession(spatial / "encoder.onnx")
    about = session.get_modelmeta().custom_metadata_map
    extra = {"dsae.json": ""}
    torch.export.load(spatial / "encoder.pt2", extra_files=extra)
    assert json.loads(extra["dsae.json"]) == about
    encoder = trained("dsae", (64, 64, 3))
    assert about["format"] == str(export.FORMAT_VERSION)
    assert about["family"] == "dsae"
    assert json.loads(about["config"]) == describe_encoder(encoder)["config"]
    assert json.loads(about["image_shape"]) == [64, 64, 3]
    assert "red, green, blue" in about["images"]
    assert "y down" in about["coordinates"]
    assert json.loads(about["mass"]) == {"window": 3, "uniform": 9 / 32**2}
    assert json.loads(about["layout"])[:3] == ["x0", "y0", "x1"]


@pytest.mark.parametrize(("name", "length"), [("vae", 32), ("supervised", 2), ("pixels", 192)])
def test_a_code_without_points_has_numbered_features(name: str, length: int) -> None:
    about = export.describe(trained(name, (32, 32, 3)))
    assert json.loads(about["layout"]) == [f"z{index}" for index in range(length)]
    assert ("coordinates" in about) == ("mass" in about) == (name == "supervised")


def test_a_pt2_holds_no_pickle_no_decoder_and_no_path_of_this_machine(spatial: Path) -> None:
    with zipfile.ZipFile(spatial / "encoder.pt2") as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert files.pop("data/sample_inputs/model.pt") == b""
    configs = [
        json.loads(files[f"data/{kind}/model_{kind}_config.json"])["config"]
        for kind in ("weights", "constants")
    ]
    assert len(configs[0]) > 10
    for config in configs:
        assert not any(entry["use_pickle"] for entry in config.values())
        assert not any("decoder" in name or "background" in name for name in config)
    raw = {f"data/weights/{entry['path_name']}" for entry in configs[0].values()}
    named = {name for name in files if name.startswith(("data/weights/w", "data/constants/t"))}
    assert named == raw
    for content in files.values():
        assert str(Path.cwd()).encode() not in content


@every_ending
def test_the_same_encoder_gives_the_same_bytes_and_is_left_as_it_was(ending: str) -> None:
    encoder = trained("dsae", SMALL).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    contents = [export.to_bytes(encoder, ending) for _ in range(2)]
    assert contents[0] == contents[1]
    assert encoder.training
    assert all(p.requires_grad for p in encoder.trunk.parameters())  # type: ignore[union-attr]
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("block", [0, 1])
def test_the_docstrings_examples_run(
    block: int, spatial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = pydoc.getdoc(export).split("\n\n")
    examples = [textwrap.dedent(part) for part in parts if part.startswith("    ")]
    starts = [index for index, part in enumerate(examples) if part.startswith("import")]
    assert len(starts) == 2
    code = "\n".join(examples[starts[block] : [*starts, len(examples)][block + 1]])
    monkeypatch.chdir(spatial)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["code"].keys() == SPATIAL
    assert names["code"]["points"].shape == (5, 16, 2)
    about = names["about"]
    assert (about if block == 0 else json.loads(about["dsae.json"]))["family"] == "dsae"


def test_onnx_is_imported_only_when_it_is_needed(tmp_path: Path) -> None:
    code = "import sys, dsae.export; print(*{'onnx', 'onnxscript', 'onnxruntime'} & {*sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_trial_images_are_noise_and_scenes_of_every_brightness() -> None:
    images = export.trial_images(SHAPE, count=8)
    assert (images.shape, images.dtype) == ((16, *SHAPE), np.uint8)
    steps = np.abs(np.diff(images.astype(int), axis=1)).mean((1, 2, 3))
    rough, smooth = steps[:8].mean(), steps[8:].mean()
    assert rough > 5 * smooth > 0
    np.testing.assert_array_equal(images, export.trial_images(SHAPE, count=8))
    assert len({image.tobytes() for image in images}) == 16
