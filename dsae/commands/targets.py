"""Goals as people give them: an image, a frame of an episode, or a file that was made of either."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from data.images import SUFFIXES, read_image
from dsae.commands.errors import UsageError
from dsae.commands.sights import Sight, shown
from dsae.encoder import ImageShape
from dsae.errors import DsaeError
from dsae.state.goals import Goal
from dsae.state.goals import load as saved_goals
from dsae.state.perception import Percept

LAST = "last"


class Target(NamedTuple):
    """A goal and where it is from."""

    image: np.ndarray
    """uint8 (H, W, C)."""
    percept: Percept
    """What the encoder sees in it, B = 1."""
    goal: Goal


def goal_of(text: str, sight: Sight, others: Sequence[Sight], episode: int) -> Goal:
    """Return the goal that `text` means to one of a state's sights.

    An image file, a file of `dsae goal`, `last` (the last frame of `episode`) or EPISODE:FRAME.
    """
    if text.endswith(".json"):
        return load(Path(text), sight)
    if text == LAST:
        return frame(sight, episode, None).goal
    if match := re.fullmatch(r"(\d+):(\d+)", text):
        return frame(sight, int(match[1]), int(match[2])).goal
    one_camera(others, Path(text))
    return image(sight, Path(text)).goal


def image(sight: Sight, path: Path) -> Target:
    """Return the goal that an image file shows."""
    return _target(sight, read(path, sight.encoder.image_shape), str(path))


def frame(sight: Sight, episode: int, number: int | None) -> Target:
    """Return the goal that a frame of an episode shows, by default the last one."""
    place = sight.footage.place(episode, number or 0)
    frames = shown(sight, place.episode)
    index = len(frames) - 1 if number is None else number
    source = str(place._replace(frame=index))
    return _target(sight, frames[index], source)


def one_camera(sights: Sequence[Sight], path: Path) -> None:
    """Raise UsageError unless it is clear which camera an image file is of."""
    cameras = [sight.camera for sight in sights]
    if len(cameras) > 1:
        raise UsageError(
            f"{sights[0].run} sees through the cameras {', '.join(cameras)}: name the one that "
            f"{path} is of with --camera"
        )


def refuse_own(out: Path, goal: Path | None) -> None:
    """Raise UsageError if what is to be written is what the goal is read from."""
    if goal is not None and goal.exists() and out.resolve() == goal.resolve():
        raise UsageError(f"{out} is what the goal is read from: choose another --out")


def read(path: Path, wanted: ImageShape) -> np.ndarray:
    """Read a png or jpg file as an image that an encoder takes, uint8 (H, W, C), RGB or grey."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}' is no image: the endings are {', '.join(SUFFIXES)}")
    found = read_image(path)
    height, width, channels = wanted
    if found.shape[:2] != (height, width):
        raise UsageError(
            f"{path} is {found.shape[0]}×{found.shape[1]} pixels (height×width), the encoder takes "
            f"{height}×{width}: give an image by the same camera at that size"
        )
    return cv2.cvtColor(found, cv2.COLOR_RGB2GRAY)[..., None] if channels == 1 else found


def load(path: Path, sight: Sight) -> Goal:
    """Read what a goal's file says for a sight; UsageError unless it is of the same points."""
    goals = saved_goals(path)
    if sight.camera not in goals:
        have = ", ".join(goals)
        raise UsageError(f"{path} is a goal for the cameras {have}, not for '{sight.camera}'")
    assert sight.perception is not None
    goal, count = goals[sight.camera], len(sight.perception.kept)
    if len(goal.mask) != count:
        raise UsageError(f"{path} is a goal of {len(goal.mask)} points, {sight.run} has {count}")
    return goal


def _target(sight: Sight, shot: np.ndarray, source: str) -> Target:
    if sight.perception is None or sight.verdict is None:
        what = "a training" if sight.perception is None else "a state of a code without points"
        raise UsageError(f"a goal is feature points of a state: {sight.run} is {what}")
    percept = sight.perception.see(shot[None])
    try:
        goal = Goal.of(percept.places[0], percept.present[0], sight.perception.movable)
    except DsaeError as error:
        raise UsageError(f"{source} is no goal for camera '{sight.camera}': {error}") from error
    return Target(shot, percept, goal)
