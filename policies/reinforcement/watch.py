"""How the episodes go that are acted in to learn."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

COUNTS = ("train/n_updates",)  # of SB3's figures, what begins anew when learning goes on
RECENT = 100  # episodes that the success is told of meanwhile


class Watch(BaseCallback):
    """Notes the episodes that end, for a row of the log; `tell` hears the steps and a word."""

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self.start(0)

    def start(self, steps: int) -> None:
        """Begin a row after so many steps."""
        self._begin, self._since = steps, time.perf_counter()
        self._successes: list[bool] = []
        self._distances: list[float] = []
        self._returns: list[float] = []

    def row(self) -> dict[str, float]:
        """Return the figures since `start`; those of episodes if any ended, the algorithm's own."""
        taken = self.num_timesteps - self._begin
        row = {
            "samples": float(self.num_timesteps),
            "steps_per_second": taken / (time.perf_counter() - self._since),
        }
        if self._successes:
            row["success"] = float(np.mean(self._successes))
            row["return"] = float(np.mean(self._returns))
        if np.isfinite(self._distances).any():
            row["distance"] = float(np.nanmedian(self._distances))
        figures = self.logger.name_to_value.items()
        return row | {name: float(value) for name, value in figures if name not in COUNTS}

    def _on_step(self) -> bool:
        ended = [info for info in self.locals["infos"] if "episode" in info]
        for info in ended:
            self._recent.append(info["is_success"])
            self._successes.append(info["is_success"])
            self._distances.append(info["distance"])
            self._returns.append(info["episode"]["r"])
        if ended:
            self._tell(self.num_timesteps, f"success {100 * np.mean(self._recent):.0f} %")
        return True
