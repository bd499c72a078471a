"""Draw feature points on an episode: what an encoder sees, or what a state estimator believes.

Example:
    dsae overlay runs/train/push-dsae --out push.mp4
    dsae overlay runs/state/push-dsae --goal last --out belief.mp4

Of a training: a colour per point, a trail, fading when unsure; points that follow a ground-truth
keypoint, as `dsae evaluate` found, carry its name; `--maps` draws the softmax maps instead. Of a
state: kept points, hollow while absent, their filtered positions with covariance ellipses, where
they would be in 0.2 s, the goal, and what was dropped and why; a legend explains each symbol that
occurs. `--compare` puts others beside it, on the same frames. The ending of the file chooses: .mp4,
.gif or .png (a grid of frames).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dsae import overlay, panels
from dsae.commands import runs, targets
from dsae.commands.devices import use_device
from dsae.commands.environments import Names
from dsae.commands.errors import UsageError
from dsae.commands.footage import DEFAULT_FPS, Fps
from dsae.commands.options import argument
from dsae.commands.sights import Sight, shown, sights
from dsae.commands.sights import followed as followed  # known to others by this place
from dsae.panels import Panel
from dsae.state.presence import softmax_mass
from dsae.state_legend import legend, points_legend
from dsae.state_overlay import Verdict, draw_state

SAME_RATE = 0.01  # frame rates that differ by a smaller share are the same


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    run: Path = argument()
    """Run folder of a training, or of `dsae state`."""
    compare: Names = ()
    """Folders of other trainings or states to put beside it, on the same frames."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    episode: Annotated[int, Field(ge=0)] | None = None
    """Number of the episode; the first held-out one if left out."""
    camera: str | None = None
    """Another camera than a training's own; the only one to draw of a state's."""
    goal: str | None = None
    """Goal to draw with a state: an image file, `last` (the episode's last frame), EPISODE:FRAME,
    or a file of `dsae goal`."""
    maps: bool = False
    """Draw the softmax maps instead of the points."""
    fps: Fps | None = None
    """Frames per second; those of the data if left out."""
    out: Path | None = None
    """Video or picture to write [RUN/overlay.mp4, maps.mp4 or compare.mp4]."""
    device: str = "auto"
    """auto, cpu or cuda."""
    overwrite: bool = False
    """Replace an existing file."""


def run(options: Options) -> int:
    """Draw and say where."""
    runs.refuse_file(options.run)
    name = "compare" if options.compare else "maps" if options.maps else "overlay"
    out = options.out or options.run / f"{name}.mp4"
    overlay.check_ending(out)
    targets.refuse_own(out, Path(options.goal) if options.goal else None)
    runs.refuse_existing(out, overwrite=options.overwrite)
    if options.goal and options.maps:
        raise UsageError("overlay: --goal is drawn with points, not with --maps")
    groups = _sights(options)
    footage = groups[0][0].footage
    number = footage.place(options.episode, None).episode
    header = footage.dataset.header(number)
    drawn = _panels(groups, number, options)
    recorded = header["meta"].get("fps")
    _note_rates(groups, recorded)
    fps = options.fps or recorded or DEFAULT_FPS
    panels.write(out, drawn, fps=fps)
    runs.say(f"episode {number}, {header['length']} frames: {out}")
    return 0


def _note_rates(groups: Sequence[Sequence[Sight]], recorded: float | None) -> None:
    """Say so where a state counts other seconds than the data."""
    for first, *_ in groups:
        if first.perception and recorded and abs(recorded / first.rate - 1) > SAME_RATE:
            runs.say(
                f"note: {first.run} was made for {first.rate:g} frames per second, the data have "
                f"{recorded:g}: its seconds are not theirs"
            )


def _sights(options: Options) -> list[list[Sight]]:
    """Return the sights of each run that have points; UsageError for a run that has none."""
    device = use_device(options.device)
    groups: list[list[Sight]] = []
    for folder in (options.run, *map(Path, options.compare)):
        data = groups[0][0].footage.dataset.folder if groups else options.data
        group = [s for s in sights(folder, data, options.camera, device) if _has_points(s)]
        if not group:
            raise UsageError(f"{folder} holds no spatial encoder: its code has no points to draw")
        groups.append(group)
    if options.goal and all(sight.perception is None for group in groups for sight in group):
        raise UsageError(f"a goal is drawn with a state: {options.run} is a training")
    return groups


def _has_points(sight: Sight) -> bool:
    if sight.perception is not None:
        return sight.verdict is not None
    one = sight.encoder.encode(shown(sight, 0)[:1])
    return one.points is not None and one.maps is not None


def _panels(groups: Sequence[Sequence[Sight]], episode: int, options: Options) -> list[Panel]:
    """Draw every sight; several have titles, with their cameras where these differ."""
    every = [sight for group in groups for sight in group]
    differ = len({sight.camera for sight in every}) > 1
    names = [sight.run.resolve().name for group in groups for sight in group[:1]]
    alike = len(set(names)) < len(names)
    found = []
    for group in groups:
        for sight in group:
            title = f"{sight.kind}: {sight.run if alike else sight.run.resolve().name}"
            title += f", camera {sight.camera}" if differ else ""
            goal = None
            if options.goal and sight.perception is not None:
                goal = targets.goal_of(options.goal, sight, group, episode)
            if options.maps:
                panel = _maps(sight, episode)
            elif sight.verdict is not None:
                panel = _believed(sight, episode, sight.verdict._replace(goal=goal))
            else:
                panel = _encoded(sight, episode, alone=len(every) == 1)
            found.append(panel._replace(title=title) if len(every) > 1 else panel)
    return found


def _maps(sight: Sight, episode: int) -> Panel:
    frames = shown(sight, episode)
    maps = sight.encoder.encode(frames).maps
    assert maps is not None
    return Panel(overlay.draw_maps(frames, maps.cpu().numpy()))


def _believed(sight: Sight, episode: int, verdict: Verdict) -> Panel:
    """Draw what a state estimator believes of the points."""
    frames = shown(sight, episode)
    seen = sight.estimator.run(frames).seen[sight.camera]
    entries = legend(seen, verdict, *frames.shape[1:3])
    return Panel(draw_state(frames, seen, verdict), legend=entries)


def _encoded(sight: Sight, episode: int, *, alone: bool) -> Panel:
    """Draw the points of a training: named in the picture, or beside others by numbers."""
    frames = shown(sight, episode)
    encoding = sight.encoder.encode(frames)
    assert encoding.points is not None
    assert encoding.maps is not None
    mass = softmax_mass(encoding.points, encoding.maps, sight.encoder.point_grid)
    points = encoding.points.cpu().numpy()
    labels = sight.names if alone else {k: str(k) for k in sight.names}
    drawn = overlay.draw_points(frames, points, mass.cpu().numpy(), labels=labels)
    return Panel(drawn, legend=() if alone else points_legend(sight.names, points.shape[1]))
