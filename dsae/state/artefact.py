"""A state estimator as one file: encoders, thresholds, noises, what is kept, and the layout."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsae import checkpoint
from dsae.errors import CheckpointError
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.layout import Part
from dsae.state.perception import Perception

STATE_FILE = "state.safetensors"
KIND = "state"
ENCODER = "encoder."  # what the names of its weights begin with

Tensors = dict[str, torch.Tensor]


def save(path: str | Path, estimator: StateEstimator, **extra: Any) -> None:
    """Write an estimator as one file; `extra` is JSON that comes along in the header."""
    tensors, header = describe(estimator)
    checkpoint.write(path, tensors, kind=KIND, estimator=header, **extra)


def load(path: str | Path, device: str | torch.device = "cpu") -> StateEstimator:
    """Load an estimator from its file, or from the folder that holds one, ready for use.

    Needs torch, numpy and safetensors alone. Raises CheckpointError if there is none, or if the
    file is damaged or of another format.
    """
    path = Path(path)
    file = path / STATE_FILE if path.is_dir() else path
    tensors, header = checkpoint.read(file, kind=KIND)
    if not isinstance(header.get("estimator"), dict):
        raise CheckpointError(f"{file} is damaged: its header has no estimator")
    return restore(tensors, header["estimator"], device)


def describe(estimator: StateEstimator) -> tuple[Tensors, dict[str, Any]]:
    """Return an estimator as tensors and JSON, for `restore`."""
    tensors: Tensors = {}
    for camera, perception in estimator.perceptions.items():
        for name, value in perception.encoder.state_dict().items():
            tensors[f"{camera}/{ENCODER}{name}"] = value
        arrays: dict[str, np.ndarray | None] = {
            **perception.noise._asdict(),
            "kept": perception.kept,
            "movable": perception.movable,
            "told": perception.told,
            "slopes": perception.slopes,
            "usual": perception.usual,
            "thresholds": perception.thresholds,
            "nothing": perception.nothing,
        }
        for name, array in arrays.items():
            if array is not None:
                tensors[f"{camera}/{name}"] = torch.from_numpy(np.array(array))
    return tensors, {
        "cameras": [  # in the order of the layout, which JSON objects do not keep here
            [camera, checkpoint.describe_encoder(perception.encoder)]
            for camera, perception in estimator.perceptions.items()
        ],
        "robot": [list(part) for part in estimator.robot],
        "rate": estimator.rate,
    }


def restore(
    tensors: Tensors, description: dict[str, Any], device: str | torch.device = "cpu"
) -> StateEstimator:
    """Build the described estimator."""
    try:
        perceptions = {
            camera: _perception(
                {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{camera}/")},
                encoder,
                device,
            )
            for camera, encoder in description["cameras"]
        }
        robot = tuple(Part(name, size) for name, size in description["robot"])
        return StateEstimator(perceptions, robot, float(description["rate"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the state lacks or spoils {error}") from error


def _perception(
    tensors: Tensors, description: dict[str, Any], device: str | torch.device
) -> Perception:
    weights = {
        name.removeprefix(ENCODER): value
        for name, value in tensors.items()
        if name.startswith(ENCODER)
    }
    arrays = {
        name: value.numpy() for name, value in tensors.items() if not name.startswith(ENCODER)
    }
    return Perception(
        checkpoint.restore_encoder(weights, description).to(device).eval(),
        thresholds=arrays.get("thresholds"),
        nothing=arrays.get("nothing"),
        noise=Noise(arrays["acceleration"], arrays["measurement"], arrays.get("velocity")),
        usual=arrays["usual"],
        kept=arrays["kept"],
        movable=arrays["movable"],
        told=arrays.get("told"),  # older files know neither
        slopes=arrays.get("slopes"),
    )
