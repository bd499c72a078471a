"""Make a state estimator of trained encoders: when to believe a point, how it moves, which to keep.

Example:
    dsae state runs/train/push-dsae

From training episodes, without labels: a presence threshold for each feature point, the noise of
its Kalman filter, and the points worth controlling with. The state is [joint positions and
velocities, end-effector pose and velocity, filtered feature points and their velocities], as far as
the data has them; `--also` adds the encoders of other cameras. One file holds all of it, which
`dsae.state.artefact.load` reads and `dsae learn --state` takes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from data.dataset import Dataset, spread
from data.episode import Episode
from dsae import checkpoint
from dsae.commands import runs
from dsae.commands.devices import use_device
from dsae.commands.environments import Names
from dsae.commands.errors import UsageError
from dsae.commands.footage import DEFAULT_FPS
from dsae.commands.options import argument, override, runtime
from dsae.encoder import Encoder
from dsae.state import artefact, fitting
from dsae.state.estimator import StateEstimator
from dsae.state.fitting import Fitted
from dsae.state.robot import EE_POSE, ROBOT, robot_parts

POINTS_FILE = "points.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to make a state of."""

    run: Path = argument()
    """Run folder of a training."""
    also: Names = ()
    """Run folders of trainings on other cameras of the same data."""
    data: Path | None = None
    """Another data set than the one it was trained on."""
    episodes: Annotated[int, Field(gt=0)] = 60
    """Look at so many of the training episodes at most, spread over all of them."""
    settings: dict[str, Any] = field(default_factory=dict)
    """How points are judged, such as presence=0.4 or prune=false."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch."""
    out: Path | None = runtime(None)
    """Folder of the state [runs/state/RUN]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different one in the folder."""


def run(options: Options) -> int:
    """Fit, save, and say which points were kept and why."""
    device = use_device(options.device, options.threads)
    config = override(fitting.Config(), options.settings, where="state")
    options = dataclasses.replace(options, settings=vars(config))
    folders = [options.run, *map(Path, options.also)]
    for folder in folders:
        runs.refuse_file(folder)
    encoders = _by_camera(folders, options.data, device)
    dataset = Dataset.open(options.data or runs.trained_options(options.run)["data"])
    episodes = [dataset.read(number) for number in _chosen(dataset, options)]
    rate = float(dataset.meta.get("fps") or DEFAULT_FPS)
    out = options.out or Path("runs/state") / options.run.resolve().name
    with runs.open_run(out, "state", options, overwrite=options.overwrite) as run_:
        fitted = {
            camera: fitting.fit(encoder, [recorded(e, camera) for e in episodes], rate, config)
            for camera, encoder in encoders.items()
        }
        robot = robot_parts(episodes[0].observations)
        estimator = StateEstimator({c: f.perception for c, f in fitted.items()}, robot, rate)
        artefact.save(out / artefact.STATE_FILE, estimator)
        runs.save_json(out / POINTS_FILE, {c: _record(f) for c, f in fitted.items()})
        run_.finish()
    for camera, found in fitted.items():
        _say(camera, found)
    runs.say(f"{_described(estimator)}: {out / artefact.STATE_FILE}")
    return 0


def _by_camera(folders: Sequence[Path], data: Path | None, device: Any) -> dict[str, Encoder]:
    """Load the encoders; UsageError unless each sees through a camera of its own."""
    encoders: dict[str, Encoder] = {}
    for folder in folders:
        trained = runs.trained_options(folder)
        camera = Dataset.open(data or trained["data"]).camera(trained["camera"])
        if camera in encoders:
            raise UsageError(f"{folder} was trained on the camera '{camera}', as another one was")
        encoders[camera] = checkpoint.load(folder, device)
    return encoders


def _chosen(dataset: Dataset, options: Options) -> list[int]:
    """Return the numbers of the training episodes to look at."""
    train, _ = dataset.split(runs.trained_options(options.run)["held_out"])
    return [train[i] for i in spread(len(train), options.episodes)]


def recorded(episode: Episode, camera: str) -> fitting.Episode:
    """Return what of an episode a state is fitted on; UsageError without the camera's frames."""
    if camera not in episode.images:
        raise UsageError(f"there are no frames of '{camera}', only {', '.join(episode.images)}")
    known = [episode.observations[name] for name in ROBOT if name in episode.observations]
    robot = np.concatenate(known, axis=1) if known else None
    pose = episode.observations.get(EE_POSE)
    effector = None if pose is None else pose[:, :3]
    return fitting.Episode(episode.images[camera], robot, episode.actions, effector)


def _record(fitted: Fitted) -> dict[str, Any]:
    perception, pruning = fitted
    thresholds = perception.thresholds
    return {
        "presence_thresholds": None if thresholds is None else thresholds.tolist(),
        "scores": None if pruning is None else [score.figures for score in pruning.scores],
    }


def _say(camera: str, fitted: Fitted) -> None:
    if fitted.pruning is not None:
        runs.say(f"feature points of camera {camera}:")
        runs.say("\n".join(fitted.pruning.table()))
    elif not fitted.perception.has_presence:
        runs.say(f"camera {camera}: a code without feature points: no presence, all of it is kept")


def _described(estimator: StateEstimator) -> str:
    parts = ", ".join(f"{name} ({size})" for name, size in estimator.layout)
    return f"a state of {estimator.size} numbers, {parts}"
