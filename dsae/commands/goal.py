"""Show which feature points an image sets as a state's goal, and write them for a controller.

Example:
    dsae goal goal.png --state runs/state/push-dsae

The goal is an image by the same camera, of the size that the encoder takes, or with `--episode` an
episode's last frame (for all cameras of the state). Its points count if they are kept and present
in it. Written are a picture with a target on each, and beside it, as JSON, their places; with
`--distance EPISODE` also a plot of how far that episode is from the goal over time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from dsae import overlay, panels, plots
from dsae.checkpoint import write_atomically
from dsae.commands import runs, targets
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import argument
from dsae.commands.sights import Sight, shown, state_sights
from dsae.commands.targets import Target
from dsae.coordinates import to_pixels
from dsae.panels import Panel
from dsae.state import goals
from dsae.state_legend import goal_legend
from dsae.state_overlay import draw_goal

HEADINGS = ("point", "follows", "x [px]", "y [px]", "x", "y", "mass", "least", "")
"""Of the table; `least` is the softmax mass below which a point is absent."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is the goal, and of which state."""

    image: Path | None = argument(None)
    """The goal as a png or jpg file."""
    state: Path
    """Folder of `dsae state`."""
    camera: str | None = None
    """Camera that the image is of, where the state has several; the only one to show."""
    episode: Annotated[int, Field(ge=0)] | None = None
    """Take the goal from this episode of the state's data instead of an image."""
    frame: Annotated[int, Field(ge=0)] | None = None
    """Number of its frame; the last one if left out."""
    distance: Annotated[int, Field(ge=0)] | None = None
    """Episode whose distance to the goal to plot over time."""
    data: Path | None = None
    """Another data set than the state's."""
    out: Path | None = None
    """Picture to write; the goal's .json and the plot stand beside it [STATE/goal.png]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    overwrite: bool = False
    """Replace existing files."""


def run(options: Options) -> int:
    """Show, print a table, write."""
    if (options.image is None) == (options.episode is None):
        raise UsageError("goal: name an image or an --episode, and not both")
    if options.frame is not None and options.episode is None:
        raise UsageError("goal: --frame is one of an --episode")
    if options.state.is_file():
        raise UsageError(f"{options.state} is a file: name the folder of dsae state")
    out = options.out or options.state / "goal.png"
    overlay.check_ending(out, (".png",))
    written, plotted = out.with_suffix(".json"), out.with_name(f"{out.stem}-distance.svg")
    for path in (out, written, *([plotted] if options.distance is not None else [])):
        targets.refuse_own(path, options.image)
        runs.refuse_existing(path, overwrite=options.overwrite)
    device = use_device(options.device)
    every = state_sights(options.state, options.data, options.camera, device)
    seen = [sight for sight in every if sight.verdict is not None] or every
    found, source = _targets(seen, options)
    curves = None if options.distance is None else _distances(seen, found, options.distance)
    for sight, target in zip(seen, found, strict=True):
        runs.say(f"goal for camera {sight.camera}, from {source}:")
        runs.say(table(sight, target))
    write_atomically(out, overlay.png_bytes(_picture(seen, found)))
    aims = {sight.camera: target.goal for sight, target in zip(seen, found, strict=True)}
    goals.save(written, aims, state=str(options.state), source=source)
    runs.say(f"picture: {out}; for a controller: {written}")
    if curves:
        write_atomically(plotted, _plot(curves).encode())
        for camera, values in curves:
            runs.say(_told(camera, values, options.distance, plotted))
    return 0


def table(sight: Sight, target: Target) -> str:
    """Return a line for each feature point: where it is, and whether it is part of the goal."""
    perception, places, mass = sight.perception, target.percept.places, target.percept.mass
    assert perception is not None
    height, width, _ = perception.encoder.image_shape
    pixels = to_pixels(places[0], height, width)
    rows: list[tuple[str, ...]] = [HEADINGS]
    for k, place in enumerate(places[0]):
        numbers = [f"{value:.1f}" for value in pixels[k]] + [f"{value:+.3f}" for value in place]
        assert mass is not None
        assert perception.thresholds is not None
        masses = [f"{mass[0, k]:.3f}", f"{perception.thresholds[k]:.3f}"]
        name = sight.names.get(k, "")
        rows.append((str(k), name, *numbers, *masses, _used(sight, target, k)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0  # the verdict stands free at the right
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _used(sight: Sight, target: Target, point: int) -> str:
    """Return whether a point is part of the goal, and if not, why."""
    if target.goal.mask[point]:
        return "used"
    assert sight.verdict is not None
    assert sight.perception is not None
    if sight.verdict.kept[point]:
        moves = sight.perception.movable[point]
        return "not used: absent" if moves else "not used: lies still in every episode"
    return sight.reasons[point] if point < len(sight.reasons) else "dropped"


def _targets(seen: Sequence[Sight], options: Options) -> tuple[list[Target], str]:
    """Return the goal for each camera, and what it is from."""
    if options.image is not None:
        targets.one_camera(seen, options.image)
        return [targets.image(seen[0], options.image)], str(options.image)
    assert options.episode is not None
    found = [targets.frame(sight, options.episode, options.frame) for sight in seen]
    number = "last frame" if options.frame is None else f"frame {options.frame}"
    return found, f"episode {options.episode}, {number}"


def _picture(seen: Sequence[Sight], found: Sequence[Target]) -> np.ndarray:
    """Return all cameras' images side by side, with targets and a legend, uint8 (h, w, 3)."""
    drawn = []
    for sight, (shot, percept, goal) in zip(seen, found, strict=True):
        assert sight.verdict is not None
        verdict, present = sight.verdict, percept.present[0]
        colour = np.repeat(shot, 3, axis=2) if shot.shape[2] == 1 else shot
        picture = draw_goal(colour, goal, present, verdict)
        title = f"camera {sight.camera}" if len(seen) > 1 else ""
        drawn.append(Panel(picture[None], title, goal_legend(goal, present, verdict)))
    return panels.film(drawn)[0]


def _distances(
    seen: Sequence[Sight], found: Sequence[Target], episode: int
) -> list[tuple[str, np.ndarray]]:
    """Return how far an episode's filtered points are from the goal, (T,), by camera.

    NaN until one of the goal's points has been present.
    """
    curves = []
    for sight, target in zip(seen, found, strict=True):
        frames = shown(sight, sight.footage.place(episode, None).episode)
        estimate = sight.estimator.run(frames).seen[sight.camera].estimate
        height, width, _ = sight.encoder.image_shape
        values = goals.distance(
            estimate.position, target.goal, estimate.known, height=height, width=width
        )
        if not np.isfinite(values).any():
            raise UsageError(
                f"none of the goal's points is ever present in episode {episode} of camera "
                f"'{sight.camera}': there is no distance to plot"
            )
        curves.append((sight.camera, values))
    return curves


def _plot(curves: Sequence[tuple[str, np.ndarray]]) -> str:
    series = [
        (camera, [(float(t), float(d)) for t, d in enumerate(values) if np.isfinite(d)])
        for camera, values in curves
    ]
    drawn = plots.curves(series, x="frame", y="distance to the goal")
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _told(camera: str, values: np.ndarray, episode: int | None, path: Path) -> str:
    known = values[np.isfinite(values)]
    least = int(np.nanargmin(values))
    return (
        f"camera {camera}, episode {episode}: {known[0]:.3f} from the goal at first, "
        f"{values[least]:.3f} at least (frame {least}), {known[-1]:.3f} at last, in halves of the "
        f"image's shorter side: {path}"
    )
