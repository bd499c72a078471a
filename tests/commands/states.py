"""States to look at: of two cameras with frames that are not square, and of the real training."""

import json
from pathlib import Path

import numpy as np
from terminal import Made

from data.episode import Episode, write
from data.index import episode_path
from dsae import encoders
from dsae.__main__ import main
from dsae.commands.state import POINTS_FILE
from dsae.state import artefact
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.perception import Perception, places_of

CAMERAS = ("front", "side")
SIZE = (24, 40)
LENGTH = 14
POINTS = 4
REASONS = ("kept", "kept", "kept", "duplicate", "still", "unpredictable", "absent")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def frames(episode: int, camera: int = 0) -> np.ndarray:
    """A red square that crosses a field of noise, uint8 (T, H, W, 3)."""
    rng = np.random.default_rng([episode, camera])
    noise = rng.integers(0, 120, (1, *SIZE, 3), dtype=np.uint8)
    made = np.repeat(noise, LENGTH, axis=0)
    for t, frame in enumerate(made):
        frame[8 + episode : 14 + episode, 2 * t : 2 * t + 6] = (240, 30, 60)
    return made


def recorded(folder: Path, cameras: tuple[str, ...] = CAMERAS) -> Path:
    """Three episodes of a person's own, without a robot."""
    folder.mkdir(parents=True)
    for number in range(3):
        images = {camera: frames(number, c) for c, camera in enumerate(cameras)}
        write(episode_path(folder, number), Episode(images=images))
    return folder


def perception(seed: int, channels: int = 3, name: str = "dsae") -> Perception:
    """Of an untrained encoder; half the points are absent in half of the frames."""
    settings = {"points": POINTS, "temperature": 0.05} if name == "dsae" else {"code": POINTS}
    encoder = encoders.create(name, (*SIZE, channels), seed=seed, settings=settings).eval()
    mass = places_of(encoder, frames(0)[..., :channels]).mass
    size = 1 if mass is None else 2
    noise = Noise(
        np.tile(0.5 * np.eye(size), (POINTS, 1, 1)), np.tile(1e-3 * np.eye(size), (POINTS, 1, 1))
    )
    limits = None if mass is None else np.where(np.arange(POINTS) < 2, 1, 0) * np.median(mass, 0)
    usual = np.zeros((POINTS, size))
    return Perception(encoder, thresholds=limits, noise=noise, usual=usual)


def saved(folder: Path, **perceptions: Perception) -> Path:
    """A state as a controller is given it: one file, of whatever cameras."""
    folder.mkdir(parents=True, exist_ok=True)
    artefact.save(folder / artefact.STATE_FILE, StateEstimator(perceptions, (), 20.0))
    return folder


def two_cameras(folder: Path) -> Path:
    """A state of both cameras; the second point of each is dropped."""
    seen = {camera: perception(seed) for seed, camera in enumerate(CAMERAS)}
    for one in seen.values():
        one.kept[1] = False
    return saved(folder, **seen)


def of_training(made: Made, folder: Path) -> Path:
    """The state of a real training, three of whose points are then said to be kept."""
    call = ["state", made.dsae, "--set", "prune=false", "--episodes", 3, "--threads", 1]
    assert run(*call, "--out", folder) == 0
    estimator = artefact.load(folder)
    seen = estimator.perceptions["front"]
    seen.kept[:] = np.arange(len(seen.kept)) < 3
    artefact.save(folder / artefact.STATE_FILE, estimator)
    scores = [
        {"category": REASONS[min(k, 6)], "reason": f"{REASONS[min(k, 6)]}: as an example"}
        for k in range(len(seen.kept))
    ]
    (folder / POINTS_FILE).write_text(json.dumps({"front": {"scores": scores}}))
    return folder
