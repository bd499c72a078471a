"""Draw an encoder's feature points on an episode: a colour per point, a trail, fading when unsure.

Example:
    dsae overlay runs/train/push-dsae --out push.mp4

The ending chooses: .mp4, .gif or .png (a grid of frames). `--maps` draws the softmax maps instead.
Points that follow a ground-truth keypoint, as `dsae evaluate` found, carry its name.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dsae import checkpoint, overlay
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.footage import Footage, Fps
from dsae.commands.options import argument
from dsae.state.presence import softmax_mass

DEFAULT_FPS = 20.0
FOLLOWS = 0.02  # of the image width: a point within that of a keypoint is named after it


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    run: Path = argument()
    """Run folder of a training."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    episode: Annotated[int, Field(ge=0)] | None = None
    """Number of the episode; the first held-out one if left out."""
    maps: bool = False
    """Draw the softmax maps instead of the points."""
    fps: Fps | None = None
    """Frames per second; those of the data if left out."""
    out: Path | None = None
    """Video or picture to write [RUN/overlay.mp4 or RUN/maps.mp4]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Draw and say where."""
    runs.refuse_file(options.run)
    out = options.out or options.run / ("maps.mp4" if options.maps else "overlay.mp4")
    overlay.check_ending(out)
    runs.refuse_existing(out, overwrite=options.overwrite)
    encoder = checkpoint.load(options.run, use_device(options.device))
    footage = Footage(options.run, options.data, encoder)
    number = footage.place(options.episode, None).episode
    frames = footage.dataset.read(number, cameras=[footage.camera]).images[footage.camera]
    encoding = encoder.encode(frames)
    if encoding.points is None or encoding.maps is None:
        raise UsageError(f"{options.run} holds no spatial encoder: its code has no points to draw")
    if options.maps:
        pictures = overlay.draw_maps(frames, encoding.maps.cpu().numpy())
    else:
        mass = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
        labels = followed(options.run / EVALUATION_FILE)
        pictures = overlay.draw_points(
            frames, encoding.points.cpu().numpy(), mass.cpu().numpy(), labels=labels
        )
    fps = options.fps or footage.dataset.header(number)["meta"].get("fps") or DEFAULT_FPS
    overlay.write(out, pictures, fps=fps)
    runs.say(f"episode {number}, {len(frames)} frames: {out}")
    return 0


def followed(evaluation: Path) -> dict[int, str]:
    """Return which points follow a keypoint, by number, according to a file of `dsae evaluate`."""
    if not evaluation.exists():
        return {}
    figures = runs.read_json(evaluation)
    limit = FOLLOWS * figures["image"]["width"]
    return {
        row["point"]: name.replace("_", " ")
        for name, row in figures["keypoints"].items()
        if "point" in row and row["tracking_px"] is not None and row["tracking_px"] < limit
    }
