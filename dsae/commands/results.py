"""What one policy of a benchmark came to, as its stages left it on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsae import checkpoint
from dsae.commands import runs
from dsae.commands.grid import Cell
from dsae.commands.rollout import RESULTS_FILE, outcomes_in
from dsae.logger import read_metrics
from policies.policy import POLICY_FILE


@dataclass(frozen=True)
class Result:
    """What became of one policy."""

    success: NDArray[np.bool_]
    """Of each episode, the same episodes for all policies."""
    distance: NDArray[np.float64]
    """What was left to the goal, in metres; NaN where the task does not say."""
    rows: list[dict[str, float]]
    """What was logged while it learned."""
    state_size: int
    """Numbers in the state."""
    learn_seconds: float
    rollout_seconds: float
    encoder_seconds: float | None
    """Training of the encoder, and its filter's fitting; None for a state without one."""

    @property
    def samples(self) -> float | None:
        """Steps of the task that were taken to learn, as far as the learner says."""
        return next((row["samples"] for row in reversed(self.rows) if "samples" in row), None)


def read(cell: Cell) -> Result:
    """Read what the finished stages of a cell left."""
    outcomes = outcomes_in(runs.read_json(cell.rollout / RESULTS_FILE)["outcomes"])
    header = checkpoint.read(cell.policy / POLICY_FILE, kind="policy")[1]
    made = [path for path in (*cell.encoders.values(), cell.estimator) if path in cell.stages]
    return Result(
        success=np.array([one.success for one in outcomes]),
        distance=np.array([one.distance for one in outcomes]),
        rows=read_metrics(cell.policy),
        state_size=sum(size for _, size in header["layout"]),
        learn_seconds=_seconds(cell.policy),
        rollout_seconds=_seconds(cell.rollout),
        encoder_seconds=sum(map(_seconds, made)) if made else None,
    )


def as_json(result: Result) -> dict[str, Any]:
    """Return the figures of a policy for results.json."""
    return {
        "success_rate": float(result.success.mean()),
        "successes": int(result.success.sum()),
        "median_distance_m": float(np.median(result.distance)),
        "state_size": result.state_size,
        "samples": result.samples,
        "learn_seconds": result.learn_seconds,
        "rollout_seconds": result.rollout_seconds,
        "encoder_seconds": result.encoder_seconds,
    }


def _seconds(folder: Path) -> float:
    return float(runs.read_run(folder)["seconds"])
