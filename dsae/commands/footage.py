"""Frames of a training's data set, with the robot's state for an encoder that draws with it."""

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field

from data.dataset import Dataset, spread
from data.windows import Windows
from dsae.commands import runs
from dsae.commands.beside import robot_of
from dsae.commands.errors import UsageError
from dsae.encoder import Encoder

Fps = Annotated[float, Field(ge=0.1, le=1000, allow_inf_nan=False)]
"""Frames per second of a film."""
DEFAULT_FPS = 20.0  # of data that do not say


class Place(NamedTuple):
    """One frame of a data set."""

    episode: int
    frame: int

    def __str__(self) -> str:
        return f"episode {self.episode}, frame {self.frame}"


class Shots(NamedTuple):
    """Some frames and what the robot felt then."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    robot: torch.Tensor | None
    """Float (N, R), if the encoder needs it."""

    def some(self, count: int) -> "Shots":
        """Return `count` of them, spread evenly (with repetitions where there are fewer)."""
        chosen = np.linspace(0, len(self.images) - 1, count).round().astype(int)
        return Shots(self.images[chosen], None if self.robot is None else self.robot[chosen])


class Footage:
    """The data set that an encoder was trained on, or another one, seen by the same camera."""

    def __init__(self, run: Path, data: Path | None, encoder: Encoder) -> None:
        trained = runs.trained_options(run)
        self.dataset = Dataset.open(data or trained["data"])
        self.camera = self.dataset.camera(trained["camera"])
        self.held_out = self.dataset.split(trained["held_out"])[1]
        self.encoder = encoder

    def place(self, episode: int | None, frame: int | None) -> Place:
        """Return a checked place; by default in the first held-out episode, and its middle."""
        number = self.held_out[0] if episode is None else episode
        if number >= len(self.dataset):
            folder, count = self.dataset.folder, len(self.dataset)
            raise UsageError(f"there is no episode {number}: {folder} holds {count}")
        length = self.dataset.lengths[number]
        chosen = length // 2 if frame is None else frame
        if chosen >= length:
            raise UsageError(f"there is no frame {chosen}: episode {number} has {length}")
        return Place(number, chosen)

    def at(self, place: Place) -> Shots:
        """Return one frame, N = 1."""
        shots, here = self._read([place.episode]), slice(place.frame, place.frame + 1)
        return Shots(shots.images[here], None if shots.robot is None else shots.robot[here])

    def survey(self, episodes: int = 20, frames: int = 500) -> Shots:
        """Return at most so many frames of so many episodes, both spread over the data set.

        As many as tell how a code, or the robot's state, is spread.
        """
        shots = self._read(spread(len(self.dataset), episodes).tolist())
        return shots.some(min(frames, len(shots.images)))

    def _read(self, episodes: list[int]) -> Shots:
        with Windows(self.dataset, self.camera, episodes, length=1) as windows:
            robot = robot_of(windows, self.encoder)
            return Shots(windows.frames, None if robot is None else torch.from_numpy(robot))
