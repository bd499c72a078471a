"""An encoder as one file that runs without this package: ONNX, or a program of torch.export (.pt2).

The conversion of camera frames is part of the file: images go in as uint8 (B, H, W, C), any B, and
out come `features` (B, D), from a spatial encoder also `points` (B, K, 2) and `mass` (B, K), the
softmax mass around each point (`dsae.state.presence`). ONNX needs onnxruntime and numpy alone:

    import numpy, onnxruntime

    session = onnxruntime.InferenceSession("encoder.onnx")
    shape = session.get_inputs()[0].shape[1:]  # [H, W, C]
    frames = numpy.zeros((5, *shape), numpy.uint8)  # your camera's frames, RGB
    code = dict(zip(("features", "points", "mass"), session.run(None, {"images": frames})))
    about = session.get_modelmeta().custom_metadata_map  # what `describe` says

A .pt2 needs torch, of the version that wrote it or a later one:

    import torch

    about = {"dsae.json": ""}
    encode = torch.export.load("encoder.pt2", extra_files=about).module()
    code = encode(torch.zeros(5, 64, 64, 3, dtype=torch.uint8))  # a dict of tensors

Trust: a .pt2 is a program. The ones written here hold no pickle, but `torch.export.load` does not
insist on that: of a file made up for the purpose it unpickles what is called weights or example
inputs, with `weights_only=False`, and evaluates expressions. So load those you wrote, or whose
author you trust, and take from others ONNX, whose files are operators and numbers, or the encoder
itself (`dsae.load`). Nothing in this package loads a .pt2 that it has not just made.
"""

import copy
import importlib.util
import io
import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from dsae import __version__
from dsae.checkpoint import describe_encoder, write_atomically
from dsae.encoder import Encoder, Encoding, ImageShape, as_float
from dsae.errors import DsaeError, EncoderError
from dsae.state.presence import WINDOW, softmax_mass, uniform_mass

FORMAT_VERSION = 1
SUFFIXES = (".onnx", ".pt2")
OUTPUTS = ("features", "points", "mass")
TOLERANCE = 1e-5  # largest difference from the encoder, in the unit of `differences`
ROUNDINGS = 3.0  # or so many times what float32 leaves open in the encoder itself
OPSET = 18  # of ONNX; runtimes since 2023 know it
NEEDED = {".onnx": ("onnx", "onnxscript", "onnxruntime"), ".pt2": ()}
COORDINATES = "(x, y) in [-1, 1], x right, y down; -1 and 1 are the outer edges of the image"


def write(path: str | Path, encoder: Encoder, images: np.ndarray | None = None) -> dict[str, float]:
    """Write an encoder as `path`, .onnx or .pt2, and return its largest `differences` from it.

    What is to be written is first run on `images`, uint8 (N, H, W, C), by default `trial_images`,
    the first one also alone; the file is there whole and true to the encoder or not at all. True is
    what differs by at most `TOLERANCE`, or where two peaks of a map are so alike that the encoder's
    own arithmetic decides between them, by at most `ROUNDINGS` times its `rounding`. Raises
    DsaeError for another ending, for a package that is missing, and for a file that would not be
    true; EncoderError for an encoder that cannot be exported.
    """
    path = Path(path)
    check_needed(path)
    content = to_bytes(encoder, path.suffix)
    images = trial_images(encoder.image_shape) if images is None else images
    batches = (images[:1], images)
    found = [differences(encoder, _run(content, path.suffix, batch), batch) for batch in batches]
    largest = {name: max(each[name] for each in found) for name in found[0]}
    for name, difference in largest.items():
        if difference <= TOLERANCE:
            continue
        allowed = max(TOLERANCE, ROUNDINGS * rounding(encoder, images)[name])
        if not difference <= allowed:
            raise DsaeError(
                f"{path} was not written: its {name} would differ from the encoder's by "
                f"{difference:.2g}, more than {allowed:.2g}"
            )
    write_atomically(path, content)
    return largest


