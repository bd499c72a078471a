"""Look at what an encoder does on a local web page: its points, its maps, its drawing redrawn.

Example:
    dsae view runs/train/push-dsae

Scrub through the episodes, switch feature points on and off, look at their softmax maps, and move
a point by mouse to see what the decoder makes of it; of a code without points, move its numbers.
Only this machine can reach the page (127.0.0.1; from another one: ssh -L 8080:localhost:8080 HOST);
Ctrl-C ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from data import index
from data.errors import DataError
from data.windows import Windows
from dsae import pictures
from dsae.commands import runs
from dsae.commands.beside import robot_of
from dsae.commands.codes import Codes
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.footage import DEFAULT_FPS, Footage
from dsae.commands.options import argument
from dsae.commands.sights import sights
from dsae.coordinates import to_points
from dsae.encoder import Encoder
from dsae.errors import DsaeError
from dsae.pictures import Dimension
from dsae.state.perception import Perception
from dsae.viewer import server
from dsae.viewer.app import application
from dsae.viewer.library import Entry, Recording, Subject
from dsae.viewer.viewer import Viewer


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to look at."""

    run: Path = argument()
    """Run folder of a training, or of a state."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    camera: str | None = None
    """Another camera than the one it was trained on, or one of a state's cameras."""
    episode: Annotated[int, Field(ge=0)] | None = None
    """Number of the episode to begin with; the first held-out one if left out."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the page; 8080 or the next free one if left out."""
    browser: bool = True
    """Open a browser, where there is a screen."""
    device: str = "auto"
    """auto, cpu or cuda."""


def run(options: Options) -> int:
    """Serve the page until Ctrl-C."""
    with server.claim(options.port) as listener:
        device = use_device(options.device)
        sight, *others = sights(options.run, options.data, options.camera, device)
        footage = sight.footage
        # Which episodes of other data were held out, nobody knows.
        perception = sight.perception
        held_out = footage.held_out if options.data is None else ()
        episodes = Episodes(footage, held_out, perception)
        subject = Subject(
            run=str(options.run),
            data=str(footage.dataset.folder),
            camera=footage.camera,
            start=footage.place(options.episode, None).episode,
            dimensions=_dimensions(sight.encoder, footage),
            names=sight.names,
            truth_names=footage.dataset.header(0)["keypoint_names"],
            thresholds=None if perception is None else perception.thresholds,
            kept=None if sight.verdict is None else sight.verdict.kept,
            reasons=sight.reasons,
        )
        app = application(Viewer(sight.encoder, episodes, subject))
        url = server.address(listener)
        also = "".join(f" (or --camera {other.camera})" for other in others)
        runs.say(f"{url} shows {options.run}, camera {sight.camera}{also}; Ctrl-C ends it")
        if options.browser:
            server.open_browser(url)
        try:
            server.serve(app, listener)
        except KeyboardInterrupt:  # how it ends
            runs.say("\nended")
    return 0


class Episodes:
    """The episodes of a data set, seen by an encoder (`dsae.viewer.library.Library`)."""

    def __init__(
        self, footage: Footage, held_out: Sequence[int], perception: Perception | None
    ) -> None:
        self._footage = footage
        self._perception = perception
        self._held_out = frozenset(held_out)

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """Every episode, by number."""
        dataset = self._footage.dataset
        listed = index.load(dataset.folder) or index.scan(dataset.folder)[0]
        return [
            Entry(number, length, entry.success, number in self._held_out)
            # More episodes may have come meanwhile.
            for number, (length, entry) in enumerate(zip(dataset.lengths, listed, strict=False))
        ]

    def read(self, number: int) -> Recording:
        """Return an episode, encoded."""
        dataset, encoder = self._footage.dataset, self._footage.encoder
        try:
            with Windows(dataset, self._footage.camera, [number], length=1) as windows:
                frames, robot = windows.frames, robot_of(windows, encoder)
                truth = _truth(windows)
            fps = dataset.header(number)["meta"].get("fps")
        except (DataError, UsageError) as error:
            raise DsaeError(str(error)) from error
        codes = Codes.of(encoder, frames)
        return Recording(
            frames=frames,
            robot=None if robot is None else torch.from_numpy(robot),
            features=codes.features,
            points=codes.points,
            # What a state compares with its thresholds.
            mass=codes.mass if self._perception is None else self._perception.see(frames).mass,
            truth=truth,
            fps=fps or DEFAULT_FPS,
        )


def _truth(windows: Windows) -> np.ndarray | None:
    """Return true keypoints (T, N, 3), x and y as in `dsae.coordinates`, where there are some."""
    try:
        pixels = windows.keypoints
    except DataError:
        return None
    height, width, _ = windows.frame_shape
    return np.concatenate([to_points(pixels[..., :2], height, width), pixels[..., 2:]], axis=-1)


def _dimensions(encoder: Encoder, footage: Footage) -> list[Dimension]:
    """Return the numbers of the code; only for one that is not all points is the data surveyed."""
    one = footage.at(footage.place(None, None))
    found = pictures.dimensions(encoder, one.images)
    if all(dimension.span == "image" for dimension in found):
        return found
    return pictures.dimensions(encoder, footage.survey().images)
