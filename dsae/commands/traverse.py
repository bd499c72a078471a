"""Show what the numbers of an encoder's code mean: move one of them, draw what comes of it.

Example:
    dsae traverse runs/train/push-vae --top 8 --out traversal.png

From one frame's code each of the chosen numbers is moved while the others stay: over the prior
(-3 to 3), across the image (a feature point's x or y), or over the central 95 % of its values on
the data. `--interpolate 3:40` goes straight to the code of episode 3's frame 40 instead;
`--manifold` moves two numbers at a time. A .gif or .mp4 moves all cells at the same time.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BeforeValidator, Field

from dsae import checkpoint, encoders, overlay, pictures
from dsae.checkpoint import write_atomically
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.footage import Footage, Fps, Shots
from dsae.commands.options import argument
from dsae.encoder import Encoder
from dsae.pictures import Dimension
from dsae.sheet import arranged, sheet, square

TOP = 8
STEPS = {"row": 11, "manifold": 15, "film": 20}
FPS = 12.0
FILM_CELL = 160  # pixels of a picture's shorter side in a film, at least


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in value.split(",") if part]
    return [value] if isinstance(value, int) else value


Numbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_numbers)]
"""Numbers divided by commas; a YAML file may give a list or a single one."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to move, from where."""

    run: Path = argument()
    """Run folder of a training."""
    episode: Annotated[int, Field(ge=0)] | None = None
    """Number of the episode that the frame is from; the first held-out one if left out."""
    frame: Annotated[int, Field(ge=0)] | None = None
    """Number of the frame in it; the middle one if left out."""
    dims: Numbers = ()
    """Numbers of the code to move, like 0,3."""
    top: Annotated[int, Field(gt=0)] | None = None
    """Move so many, those that carry most [8]."""
    steps: Annotated[int, Field(gt=1, le=60)] | None = None
    """Pictures from end to end [11; a side of the manifold 15; one way of a film 20]."""
    interpolate: str | None = None
    """EPISODE:FRAME to go to, with the whole code at once."""
    manifold: bool = False
    """Draw a grid over two numbers: those of a code of two, or of --dims."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    fps: Fps = FPS
    """Frames per second of a film."""
    out: Path | None = None
    """Picture or film to write [RUN/traversal.png, interpolation.png or manifold.png]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Draw and say where."""
    runs.refuse_file(options.run)
    what = _what(options)
    out = options.out or options.run / f"{what}.png"
    overlay.check_ending(out, (".png",) if options.manifold else overlay.SUFFIXES)
    runs.refuse_existing(out, overwrite=options.overwrite)
    encoder = checkpoint.load(options.run, use_device(options.device))
    pictures.check_dimensions(encoder, options.dims)
    footage = Footage(options.run, options.data, encoder)
    film = out.suffix != ".png"
    draw = {"traversal": _traversal, "interpolation": _interpolation, "manifold": _manifold}
    drawn = draw[what](encoder, footage, options, film)
    if film:
        overlay.write(out, np.concatenate([drawn, drawn[-2:0:-1]]), fps=options.fps)
    else:
        write_atomically(out, overlay.png_bytes(drawn[0]))
    runs.say(f"{what} of {encoders.family_of(encoder)}: {out}")
    return 0


def _what(options: Options) -> str:
    """Return the kind of picture; UsageError for options that exclude each other."""
    if options.dims and options.top:
        raise UsageError("traverse: give --dims or --top, not both")
    if options.interpolate and (options.dims or options.top or options.manifold):
        raise UsageError("traverse: --interpolate moves the whole code: give it alone")
    if options.manifold and options.dims and not len(options.dims) == len(set(options.dims)) == 2:
        raise UsageError(f"traverse: --manifold takes two numbers as --dims, not {options.dims}")
    if options.manifold and options.top:
        raise UsageError("traverse: --manifold takes two numbers as --dims, not --top")
    if options.interpolate:
        return "interpolation"
    return "manifold" if options.manifold else "traversal"


def _traversal(encoder: Encoder, footage: Footage, options: Options, film: bool) -> np.ndarray:
    """Return the frames of a film, or one sheet, (T, H, W, 3)."""
    place = footage.place(options.episode, options.frame)
    shot = footage.at(place)
    found = pictures.dimensions(encoder, footage.survey().images)
    by_number = {dimension.number: dimension for dimension in found}
    chosen = [by_number[n] for n in options.dims] or found[: options.top or TOP]
    steps = options.steps or STEPS["film" if film else "row"]
    values = np.stack([np.linspace(d.low, d.high, steps) for d in chosen])
    code = encoder.encode(shot.images).features[0]
    numbers = [dimension.number for dimension in chosen]
    moved = pictures.traversal(encoder, code, numbers, values, shot.robot)
    both = pictures.reconstructions(encoder, shot.images, shot.robot)[:, 0]  # (2, h, w, 3)
    spans = "; ".join(dict.fromkeys(pictures.SPANS[dimension.span] for dimension in chosen))
    title = (
        f"{encoders.family_of(encoder)}: one number of the code of {place} is moved at a time, "
        f"the others stay ({spans})"
    )
    names = [_label(dimension) for dimension in chosen]
    if film:
        return _film(both, moved, names, title)
    first = arranged(both, max(2, steps))
    labels = [[f"{value:+.2f}" for value in row] for row in values]
    if all(row == labels[0] for row in labels):
        del labels[1:]
    heads = [["frame", "drawn"], *labels]
    return sheet(np.concatenate([first, moved]), ["", *names], heads, title=title)[None]


def _label(dimension: Dimension) -> str:
    if dimension.unit == "nats":
        return f"{dimension.name}\n{dimension.importance:.2f} nats"
    return f"{dimension.name}\nsd {dimension.importance:.2g}"


def _film(still: np.ndarray, moved: np.ndarray, names: list[str], title: str) -> np.ndarray:
    """Return a film, (T, H, W, 3), of still pictures (S, …) and of moved ones (N, T, …), tiled."""
    labels = ["frame", "drawn", *names]
    columns = square(len(labels))
    heads = [labels[start : start + columns] for start in range(0, len(labels), columns)]
    tiles = [arranged(np.concatenate([still, cells]), columns) for cells in moved.swapaxes(0, 1)]
    return np.stack([sheet(tile, (), heads, _film_scale(still), title) for tile in tiles])


def _film_scale(pictures: np.ndarray) -> int:
    """Return how much to enlarge the few pictures (…, h, w, 3) that a film has side by side."""
    return max(1, -(-FILM_CELL // min(pictures.shape[-3:-1])))


def _interpolation(encoder: Encoder, footage: Footage, options: Options, film: bool) -> np.ndarray:
    """Return the frames of a film, or one sheet, (T, H, W, 3)."""
    match = re.fullmatch(r"(\d+):(\d+)", options.interpolate or "")
    if match is None:
        raise UsageError(
            f"--interpolate takes EPISODE:FRAME, such as 3:40, not '{options.interpolate}'"
        )
    places = (
        footage.place(options.episode, options.frame),
        footage.place(int(match[1]), int(match[2])),
    )
    start, end = (footage.at(place) for place in places)
    shots = Shots(
        np.concatenate([start.images, end.images]),
        None if start.robot is None or end.robot is None else torch.cat([start.robot, end.robot]),
    )
    codes = encoder.encode(shots.images).features
    steps = options.steps or STEPS["film" if film else "row"]
    moved = pictures.interpolation(encoder, codes[0], codes[1], steps, shots.robot)
    ends = pictures.reconstructions(encoder, shots.images, shots.robot)[0]
    title = (
        f"{encoders.family_of(encoder)}: on the straight line from the code of {places[0]} "
        f"to that of {places[1]}"
    )
    if film:
        rows = [np.stack([ends[0], cell, ends[1]])[None] for cell in moved]
        labels, scale = ["from", "drawn", "to"], _film_scale(ends)
        return np.stack([sheet(row, (), labels, scale, title) for row in rows])
    row = np.concatenate([ends[:1], moved, ends[1:]])
    shares = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
    return sheet(row[None], columns=["from", *shares, "to"], title=title)[None]


def _manifold(encoder: Encoder, footage: Footage, options: Options, film: bool) -> np.ndarray:
    """Return one sheet, (1, H, W, 3)."""
    chosen = (options.dims[0], options.dims[1]) if options.dims else None
    side = options.steps or STEPS["manifold"]
    survey = footage.survey()
    robot = footage.at(footage.place(options.episode, options.frame)).robot
    codes = encoder.encode(survey.images).features
    drawn = pictures.manifold(encoder, codes, side, chosen, robot)
    across, down = chosen or (0, 1)
    columns, rows = (
        [f"{value:+.2f}" for value in pictures.central(codes[:, number], side).tolist()]
        for number in (across, down)
    )
    names = {
        dimension.number: dimension.name
        for dimension in pictures.dimensions(encoder, survey.images)
    }
    others = "" if encoder.feature_size == 2 else ", the others stay at their mean"
    title = (
        f"{encoders.family_of(encoder)}: {names[across]} grows to the right and {names[down]} "
        f"downwards, over the central 95 % of their values on the data{others}"
    )
    return sheet(drawn, rows, columns, title=title)[None]
