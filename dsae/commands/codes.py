"""What the measures look at: both halves of a data set, their codes and their ground truth."""

import math
from typing import NamedTuple

import numpy as np
import torch

from data.errors import DataError
from data.windows import Windows
from dsae.encoder import ENCODE_CHUNK, Encoder
from dsae.metrics.probe import Halves
from dsae.state.presence import softmax_mass, uniform_mass

FIT_FRAMES = 4000  # training frames, evenly spaced, that points, maps and probes are fitted on
# A coordinate that varies by less than this share of the liveliest one is no part of the state: the
# height of a block on a table is noise.
STILL = 0.01
AXES = "xyz"


class Split(NamedTuple):
    """Frames and ground truth of the two halves of a data set."""

    train: Windows
    test: Windows

    @property
    def fitted(self) -> slice:
        """Which of the training frames something is fitted on."""
        return slice(None, None, -(-len(self.train.frames) // FIT_FRAMES))


class Codes(NamedTuple):
    """What is kept of the encoding of many frames: not the softmax maps, which are large."""

    features: np.ndarray
    points: np.ndarray | None
    mass: np.ndarray | None
    """Softmax mass around each point, (N, K)."""
    uniform: float
    """That mass in a map without a peak."""

    @classmethod
    def of(cls, encoder: Encoder, frames: np.ndarray) -> "Codes":
        """Encode frames, uint8 (N, H, W, C), a chunk at a time."""
        parts = []
        uniform = math.nan
        for chunk in torch.from_numpy(frames).split(ENCODE_CHUNK):
            code = encoder.encode(chunk)
            arrays: list[torch.Tensor | None] = [code.features, code.points, None]
            if code.points is not None and code.maps is not None:
                arrays[2] = softmax_mass(code.points, code.maps, encoder.point_grid)
                uniform = uniform_mass(code.maps)
            parts.append([None if a is None else a.cpu().numpy() for a in arrays])
        features, points, mass = zip(*parts, strict=True)
        return cls(
            np.concatenate(features),
            None if points[0] is None else np.concatenate(points),
            None if mass[0] is None else np.concatenate(mass),
            uniform,
        )


class Pair(NamedTuple):
    """An encoder's codes of the training frames to fit on, and of all held-out frames."""

    train: Codes
    test: Codes

    @classmethod
    def of(cls, encoder: Encoder, split: Split) -> "Pair":
        """Encode both."""
        return cls(
            Codes.of(encoder, split.train.frames[split.fitted]),
            Codes.of(encoder, split.test.frames),
        )


class State(NamedTuple):
    """The true state of frames as one vector each."""

    unit: str
    names: tuple[str, ...]
    """Of its S coordinates: KEYPOINT_AXIS."""
    values: np.ndarray
    """(N, S), of the held-out frames."""
    train_values: np.ndarray
    """The same coordinates of the training frames."""
    visible: np.ndarray
    """Whether the keypoint can be seen in the held-out frames, bool (N, S)."""


class Truth(NamedTuple):
    """Where the named keypoints truly are, on the frames of a `Pair`."""

    names: tuple[str, ...]
    train_pixels: np.ndarray
    """(N, P, 3): x, y and visible."""
    test_pixels: np.ndarray
    train_metres: np.ndarray | None
    """(N, P, 3) in the world's frame."""
    test_metres: np.ndarray | None

    @classmethod
    def of(cls, split: Split) -> "Truth | None":
        """Return the ground truth of a data set; None if it has none for the camera."""
        names = split.test.keypoint_names
        try:
            pixels = split.train.keypoints[split.fitted], split.test.keypoints
        except DataError:
            return None
        if not names:
            return None
        try:
            return cls(names, *pixels, split.train.points[split.fitted], split.test.points)
        except DataError:
            return cls(names, *pixels, None, None)

    @property
    def state(self) -> "State":
        """Every coordinate that varies in the held-out frames, in metres if known."""
        places = self.test_pixels[..., :2] if self.test_metres is None else self.test_metres
        before = self.train_pixels[..., :2] if self.train_metres is None else self.train_metres
        size = places.shape[2]
        values = places.reshape(len(places), -1)
        spread = values.std(axis=0)
        moves = spread > STILL * spread.max(initial=0.0)
        names = [f"{name}_{axis}" for name in self.names for axis in AXES[:size]]
        return State(
            "px" if self.test_metres is None else "m",
            tuple(name for name, kept in zip(names, moves, strict=True) if kept),
            values[:, moves],
            before.reshape(len(before), -1)[:, moves],
            np.repeat(self.test_pixels[..., 2], size, axis=1)[:, moves] > 0.5,
        )

    @property
    def columns(self) -> dict[str, list[int]]:
        """Which coordinates of `halves` are in pixels and which, where known, in millimetres."""
        return {"px": [0, 1]} if self.test_metres is None else {"px": [0, 1], "mm": [2, 3, 4]}

    def halves(self, codes: Pair) -> Halves:
        """Return codes with pixels and, where known, millimetres side by side, and visible."""

        def targets(pixels: np.ndarray, metres: np.ndarray | None) -> np.ndarray:
            if metres is None:
                return pixels
            return np.concatenate([pixels[..., :2], 1000 * metres, pixels[..., 2:]], axis=-1)

        return Halves(
            codes.train.features,
            targets(self.train_pixels, self.train_metres),
            codes.test.features,
            targets(self.test_pixels, self.test_metres),
        )
