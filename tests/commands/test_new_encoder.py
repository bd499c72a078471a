"""Adding an encoder is adding one file."""

import shutil
from pathlib import Path

import pytest
from terminal import ROOT, Made, with_package

FILE = '''"""The mean colour of each quarter of the image, drawn by a linear layer."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from dsae import encoder
from dsae.encoder import Encoding, as_float


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing but its learning."""

    gain: float = 1.0
    """First weight."""

    unexplained: int = 3


PRESETS = {"loud": Config(gain=2.0)}


class Encoder(encoder.Encoder):
    """Four colours, each scaled by what is learned."""

    def __init__(self, config, image_shape):
        super().__init__(config, image_shape)
        self.scale = torch.nn.Parameter(torch.tensor(config.gain))

    @property
    def feature_size(self):
        return 4 * self.image_shape[2]

    def features_of(self, images):
        return Encoding(self.scale * functional.adaptive_avg_pool2d(images, 2).flatten(1))

    def decode(self, features, robot=None):
        return features.unflatten(1, (-1, 2, 2))

    def loss(self, batch, generator):
        images = as_float(batch.images.flatten(0, 1))
        target = functional.adaptive_avg_pool2d(images, 2)
        return {"loss": ((self.decode(self.features_of(images).features) - target) ** 2).mean()}
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more file in it."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "dsae", folder / "dsae", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dsae" / "encoders" / "quarters.py").write_text(FILE, encoding="utf-8")
    return folder


def test_a_file_dropped_into_the_folder_is_an_encoder(made: Made, package: Path) -> None:
    unknown = with_package(package, "train", "nonesuch", made.data)
    assert unknown.returncode == 2
    assert "quarters, quarters:loud" in unknown.stderr

    listed = with_package(package, "encoders", "quarters")
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert lines[-2:] == ["  gain = 1.0: First weight.", "  unexplained = 3"]

    run = package / "run"
    training = ("--steps", 30, "--batch", 4, "--learning-rate", 0.05, "--threads", 1)
    trained = with_package(package, "train", "quarters:loud", made.data, *training, "--out", run)
    assert trained.returncode == 0, trained.stderr
    evaluated = with_package(package, "evaluate", run, "--threads", 1)
    assert evaluated.returncode == 0, evaluated.stderr
    cloned = with_package(
        package, "learn", "bc", "push", "--data", made.data, "--state", run, "--set", "epochs=1",
        "hidden=4", "--threads", 1, "--out", package / "policy",
    )  # fmt: skip
    assert cloned.returncode == 0, cloned.stderr
