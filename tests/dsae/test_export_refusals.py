"""What is not written as a file: what would differ from its encoder, or cannot be exported."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import noise

from dsae import encoders, export
from dsae.encoder import Batch, Encoder, Encoding
from dsae.errors import DsaeError, EncoderError
from dsae.nn.spatial_softmax import Grid, cell_centres
from dsae.state.presence import softmax_mass

SMALL = (32, 32, 1)

every_ending = pytest.mark.parametrize("ending", export.SUFFIXES)


@dataclass(frozen=True)
class Nothing:
    """The configuration of what has none."""


class Peculiar(Encoder):
    """One number an image; a subclass makes it in a way that does not survive the export."""

    feature_size = 1

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(images.mean((1, 2, 3)).unsqueeze(1))


class Unlike(Peculiar):
    def features_of(self, images: torch.Tensor) -> Encoding:
        features = super().features_of(images).features
        return Encoding(features + 2e-5 if torch.compiler.is_exporting() else features)


class Rounding(Peculiar):
    """Rounds to about a thousandth, and its file to another thousandth than itself."""

    off = 0.0

    def features_of(self, images: torch.Tensor) -> Encoding:
        features = super().features_of(images).features + 1e4 - 1e4
        return Encoding(features + self.off if torch.compiler.is_exporting() else features)


class Choosing(Peculiar):
    def features_of(self, images: torch.Tensor) -> Encoding:
        encoding = super().features_of(images)
        return encoding if encoding.features.sum() > 0 else Encoding(-encoding.features)


@every_ending
def test_what_would_differ_is_not_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"encoder{ending}"
    export.write(path, Peculiar(Nothing(), SMALL))
    before = path.read_bytes()
    with pytest.raises(
        DsaeError,
        match=r"its features would differ from the encoder's by 2\S*e-05, more than 1e-05",
    ):
        export.write(path, Unlike(Nothing(), SMALL))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_the_encoder_itself_rounds_away_is_no_difference(tmp_path: Path) -> None:
    encoder, path = Rounding(Nothing(), SMALL), tmp_path / "encoder.pt2"
    encoder.off = 4e-4
    assert export.write(path, encoder)["features"] == pytest.approx(4e-4, rel=0.01)
    encoder.off = 4e-3
    with pytest.raises(DsaeError, match=r"would differ from the encoder's by 0\.004, more"):
        export.write(path, encoder)


@every_ending
def test_one_that_cannot_be_exported_is_one_line(ending: str, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="'test_export_refusals' cannot be exported: ") as caught:
        export.write(tmp_path / f"encoder{ending}", Choosing(Nothing(), SMALL))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_and_a_missing_package_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = encoders.create("pixels", SMALL, seed=0)
    for name in ("encoder", "encoder.pt", "encoder.onnx.gz"):
        with pytest.raises(DsaeError, match=rf"'{name}': the endings are \.onnx, \.pt2"):
            export.write(tmp_path / name, encoder)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    message = r"^onnxruntime is not installed: pip install 'dsae\[export\]', or write a \.pt2$"
    with pytest.raises(DsaeError, match=message):
        export.write(tmp_path / "encoder.onnx", encoder)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DsaeError, match=r"^onnx and onnxruntime are not installed"):
        export.write(tmp_path / "encoder.onnx", encoder)
    export.write(tmp_path / "encoder.pt2", encoder)
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.pt2"]


def test_differences_are_of_the_largest_output_and_a_border_belongs_to_both_cells() -> None:
    encoder = encoders.create("dsae", SMALL, seed=0)
    images = noise(SMALL, 2).numpy()
    encoding = encoder.encode(images)
    assert encoding.points is not None
    assert encoding.maps is not None
    right = {
        "features": encoding.features.numpy(),
        "points": encoding.points.numpy(),
        "mass": softmax_mass(encoding.points, encoding.maps, encoder.point_grid).numpy(),
    }
    assert export.differences(encoder, right, images) == dict.fromkeys(right, 0.0)
    wrong = {**right, "features": right["features"] - 0.25, "mass": right["mass"] + 0.01}
    found = export.differences(encoder, wrong, images)
    assert found == pytest.approx({"features": 0.25, "points": 0, "mass": 0.01}, abs=1e-6)
    assert export.differences(encoder, {"features": right["features"]}, images)["mass"] == np.inf


class Still(Peculiar):
    """One map of eight cells, and a point on the border of two; a third one has mass, too."""

    def features_of(self, images: torch.Tensor) -> Encoding:
        maps = torch.zeros(len(images), 1, 1, 8)
        maps[..., 3], maps[..., 4], maps[..., 5] = 0.4, 0.4, 0.2
        points = torch.zeros(len(images), 1, 2)
        return Encoding(points.flatten(1), points, maps)

    @property
    def point_grid(self) -> Grid:
        return cell_centres(1, 8)


def test_a_point_on_a_border_may_be_seen_in_either_cell() -> None:
    encoder, images = Still(Nothing(), SMALL), noise(SMALL, 1).numpy()
    outputs = {"features": np.zeros((1, 2)), "points": np.zeros((1, 1, 2))}
    for mass, difference in ((0.8, 0), (1.0, 0), (0.9, 0.1)):
        seen = {**outputs, "mass": np.full((1, 1), mass)}
        assert export.differences(encoder, seen, images)["mass"] == pytest.approx(
            difference, abs=1e-6
        )