def check_needed(path: Path) -> None:
    """Raise DsaeError if a file of this name cannot be written, or a package for it is missing."""
    if path.suffix not in SUFFIXES:
        raise DsaeError(f"cannot write '{path.name}': the endings are {', '.join(SUFFIXES)}")
    missing = [name for name in NEEDED[path.suffix] if importlib.util.find_spec(name) is None]
    if missing:
        verb = "are" if missing[1:] else "is"
        raise DsaeError(
            f"{' and '.join(missing)} {verb} not installed: pip install 'dsae[export]', "
            "or write a .pt2"
        )


def to_bytes(encoder: Encoder, suffix: str) -> bytes:
    """Return the content of a file of the given ending; EncoderError if it cannot be made."""
    with _quiet():
        try:
            program = _program(encoder)
            content = _onnx if suffix == ".onnx" else _pt2
            return content(program, describe(encoder))
        except RuntimeError as error:  # what torch.export and torch.onnx raise derives from it
            reason = str(error).strip().partition("\n")[0]
            family = describe_encoder(encoder)["family"]
            raise EncoderError(f"'{family}' cannot be exported: {reason}") from error


def _run(content: bytes, suffix: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of a file of the given ending, just made, for images (B, H, W, C)."""
    if suffix == ".pt2":
        with _quiet(), torch.no_grad():
            outputs = torch.export.load(io.BytesIO(content)).module()(torch.from_numpy(images))
        return {name: output.numpy() for name, output in outputs.items()}
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def differences(
    encoder: Encoder, outputs: dict[str, np.ndarray], images: np.ndarray
) -> dict[str, float]:
    """Return how far outputs are from the encoder's own for images (B, H, W, C), by name.

    max |a − b| / max(1, max |b|), b being the encoder's. A point on the border of two cells may be
    seen in either by rounding, so its mass may be that of the window around the one or the other.
    """
    encoding = encoder.encode(images)
    wanted = {name: value.cpu().numpy() for name, value in _named(encoder, encoding).items()}
    if wanted.keys() != outputs.keys():
        return dict.fromkeys(wanted, math.inf)
    found = {
        name: float(np.abs(outputs[name] - value).max() / max(1.0, np.abs(value).max()))
        for name, value in wanted.items()
    }
    if encoding.points is not None and encoding.maps is not None:
        border = max(TOLERANCE, found["points"])
        shifts = torch.tensor([(x, y) for x in (-1, 1) for y in (-1, 1)]) * border
        around = [
            softmax_mass(encoding.points + shift, encoding.maps, encoder.point_grid).cpu().numpy()
            for shift in shifts.to(encoding.points)
        ]
        found["mass"] = float(np.abs(outputs["mass"] - np.stack(around)).min(axis=0).max())
    return found


def rounding(encoder: Encoder, images: np.ndarray) -> dict[str, float]:
    """Return the `differences` of the encoder in double precision: what its own float32 costs."""
    exact = copy.deepcopy(encoder).cpu().double().eval()
    with torch.no_grad():
        encoding = exact.features_of(as_float(torch.from_numpy(images)).double())
        outputs = {name: value.numpy() for name, value in _named(exact, encoding).items()}
    return differences(encoder, outputs, images)


def describe(encoder: Encoder) -> dict[str, str]:
    """Return what a file says of itself: ONNX's metadata, and as JSON a .pt2's `dsae.json`.

    `layout` names the numbers of `features`, as JSON: of points x0, y0, x1, …, else z0, z1, …
    `mass`, also as JSON, holds the window's side in cells and the mass in a map without a peak.
    """
    description = describe_encoder(encoder)
    channels = {1: "grey", 3: "red, green, blue"}.get(encoder.image_shape[2], "as in training")
    about = {
        "format": str(FORMAT_VERSION),
        "version": __version__,
        "family": description["family"],
        "config": json.dumps(description["config"]),
        "image_shape": json.dumps(description["image_shape"]),
        "images": f"uint8 (batch, height, width, channels); channels: {channels}",
    }
    encoding = encoder.encode(trial_images(encoder.image_shape)[:1])
    points, maps = encoding.points, encoding.maps
    layout = [f"z{index}" for index in range(encoder.feature_size)]
    if points is not None and maps is not None:
        if torch.equal(points.flatten(1), encoding.features):
            layout = [f"{axis}{index}" for index in range(points.shape[1]) for axis in "xy"]
        about["coordinates"] = COORDINATES
        about["mass"] = json.dumps({"window": WINDOW, "uniform": uniform_mass(maps)})
    return {**about, "layout": json.dumps(layout)}


def trial_images(shape: ImageShape, count: int = 16, seed: int = 0) -> np.ndarray:
    """Return images to try an encoder on, uint8 (2·count, H, W, C): noise, then drawn scenes.

    A scene is a background that changes smoothly, with discs before it.
    """
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    noise = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    y, x = (np.linspace(0, 1, side) for side in (height, width))
    slopes = rng.uniform(-80, 80, (2, count, 1, 1, channels))
    scenes = 127 + slopes[0] * y[:, None, None] + slopes[1] * x[:, None]  # (count, H, W, C)
    for _ in range(3):
        place, radius = rng.uniform(0, 1, (2, count, 1, 1)), rng.uniform(0.05, 0.15, (count, 1, 1))
        inside = np.hypot(y[:, None] - place[0], x - place[1]) < radius
        scenes = np.where(inside[..., None], rng.uniform(0, 255, (count, 1, 1, channels)), scenes)
    return np.concatenate([noise, scenes.clip(0, 255).astype(np.uint8)])


class FromFrames(nn.Module):
    """An encoder as the module that is exported: from uint8 images to its outputs by name."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return `OUTPUTS`, or of a code without points the first, for images (B, H, W, C)."""
        return _named(self.encoder, self.encoder.features_of(as_float(images)))


def _named(encoder: Encoder, encoding: Encoding) -> dict[str, torch.Tensor]:
    if encoding.points is None or encoding.maps is None:
        return {"features": encoding.features}
    mass = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
    return dict(zip(OUTPUTS, (encoding.features, encoding.points, mass), strict=True))


def _program(encoder: Encoder) -> ExportedProgram:
    """Return the graph from images to outputs, without what only the decoder needs."""
    module = FromFrames(copy.deepcopy(encoder).cpu()).eval().requires_grad_(False)
    images = torch.zeros(2, *encoder.image_shape, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(module, (images,), dynamic_shapes={"images": {0: batch}})
    signature = program.graph_signature
    weights = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    for node in list(program.graph.nodes):
        node.meta.pop("stack_trace", None)  # paths of this machine
        if node.name in weights and not node.users:
            program.graph.erase_node(node)
            del program.state_dict[weights[node.name]]
            signature.input_specs[:] = [s for s in signature.input_specs if s.arg.name != node.name]
    program.graph_module.recompile()
    return program


def _pt2(program: ExportedProgram, about: dict[str, str]) -> bytes:
    program.example_inputs = None  # they alone would be pickled
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"dsae.json": json.dumps(about)})
    return buffer.getvalue()


def _onnx(program: ExportedProgram, about: dict[str, str]) -> bytes:
    import onnx

    names = OUTPUTS[: len(program.graph_signature.user_outputs)]
    made = torch.onnx.export(
        program,
        dynamo=True,
        input_names=["images"],
        output_names=names,
        opset_version=OPSET,
        verbose=False,
    )
    assert made is not None
    model: Any = made.model_proto
    for part in (*model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")  # where in our source it comes from
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    model.graph.ClearField("value_info")  # follows from the rest, and knows another name of batch
    model.producer_name, model.producer_version = "dsae", __version__
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out a deprecation within torch, and that torchvision is not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
