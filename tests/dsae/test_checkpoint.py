import io
import json
import os
from pathlib import Path

import pytest
import torch
from blobs import noise
from safetensors.torch import save_file

from dsae import checkpoint, encoders, load
from dsae.errors import CheckpointError

SHAPE = (32, 32, 3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run" / checkpoint.ENCODER_FILE
    checkpoint.save(path, encoders.create("dsae", SHAPE, seed=0), steps=7)
    return path


def test_a_run_folder_or_its_file_is_loaded(file: Path) -> None:
    images = noise(SHAPE)
    first, second = load(file).encode(images), load(file.parent).encode(images)
    assert torch.equal(first.features, second.features)
    assert checkpoint.read(file, kind="encoder")[1]["steps"] == 7


def test_same_weights_are_same_bytes_and_nothing_else_is_left(file: Path) -> None:
    before = file.read_bytes()
    checkpoint.save(file, load(file), steps=7)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"there is no encoder at {tmp_path}"):
        load(tmp_path)
    with pytest.raises(CheckpointError, match="there is no encoder at"):
        load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("damage", ["empty", "cut", "header", "text"])
def test_a_damaged_file_is_an_error_that_names_it(file: Path, damage: str) -> None:
    content = file.read_bytes()
    damaged = {
        "empty": b"",
        "cut": content[:-100],
        "header": content[:20] + b"\xff" * 50 + content[70:],
        "text": b"not a checkpoint at all",
    }[damage]
    file.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged or no safetensors file") as caught:
        load(file)
    assert str(file) in str(caught.value)


def test_another_format_names_both(file: Path) -> None:
    tensors, header = checkpoint.read(file, kind="encoder")
    save_file(tensors, file, {"dsae": json.dumps({**header, "format": 99})})
    with pytest.raises(CheckpointError, match="has format 99, this version reads 1"):
        load(file)
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match="has format None"):
        load(file)


def test_another_kind_names_both(file: Path) -> None:
    with pytest.raises(CheckpointError, match="of kind 'encoder', not 'policy'"):
        checkpoint.read(file, kind="policy")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"family": "gone"}, "unknown encoder 'gone'"), ({"config": {"gone": 1}}, "does not fit")],
)
def test_what_this_version_does_not_know_is_refused(
    file: Path, change: dict[str, object], message: str
) -> None:
    tensors, header = checkpoint.read(file, kind="encoder")
    header["encoder"].update(change)
    save_file(tensors, file, {"dsae": json.dumps(header)})
    with pytest.raises(ValueError, match=message):
        load(file)


def test_weights_of_another_shape_are_refused_in_one_line(file: Path) -> None:
    tensors, header = checkpoint.read(file, kind="encoder")
    header["encoder"]["config"]["points"] = 5
    save_file(tensors, file, {"dsae": json.dumps(header)})
    with pytest.raises(CheckpointError, match="does not fit this version") as caught:
        load(file)
    assert "\n" not in str(caught.value)


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    bait = tmp_path / checkpoint.ENCODER_FILE
    torch.save({"weights": Malicious(marker)}, bait)
    with pytest.raises(CheckpointError, match="damaged or no safetensors file"):
        load(bait)
    assert not marker.exists()
    torch.load(io.BytesIO(bait.read_bytes()), weights_only=False)  # the bait does work
    assert marker.exists()


def test_an_interrupted_write_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        checkpoint.write(file, {}, kind="encoder", extra=object())
    assert file.read_bytes() == before


def test_an_optimizer_goes_on_from_what_was_told_of_it() -> None:
    def steps(count: int, model: torch.nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            model(torch.ones(1, 3)).sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    models = [torch.nn.Linear(3, 2) for _ in range(2)]
    optimizers = [torch.optim.AdamW(model.parameters(), 0.1) for model in models]
    steps(3, models[0], optimizers[0])
    models[1].load_state_dict(models[0].state_dict())
    told = checkpoint.describe_optimizer(optimizers[0])
    kept = checkpoint.part({f"adam.{name}": value for name, value in told.items()}, "adam.")
    checkpoint.restore_optimizer(optimizers[1], {name: v.clone() for name, v in kept.items()})
    for model, optimizer in zip(models, optimizers, strict=True):
        steps(2, model, optimizer)
    assert torch.equal(models[0].weight, models[1].weight)
