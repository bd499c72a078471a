"""What benchmarks/tracking.py measures of a training."""

from typing import Any

import numpy as np

from data.dataset import spread
from data.windows import Windows
from dsae.commands.codes import Split
from dsae.commands.state import recorded
from dsae.encoder import Encoder
from dsae.errors import DsaeError
from dsae.metrics import state
from dsae.metrics.goals import goal_correlation
from dsae.metrics.presence import erase, presence_score
from dsae.metrics.tracking import TRACKED, constant_errors, tracking_errors
from dsae.state import fitting
from dsae.state.perception import Percept, Perception, places_of

STATE_EPISODES = 60  # training episodes that presence, noise and pruning are fitted on
ERASED_EVERY = 3  # of the frames in which an object is visible, one is looked at without it
ERASED_RADIUS = 6 / 64  # of the width: covers the blocks, cylinders and discs of our tasks


def follow(encoder: Encoder, train: Windows, test: Windows) -> dict[str, Any]:
    """Return how each keypoint is followed by the point that does so best."""
    fitted = Split(train, test).fitted
    learned, seen = (places_of(encoder, frames) for frames in (train.frames[fitted], test.frames))
    return {"width": test.frame_shape[1], "keypoints": followed(learned, seen, train, test)}


def followed(
    learned: Percept, seen: Percept, train: Windows, test: Windows
) -> dict[str, dict[str, Any]]:
    """Return a row for each keypoint, of percepts of the `Split.fitted` and of the test frames."""
    truth = train.keypoints[Split(train, test).fitted], test.keypoints
    rows = zip(
        tracking_errors(learned.places, truth[0], seen.places, truth[1]),
        constant_errors(*truth),
        strict=True,
    )
    return {
        name: {
            "error": row.error,
            "tracked": row.error < TRACKED * test.frame_shape[1],
            "point": row.point,
            "constant": constant,
        }
        for name, (row, constant) in zip(test.keypoint_names, rows, strict=True)
    }


def measure(encoder: Encoder, train: Windows, test: Windows) -> dict[str, Any]:
    """Return how each keypoint is followed: by any point, by a kept one, and whether it says so."""
    height, width, _ = train.frame_shape
    episodes = state_episodes(train)
    try:
        perception, pruning = fitting.fit(encoder, episodes, rate=20.0)
    except DsaeError:  # no point is worth keeping
        perception, pruning = fitting.fit(encoder, episodes, 20.0, fitting.Config(prune=False))
    categories = pruning.categories if pruning else ()
    numbers = np.flatnonzero(perception.kept) if pruning else np.zeros(0, int)
    some = train.frames[Split(train, test).fitted]
    learned, seen = perception.see(some), perception.see(test.frames)
    rows = followed(learned, seen, train, test)
    kept_rows = {}
    if len(numbers):
        chosen = [one._replace(places=one.places[:, numbers]) for one in (learned, seen)]
        kept_rows = followed(chosen[0], chosen[1], train, test)
    background = np.median(some[::8], axis=0).astype(np.uint8)
    for i, (name, row) in enumerate(rows.items()):
        visible = test.keypoints[:, i, 2] > 0.5
        row["kept_error"] = kept_rows[name]["error"] if kept_rows else float("nan")
        row["presence"] = presence_score(seen.present[:, row["point"]], visible)._asdict()
        row["erased"] = erased_recall(perception, row["point"], test, i, background)
    moved = [
        i for i, name in enumerate(test.keypoint_names) if not name.startswith(("goal", "hook"))
    ]
    goals = goal_correlation(
        seen.places,
        seen.present,
        perception.movable,
        test.points[:, moved],
        test.episode_of,
        height=height,
        width=width,
    )
    return {
        "width": width,
        "keypoints": rows,
        "kept": len(numbers),
        "categories": list(categories),
        "goals": {name: state.mean_or_nan(value) for name, value in goals._asdict().items()},
    }


def erased_recall(
    perception: Perception, point: int, test: Windows, keypoint: int, background: np.ndarray
) -> float:
    """Return the share of frames without an object in which its point says that it is absent."""
    frames = np.flatnonzero(test.keypoints[:, keypoint, 2] > 0.5)[::ERASED_EVERY]
    if not len(frames):
        return float("nan")
    radius = ERASED_RADIUS * test.frame_shape[1]
    gone = erase(test.frames[frames], test.keypoints[frames, keypoint, :2], background, radius)
    return 1 - float(perception.see(gone).present[:, point].mean())


def state_episodes(train: Windows) -> list[fitting.Episode]:
    """Return some training episodes, for what is learned without labels."""
    numbers = [train.episodes[i] for i in spread(len(train.episodes), STATE_EPISODES)]
    return [recorded(train.dataset.read(number), train.camera) for number in numbers]
