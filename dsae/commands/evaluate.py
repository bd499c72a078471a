"""Measure a trained encoder on the episodes held out from its training.

Example:
    dsae evaluate runs/train/push-dsae

Tracking error: the best single feature point after an affine map, both chosen on training episodes.
Probe error: a linear map of the whole code. Beside them an untrained encoder and a constant. Data
without ground truth (a person's own video) is measured by what needs none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import Field

from data.dataset import Dataset
from data.windows import Windows
from dsae import checkpoint, encoders
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.options import argument
from dsae.encoder import ENCODE_CHUNK, Encoder
from dsae.metrics.probe import probe_errors
from dsae.metrics.reconstruction import reconstruction_error
from dsae.metrics.tracking import Tracking, constant_errors, tracking_errors
from dsae.state.presence import softmax_mass

EVALUATION_FILE = "evaluation.json"
FIT_FRAMES = 4000  # training frames, evenly spaced, that points, maps and probes are fitted on


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
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch."""


class Split(NamedTuple):
    """Frames and ground truth of the two halves of a data set."""

    train: Windows
    test: Windows


class Codes(NamedTuple):
    """What is kept of the encoding of many frames: not the softmax maps, which are large."""

    features: np.ndarray
    points: np.ndarray | None
    mass: np.ndarray | None
    """Softmax mass around each point, (N, K)."""

    @classmethod
    def of(cls, encoder: Encoder, frames: np.ndarray) -> "Codes":
        """Encode frames, uint8 (N, H, W, C), a chunk at a time."""
        parts = []
        for chunk in torch.from_numpy(frames).split(ENCODE_CHUNK):
            code = encoder.encode(chunk)
            arrays: list[torch.Tensor | None] = [code.features, code.points, None]
            if code.points is not None and code.maps is not None:
                arrays[2] = softmax_mass(code.points, code.maps, encoder.point_grid)
            parts.append([None if a is None else a.cpu().numpy() for a in arrays])
        features, points, mass = zip(*parts, strict=True)
        spatial = points[0] is not None
        return cls(
            np.concatenate(features),
            np.concatenate(points) if spatial else None,
            np.concatenate(mass) if spatial else None,
        )


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
    trained = runs.trained_options(run_folder)
    dataset = Dataset.open(data or trained["data"])
    train, test = dataset.split(trained["held_out"])
    camera = trained["camera"]
    return Split(Windows(dataset, camera, train), Windows(dataset, camera, test))


def measure(encoder: Encoder, split: Split) -> dict[str, Any]:
    """Return every figure by name; errors are in pixels of the images."""
    height, width, _ = encoder.image_shape
    spread = slice(None, None, -(-len(split.train.frames) // FIT_FRAMES))
    seen, held_out = split.train.frames[spread], split.test.frames
    train, test = Codes.of(encoder, seen), Codes.of(encoder, held_out)
    reconstruction = reconstruction_error(encoder, held_out)
    figures: dict[str, Any] = {
        "image": {"height": height, "width": width},
        "held_out_frames": len(held_out),
        "code_size": encoder.feature_size,
        "reconstruction": reconstruction._asdict() if reconstruction else None,
        "points": _point_figures(test),
        "keypoints": {},
    }
    if not split.test.keypoint_names:
        return figures
    control = encoders.create(
        encoders.family_of(encoder), encoder.image_shape, seed=0, settings=vars(encoder.config)
    ).eval()
    truth = (split.train.keypoints[spread], split.test.keypoints)
    tracked, probed = _score(train, test, truth)
    untracked, unprobed = _score(Codes.of(control, seen), Codes.of(control, held_out), truth)
    constant = constant_errors(*truth)
    for index, name in enumerate(split.test.keypoint_names):
        row: dict[str, Any] = {}
        if tracked:
            row["tracking_px"] = tracked[index].error
            row["tracking_percent_of_width"] = 100 * tracked[index].error / width
            row["point"] = tracked[index].point
            row["untrained_tracking_px"] = untracked[index].error
        row["probe_px"] = probed[index]
        row["untrained_probe_px"] = unprobed[index]
        row["constant_px"] = constant[index]
        figures["keypoints"][name] = row
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
        rows = figures["keypoints"]
        kinds = [key for key in next(iter(rows.values())) if key.endswith("_px")]
        titles = [kind.removesuffix("_px").replace("_", " ") for kind in kinds]
        lines.append(f"  {'':16}" + "".join(f"{title:>20}" for title in titles))
        for name, row in rows.items():
            lines.append(f"  {name:16}" + "".join(f"{row[kind]:20.2f}" for kind in kinds))
    return "\n".join(lines)


def _point_figures(codes: Codes) -> dict[str, list[float]] | None:
    """Return how sharp each point is and how far it moves, in the units of the points."""
    if codes.points is None or codes.mass is None:
        return None
    return {
        "mean_softmax_mass": codes.mass.mean(axis=0).tolist(),
        "spread": np.linalg.norm(codes.points.std(axis=0), axis=-1).tolist(),
    }


def _score(
    train: Codes, test: Codes, truth: tuple[np.ndarray, np.ndarray]
) -> tuple[list[Tracking], list[float]]:
    """Return the tracking (empty without points) and the probe error of each keypoint."""
    tracked: list[Tracking] = []
    if train.points is not None and test.points is not None:
        tracked = tracking_errors(train.points, truth[0], test.points, truth[1])
    return tracked, probe_errors(train.features, truth[0], test.features, truth[1])
