"""How long does one frame take on one CPU core, from the camera's bytes to numbers?

    python benchmarks/latency.py runs/train/push-dsae --state runs/state/push-dsae --rate 20

The process is bound to one core and one thread. Every row takes one frame, uint8 (H, W, C), and
what the robot felt then, as a control loop would, and gives numpy arrays; of the encoder these are
its features, points and the mass around each. Rows take turns in blocks, so that whatever else the
machine does meets all of them alike, and each begins with frames that are not counted. With --rate
some frames come at that pace, too, and caches and clocks have time to fall asleep in between.
Writes docs/results/latency.md.
"""

import argparse
import datetime
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from data.dataset import Dataset, spread
from dsae import checkpoint, export
from dsae.commands import runs
from dsae.encoder import Encoder, as_float
from dsae.state import artefact
from dsae.state.presence import softmax_mass

RESULTS = Path("docs/results/latency.md")
EPISODES = 10  # that the frames are of, spread over the data set
BLOCK = 100  # frames of a row before the next one has its turn
WARM_UP = 10  # frames at the beginning of each block that are not counted
AIM = {50: 2.0, 99: 5.0}  # (ms) of the whole state estimation, by percentile


class Moment(NamedTuple):
    """What a controller has when it asks for the state."""

    frame: np.ndarray
    """uint8 (H, W, C)."""
    robot: dict[str, np.ndarray]
    """The robot's own observations by name, (D,) each."""


Step = Callable[[Moment], Any]
Times = dict[str, np.ndarray]  # by name (N, 2), as in `timed`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run folder of a training")
    parser.add_argument("--state", type=Path, help="folder of a state estimator, for one more row")
    parser.add_argument("--frames", type=int, default=4000, help="that are counted for each row")
    parser.add_argument("--rate", type=float, default=0.0, help="and so many frames a second")
    parser.add_argument("--paced", type=int, default=400, help="frames of each row at that rate")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = os.getloadavg()[0]
    encoder = checkpoint.load(arguments.run)
    moments = recorded(Path(runs.trained_options(arguments.run)["data"]))
    steps = {name: ROWS[name](arguments.run) for name in arguments.rows}
    if arguments.state:
        steps = {"state estimator": estimated(arguments.state), **steps}
    times = in_turns(steps, moments, arguments.frames)
    paced = {
        name: at_a_pace(step, moments, arguments.rate, arguments.paced)
        for name, step in steps.items()
        if arguments.rate
    }
    with torch.no_grad():
        parts = in_turns(stages(encoder), moments, arguments.frames)
    text = page(arguments, encoder, load, times, paced, parts)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def recorded(folder: Path) -> list[Moment]:
    """Return the frames of some episodes, in order, with what stands beside them."""
    dataset = Dataset.open(folder)
    camera = dataset.camera(None)
    moments = []
    for number in spread(len(dataset), EPISODES):
        episode = dataset.read(int(number), cameras=[camera])
        for index, frame in enumerate(episode.images[camera]):
            robot = {name: values[index] for name, values in episode.observations.items()}
            moments.append(Moment(frame, robot))
    return moments


def estimated(folder: Path) -> Step:
    """The whole state: encoder, presence, filter and the robot's part."""
    estimator = artefact.load(folder)

    def step(moment: Moment) -> Any:
        robot = {name: values[None] for name, values in moment.robot.items()}
        return estimator.step(moment.frame[None], robot).vector

    return step


def as_called(run: Path) -> Step:
    """The encoder as everybody calls it, and the presence of its points."""
    encoder = checkpoint.load(run)

    def step(moment: Moment) -> Any:
        encoding = encoder.encode(moment.frame[None])
        found = [encoding.features, encoding.points]
        if encoding.points is not None and encoding.maps is not None:
            found.append(softmax_mass(encoding.points, encoding.maps, encoder.point_grid))
        return [value.numpy() for value in found if value is not None]

    return step


def network(run: Path, change: Callable[[nn.Module], Any] = lambda module: module) -> Step:
    """The network alone, perhaps changed, without the checks and the bookkeeping of `encode`."""
    module = change(export.FromFrames(checkpoint.load(run)).eval())

    @torch.inference_mode()
    def step(moment: Moment) -> Any:
        return [value.numpy() for value in module(torch.from_numpy(moment.frame[None])).values()]

    return step


