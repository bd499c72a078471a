"""What a training or a state sees: its cameras, their encoders, what is known of their points."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from data.dataset import HELD_OUT, Dataset
from data.errors import DataError
from dsae import checkpoint, encoders
from dsae.commands import runs
from dsae.commands.errors import UsageError
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.footage import Footage
from dsae.commands.state import POINTS_FILE
from dsae.encoder import Encoder
from dsae.state import artefact
from dsae.state.estimator import StateEstimator
from dsae.state.perception import Perception
from dsae.state_overlay import Verdict

FOLLOWS = 0.02  # of the image width: a point within that of a keypoint is named after it


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One camera of a training or of a state."""

    run: Path
    camera: str
    """Its name."""
    encoder: Encoder
    open_footage: Callable[[], Footage]
    """Opens the data, seen by this camera; an image needs none."""
    names: dict[int, str]
    """Of the keypoints that points follow, by the points' numbers."""
    perception: Perception | None = None
    """Of a state."""
    rate: float = 0.0
    """Frames per second that the state was made for."""
    verdict: Verdict | None = None
    """Of a state's points; None also for a code without points."""
    reasons: tuple[str, ...] = ()
    """Why each point of a state was kept or dropped, in words, if known."""

    @cached_property
    def footage(self) -> Footage:
        """The data, seen by this camera."""
        return self.open_footage()

    @property
    def kind(self) -> str:
        """Such as `dsae`, or `state of dsae`."""
        family = encoders.family_of(self.encoder)
        return family if self.perception is None else f"state of {family}"

    @property
    def estimator(self) -> StateEstimator:
        """The state's estimator of this camera alone, without what the robot says."""
        assert self.perception is not None
        return StateEstimator({self.camera: self.perception}, (), self.rate)


def is_state(run: Path) -> bool:
    """Whether a folder was made by `dsae state`."""
    return (run / artefact.STATE_FILE).is_file()


def sights(
    run: Path, data: Path | None, camera: str | None, device: str | torch.device
) -> list[Sight]:
    """Return a training's only sight, or those of all of a state's cameras, or of one of them."""
    runs.refuse_file(run)
    if is_state(run):
        return state_sights(run, data, camera, device)
    encoder = checkpoint.load(run, device)
    footage = Footage(run, data, encoder)
    if camera is not None:
        footage.camera = footage.dataset.camera(camera)
    return [
        Sight(
            run=run,
            camera=footage.camera,
            encoder=encoder,
            open_footage=lambda: footage,
            names=followed(run / EVALUATION_FILE),
        )
    ]


def state_sights(
    run: Path, data: Path | None, camera: str | None, device: str | torch.device
) -> list[Sight]:
    """Return the sights of a state's cameras, or of one of them."""
    estimator = artefact.load(run, device)
    if camera is not None and camera not in estimator.perceptions:
        have = ", ".join(estimator.perceptions)
        raise UsageError(f"{run} has no camera '{camera}': it has {have}")
    # A state that was copied elsewhere may come as its one file.
    made = runs.read_run(run)["options"] if (run / runs.CONFIG_FILE).is_file() else {}
    trainings = [Path(name) for name in (made["run"], *made["also"])] if made else []
    names = _names(trainings, data, tuple(estimator.perceptions))
    found = []
    for name, perception in estimator.perceptions.items():
        if camera not in (None, name):
            continue
        categories, reasons = _scores(run, name)
        follows = names.get(name, {})
        open_footage = partial(
            _Seen, run, data or made.get("data"), trainings[:1], name, perception.encoder
        )
        found.append(
            Sight(
                run=run,
                camera=name,
                encoder=perception.encoder,
                open_footage=open_footage,
                names=follows,
                perception=perception,
                rate=estimator.rate,
                verdict=Verdict(perception.kept, categories, follows)
                if perception.has_presence
                else None,
                reasons=reasons,
            )
        )
    return found


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


def shown(sight: Sight, episode: int) -> np.ndarray:
    """Return the frames of an episode, uint8 (T, H, W, C), that the sight's camera saw."""
    camera = sight.camera
    frames = sight.footage.dataset.read(episode, cameras=[camera]).images[camera]
    wanted = sight.encoder.image_shape
    if frames.shape[1:] != wanted:
        raise UsageError(
            f"{sight.run} takes images of {_size(wanted)}, got {frames.dtype} of "
            f"{_size(frames.shape[1:])} from {sight.footage.dataset.folder}"
        )
    return frames


class _Seen(Footage):
    """Footage of a state, whose training may be gone."""

    def __init__(
        self,
        run: Path,
        data: Path | str | None,
        trainings: list[Path],
        camera: str,
        encoder: Encoder,
    ) -> None:
        share = HELD_OUT
        try:
            trained = runs.trained_options(next(iter(trainings), run))
            data, share = data or trained["data"], trained["held_out"]
        except UsageError as error:
            if data is None:
                raise UsageError(
                    f"the training that {run} was made of is gone: name its data with --data"
                ) from error
        assert data is not None
        self.dataset = Dataset.open(data)
        self.camera = self.dataset.camera(camera)
        self.held_out = self.dataset.split(share)[1] if len(self.dataset) > 1 else (0,)
        self.encoder = encoder


def _scores(run: Path, camera: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what each point of a state was found to be, and why in words, as far as written."""
    file = run / POINTS_FILE
    if not file.exists():
        return (), ()
    try:
        scores = (runs.read_json(file).get(camera) or {}).get("scores") or []
        return tuple(s["category"] for s in scores), tuple(s["reason"] for s in scores)
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is damaged: delete it or make the state again") from error


def _names(
    trainings: list[Path], data: Path | None, cameras: tuple[str, ...]
) -> dict[str, dict[int, str]]:
    """Return what points follow, by camera, as far as trainings are there and were evaluated."""
    found = {}
    for training in trainings:
        try:
            trained = runs.trained_options(training)
            camera = trained["camera"] or cameras[0]
            if trained["camera"] is None and len(cameras) > 1:
                camera = Dataset.open(data or trained["data"]).camera(None)
        except (UsageError, DataError):
            continue
        found[camera] = followed(training / EVALUATION_FILE)
    return found


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
