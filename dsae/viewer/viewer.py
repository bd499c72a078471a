"""The answers to what the page asks, as values that JSON can hold."""

import base64
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch

from dsae import encoders, overlay, pictures
from dsae.encoder import Encoder
from dsae.errors import DsaeError, EncoderError
from dsae.viewer.library import Library, Recording, Subject

RECORDINGS = 3  # that are kept encoded: the one that is looked at, and those just left
NUMBERS = 64  # of a code that have a slider, at most
DIGITS = 6  # of a number in an answer, after the point

Answer = dict[str, Any]


class Viewer:
    """Encodes, and draws what comes of a change; one question at a time.

    Raises DsaeError for an episode, a frame or a number of the code that is not there.
    """

    def __init__(self, encoder: Encoder, library: Library, subject: Subject) -> None:
        self._encoder = encoder
        self._library = library
        self._subject = subject
        self._lock = threading.Lock()  # a server has many threads, an encoder should see one
        self._recording = lru_cache(maxsize=RECORDINGS)(library.read)
        first = self._at(subject.start, 0)
        self._point_count = 0 if first.points is None else first.points.shape[1]
        self._free = [d for d in subject.dimensions if d.span != "image"]  # no point's x or y
        self._in_code = len(subject.dimensions) - len(self._free) == 2 * self._point_count > 0
        self._cannot_draw = ""
        try:
            self._drawn(first, 0)
        except EncoderError as error:
            self._cannot_draw = str(error)

    def describe(self) -> Answer:
        """Return what stays the same while one looks."""
        subject, encoder = self._subject, self._encoder
        height, width, _ = encoder.image_shape
        levels = np.arange(256, dtype=np.uint8)[:, None]
        heat = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, 0, ::-1]  # (256, 3), RGB
        return {
            "run": subject.run,
            "data": subject.data,
            "camera": subject.camera,
            "encoder": encoders.family_of(encoder),
            "image": {"height": height, "width": width},
            "episodes": [entry._asdict() for entry in self._library.entries],
            "start": subject.start,
            "points": [self._point(k) for k in range(self._point_count)],
            "grid": encoder.point_grid._asdict() if self._point_count else None,
            "movable": self._in_code and not self._cannot_draw,
            "code_size": encoder.feature_size,
            "numbers": [] if self._cannot_draw else [_slider(d) for d in self._free[:NUMBERS]],
            "cannot_draw": self._cannot_draw,
            "truth_names": [name.replace("_", " ") for name in subject.truth_names],
            "heat": _base64(np.ascontiguousarray(heat)),
            "trail": overlay.TRAIL,
            "faint": overlay.FAINT,
        }

    def episode(self, number: int) -> Answer:
        """Return where the points are in all frames of an episode, and what is true."""
        recording = self._at(number, 0)
        return {
            **self._library.entries[number]._asdict(),
            "fps": recording.fps,
            "points": _listed(recording.points),
            "mass": _listed(recording.mass),
            "truth": _listed(recording.truth),
        }

    def frame(self, number: int, t: int) -> Answer:
        """Return one frame's picture, code, softmax maps and undisturbed drawing."""
        recording = self._at(number, t)
        with self._lock:
            maps = self._encoder.encode(recording.frames[t : t + 1]).maps
        return {
            "picture": _image(_coloured(recording.frames[t])),
            "drawn": None if self._cannot_draw else _image(self._drawn(recording, t)),
            "code": _listed(recording.features[t]),
            "maps": None if maps is None else _maps(maps[0].cpu().numpy()),
        }

    def draw(self, number: int, t: int, moved: Mapping[int, float]) -> Answer:
        """Return what is drawn of a frame's code while some of its numbers are other ones."""
        if self._cannot_draw:
            raise DsaeError(self._cannot_draw)
        pictures.check_dimensions(self._encoder, list(moved))
        return {"drawn": _image(self._drawn(self._at(number, t), t, moved))}

    def _point(self, k: int) -> Answer:
        subject = self._subject
        return {
            "number": k,
            "colour": f"#{bytes(overlay.colours(self._point_count)[k]).hex()}",
            "name": subject.names.get(k, ""),
            "threshold": None if subject.thresholds is None else float(subject.thresholds[k]),
            "kept": None if subject.kept is None else bool(subject.kept[k]),
            "reason": subject.reasons[k] if subject.reasons else "",
        }

    def _at(self, number: int, t: int) -> Recording:
        count = len(self._library.entries)
        if not 0 <= number < count:
            raise DsaeError(f"there is no episode {number}: they are 0 to {count - 1}")
        length = self._library.entries[number].length
        if not 0 <= t < length:
            raise DsaeError(f"there is no frame {t}: episode {number} has 0 to {length - 1}")
        with self._lock:
            return self._recording(number)

    def _drawn(
        self, recording: Recording, t: int, moved: Mapping[int, float] | None = None
    ) -> np.ndarray:
        code = torch.tensor(recording.features[t : t + 1])  # a copy, (1, D)
        for index, value in (moved or {}).items():
            code[0, index] = value
        robot = None if recording.robot is None else recording.robot[t : t + 1]
        with self._lock:
            return pictures.drawn(self._encoder, code, robot)[0][0]


def _slider(dimension: pictures.Dimension) -> Answer:
    carries = f"{dimension.importance:.3g}"
    return {
        "number": dimension.number,
        "name": dimension.name,
        "carries": f"{carries} nats" if dimension.unit == "nats" else f"sd {carries}",
        "low": dimension.low,
        "high": dimension.high,
    }


def _maps(maps: np.ndarray) -> Answer:
    """Return softmax maps (K, h, w) as bytes, each as shares of its own peak."""
    peaks = np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-12)
    levels = np.round(255 * maps / peaks).astype(np.uint8)
    return {"height": maps.shape[1], "width": maps.shape[2], "levels": _base64(levels)}


def _coloured(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _image(picture: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(overlay.png_bytes(picture)).decode()}"


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _listed(values: np.ndarray | None) -> list[Any] | None:
    """Return an array as lists of numbers, with None where it is not finite."""
    if values is None:
        return None
    numbers: np.ndarray = np.round(values.astype(np.float64), DIGITS).astype(object)
    numbers[~np.isfinite(values)] = None
    return numbers.tolist()
