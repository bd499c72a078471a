"""Measure a trained encoder on the episodes held out from its training.

Example:
    dsae evaluate runs/train/push-dsae

Tracking error: the best single feature point after an affine map, both chosen on training episodes.
Probe error: a linear map of the whole code. Beside them an untrained encoder and a constant. Data
without ground truth (a person's own video) is measured by what needs none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.dataset import Dataset
from data.windows import Windows
from dsae import checkpoint, encoders
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import argument
from dsae.encoder import Encoder, Encoding
from dsae.metrics.probe import probe_errors
from dsae.metrics.reconstruction import reconstruction_error
from dsae.metrics.tracking import constant_errors, tracking_errors
from dsae.state.presence import softmax_mass

EVALUATION_FILE = "evaluation.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    run: Path = argument()
    """Run folder of a training."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    out: Path | None = None
    """Where the figures go as JSON [RUN/evaluation.json]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 0
    """Torch threads; 0 leaves the choice to torch."""


class Split(NamedTuple):
    """Frames and ground truth of the two halves of a data set."""

    train: Windows
    test: Windows


def run(options: Options) -> int:
    """Measure, write the figures, print a table."""
    device = use_device(options.device, options.threads)
    encoder = checkpoint.load(options.run, device)
    split = open_split(options.run, options.data)
    figures = {"encoder": encoders.family_of(encoder), **measure(encoder, split)}
    out = options.out or options.run / EVALUATION_FILE
    runs.save_json(out, figures)
    runs.say(table(figures))
    runs.say(f"written to {out}")
    return 0


def open_split(run_folder: Path, data: Path | None) -> Split:
    """Open the data set of a training, divided as the training divided it."""
    trained = runs.read_run(run_folder)["options"]
    if "held_out" not in trained:
        raise UsageError(f"{run_folder} is no run of 'dsae train'")
    dataset = Dataset.open(data or trained["data"])
    train, test = dataset.split(trained["held_out"])
    camera = trained["camera"]
    return Split(Windows(dataset, camera, train), Windows(dataset, camera, test))


def measure(encoder: Encoder, split: Split) -> dict[str, Any]:
    """Return every figure by name; errors are in pixels of the images."""
    height, width, _ = encoder.image_shape
    train, test = (encoder.encode(part.frames) for part in split)
    reconstruction = reconstruction_error(encoder, split.test.frames)
    figures: dict[str, Any] = {
        "image": {"height": height, "width": width},
        "held_out_frames": len(split.test.frames),
        "code_size": encoder.feature_size,
        "reconstruction": reconstruction._asdict() if reconstruction else None,
        "points": _point_figures(encoder, test),
        "keypoints": {},
    }
    if not split.test.keypoint_names:
        return figures
    with_untrained = encoders.restore(
        encoders.family_of(encoder), vars(encoder.config), encoder.image_shape
    )
    untrained = [with_untrained.encode(part.frames) for part in split]
    truth = (split.train.keypoints, split.test.keypoints)
    scores = {
        "tracking": _tracking(train, test, truth),
        "untrained_tracking": _tracking(*untrained, truth),
        "probe": _probe(train, test, truth),
        "untrained_probe": _probe(*untrained, truth),
        "constant": constant_errors(*truth),
    }
    for index, name in enumerate(split.test.keypoint_names):
        figures["keypoints"][name] = {
            f"{kind}_px": values[index] for kind, values in scores.items() if values
        }
        if values := scores["tracking"]:
            figures["keypoints"][name]["tracking_percent_of_width"] = 100 * values[index] / width
    if train.points is not None:
        tracked = tracking_errors(_numpy(train.points), truth[0], _numpy(test.points), truth[1])
        for name, result in zip(split.test.keypoint_names, tracked, strict=True):
            figures["keypoints"][name]["point"] = result.point
    return figures


def table(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = []
    if reconstruction := figures["reconstruction"]:
        lines.append(
            f"reconstruction error {reconstruction['mse']:.5f} "
            f"(mean image {reconstruction['mean_image_mse']:.5f})"
        )
    if figures["points"]:
        masses = figures["points"]["mean_softmax_mass"]
        lines.append(f"{len(masses)} points, mean softmax mass around them {np.mean(masses):.2f}")
    if figures["keypoints"]:
        width = figures["image"]["width"]
        lines.append(f"mean error on held-out episodes, in pixels of {width}:")
        kinds = ("tracking", "untrained_tracking", "probe", "untrained_probe", "constant")
        shown = [kind for kind in kinds if any(f"{kind}_px" in k for k in _rows(figures))]
        lines.append(f"  {'':16}" + "".join(f"{kind.replace('_', ' '):>20}" for kind in shown))
        for name, row in figures["keypoints"].items():
            cells = "".join(f"{row[f'{kind}_px']:20.2f}" for kind in shown)
            lines.append(f"  {name:16}{cells}")
    return "\n".join(lines)


def _rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    return list(figures["keypoints"].values())


def _point_figures(encoder: Encoder, encoding: Encoding) -> dict[str, list[float]] | None:
    """Return how sharp each point is and how far it moves, in the units of the points."""
    if encoding.points is None or encoding.maps is None:
        return None
    mass = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
    return {
        "mean_softmax_mass": mass.mean(dim=0).tolist(),
        "spread": encoding.points.std(dim=0).norm(dim=-1).tolist(),
    }


def _tracking(train: Encoding, test: Encoding, truth: tuple[Any, Any]) -> list[float]:
    if train.points is None:
        return []
    results = tracking_errors(_numpy(train.points), truth[0], _numpy(test.points), truth[1])
    return [result.error for result in results]


def _probe(train: Encoding, test: Encoding, truth: tuple[Any, Any]) -> list[float]:
    return probe_errors(_numpy(train.features), truth[0], _numpy(test.features), truth[1])


def _numpy(tensor: Any) -> np.ndarray:
    return tensor.cpu().numpy()