def with_onnxruntime(run: Path) -> Step:
    """The exported file in onnxruntime on one thread."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        export.write(path, checkpoint.load(run))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda moment: session.run(None, {"images": moment.frame[None]})


def channels_last(module: nn.Module) -> nn.Module:
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def folded(module: nn.Module) -> nn.Module:
    """Make each batch normalisation part of the convolution before it."""
    for layers in [one for one in module.modules() if isinstance(one, nn.Sequential)]:
        for index in range(len(layers) - 1):
            convolution, norm = layers[index], layers[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[index] = fuse_conv_bn_eval(convolution, norm)
                layers[index + 1] = nn.Identity()
    return module


# What is measured: a name, and what makes of a run folder a step that takes one moment.
ROWS: dict[str, Callable[[Path], Step]] = {
    "encoder, `encode`": as_called,
    "its network": network,
    "its network, channels last": partial(network, change=channels_last),
    "its network, batch norm folded": partial(network, change=folded),
    "its network, folded, channels last": partial(
        network, change=lambda module: channels_last(folded(module))
    ),
    "its network, torch.compile": partial(network, change=torch.compile),
    "its ONNX file, onnxruntime": with_onnxruntime,
}


def stages(encoder: Encoder) -> dict[str, Step]:
    """The parts of `encode`, each on inputs that are made beforehand."""
    frame = torch.zeros(1, *encoder.image_shape, dtype=torch.uint8)
    images = torch.rand(1, *as_float(frame).shape[1:])
    found: dict[str, Step] = {
        "bytes to floats": lambda moment: as_float(torch.from_numpy(moment.frame[None])),
        "the whole network": lambda moment: encoder.features_of(images),
    }
    trunk, softmax = getattr(encoder, "trunk", None), getattr(encoder, "softmax", None)
    if trunk is not None and softmax is not None:
        activations = trunk(images)
        points, maps = softmax(activations)
        kinds = {"convolutions": nn.Conv2d, "batch norms": nn.BatchNorm2d, "ReLUs": nn.ReLU}
        for name, kind in kinds.items():
            found[f"of it {name}"] = layers_alone(trunk.layers, kind, images)
        found["of it spatial softmax"] = lambda moment: softmax(activations)
        found["presence"] = lambda moment: softmax_mass(points, maps, encoder.point_grid)
    found["asking for the device"] = lambda moment: encoder.device
    return found


def layers_alone(layers: Iterable[nn.Module], kind: type[nn.Module], images: torch.Tensor) -> Step:
    """Return a step that passes its own input to each layer of a kind."""
    calls = []
    for layer in layers:
        if isinstance(layer, kind):
            calls.append((layer, images.clone()))
        images = layer(images)
    return lambda moment: [layer(given) for layer, given in calls]


def in_turns(steps: dict[str, Step], moments: list[Moment], count: int) -> Times:
    """Return what `count` calls of each step, in whole blocks, took, (N, 2) as in `timed`."""
    times: dict[str, list[tuple[int, int]]] = {name: [] for name in steps}
    for begin in range(-BLOCK, count, BLOCK):  # the first time around to wake up
        block = [moments[(begin + i) % len(moments)] for i in range(WARM_UP + BLOCK)]
        for name, step in steps.items():
            spent = [timed(step, moment) for moment in block]
            times[name] += spent[WARM_UP:] if begin >= 0 else []
    return {name: np.array(spent) / 1e6 for name, spent in times.items()}


def at_a_pace(step: Step, moments: list[Moment], rate: float, count: int) -> np.ndarray:
    """Return what `count` calls that begin `rate` times a second took, (N, 2) as in `timed`."""
    spent = []
    begin = time.perf_counter()
    for number in range(WARM_UP + count):
        time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        spent.append(timed(step, moments[number % len(moments)]))
    return np.array(spent[WARM_UP:]) / 1e6


def timed(step: Step, moment: Moment) -> tuple[int, int]:
    """Return the nanoseconds of a call, and those that this thread itself computed."""
    begin, busy = time.perf_counter_ns(), time.thread_time_ns()
    step(moment)
    return time.perf_counter_ns() - begin, time.thread_time_ns() - busy


def page(arguments: argparse.Namespace, encoder: Encoder, load: float, *found: Times) -> str:
    """Return the results as Markdown: of the rows, of the rows at a pace, and of the parts."""
    times, paced, parts = found
    height, width, channels = encoder.image_shape
    family = checkpoint.describe_encoder(encoder)["family"]
    lines = [
        "# Latency",
        "",
        f"`{shlex.join(['python', *sys.argv])}`, {datetime.date.today()}, {processor()}, "
        f"{os.cpu_count()} cores, one of them used, one thread; torch {torch.__version__}; load "
        f"average before {load:.1f}.",
        "",
        f"`{family}` on recorded frames of {width}×{height}×{channels}, {arguments.frames} a row: "
        "milliseconds from one frame in numpy to features, points and presence in numpy.",
        "",
    ]
    heads = ["median", "99 %", "99 %, own"]
    if paced:
        heads += [f"at {arguments.rate:g} frames/s: {head}" for head in heads]
    lines += table(["what", *heads], {
        name: [*figures(spent), *(figures(paced[name]) if paced else [])]
        for name, spent in times.items()
    })  # fmt: skip
    lines += [
        "",
        "99 % is the 99th percentile, and 99 %, own, that of the time the thread itself computed: "
        "the rest is what other processes of a shared machine took."
        + f" At {arguments.rate:g} frames/s: {arguments.paced} a row."
        * bool(paced),
        "",
        f"The aim for the whole state estimation, encoder included, at 64×64: a median under "
        f"{AIM[50]:g} ms and a 99th percentile under {AIM[99]:g} ms.",
        "",
        "## Where the time goes",
        "",
        "Parts of `encode`, each alone on an input made beforehand.",
        "",
        *table(["part", *heads[:3]], {name: figures(spent) for name, spent in parts.items()}),
    ]
    return "\n".join(lines) + "\n"


def table(heads: list[str], rows: dict[str, list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *([name, *cells] for name, cells in rows.items())]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def figures(spent: np.ndarray) -> list[str]:
    found = [*np.percentile(spent[:, 0], list(AIM)), np.percentile(spent[:, 1], max(AIM))]
    return [f"{value:.3f}" for value in found]


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return " ".join([platform.machine(), *models[:1]])


if __name__ == "__main__":
    main()
