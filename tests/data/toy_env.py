"""A dot on a plane, small and fast, with a goal, an expert and all the truth there is."""

import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np

from data.episode import Episode, write
from data.index import episode_path

HEIGHT, WIDTH = 24, 32


class Toy(gymnasium.Env[Any, Any]):
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    keypoint_names = ("dot", "goal")

    def __init__(self, steps: int = 8, render_mode: str | None = "rgb_array", delay: float = 0.0):
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = gymnasium.spaces.Dict(
            {"dot": gymnasium.spaces.Box(-2, 2, (2,)), "goal": gymnasium.spaces.Box(-2, 2, (2,))}
        )
        self._steps = steps
        self._delay = delay

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._dot, self._goal = self.np_random.uniform(-1, 1, (2, 2))
        self._time = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        time.sleep(self._delay)
        self._dot = np.clip(self._dot + 0.5 * action, -1, 1)
        self._time += 1
        distance = float(np.linalg.norm(self._dot - self._goal))
        over = self._time == self._steps
        return self._observation(), -distance, False, over, {"is_success": distance < 0.1}

    def render(self) -> Any:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for channel, (x, y, _) in enumerate(np.rint(self.keypoints()).astype(int)):
            image[y, x, channel] = 255
        return image

    def keypoints(self) -> Any:
        half = np.array([WIDTH - 1, HEIGHT - 1]) / 2
        return np.array([[*(half * (p + 1)), 1] for p in (self._dot, self._goal)], np.float32)

    def points(self) -> dict[str, Any]:
        return {"dot": np.array([*self._dot, 0.0]), "goal": np.array([*self._goal, 0.0])}

    def factors(self) -> dict[str, Any]:
        return {"goal": self._goal.tolist()}

    def expert_action(self) -> Any:
        return np.clip((self._goal - self._dot) / 0.5, -1, 1)

    def _observation(self) -> dict[str, Any]:
        return {"dot": self._dot.copy(), "goal": self._goal.copy()}


class Bare(gymnasium.Env[Any, Any]):
    """No truth, no expert, a vector observation, and frames that reuse their memory."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    render_mode = "rgb_array"
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    observation_space = gymnasium.spaces.Box(-1, 1, (3,))

    def __init__(self) -> None:
        self._image = np.zeros((8, 8, 3), np.uint8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._image[:] = 0
        return np.zeros(3), {}

    def step(self, action: Any) -> Any:
        self._image += 1
        return np.zeros(3), 0.0, bool(self._image[0, 0, 0] == 5), False, {}

    def render(self) -> Any:
        return self._image


class Deadly(Toy):
    """Dies as if out of memory in the episode of seed 3."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if seed == 3:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset(seed=seed)


def make() -> Toy:
    return Toy()


def make_slow() -> Toy:
    return Toy(delay=0.02)


def make_deadly() -> Toy:
    return Deadly()


def make_broken() -> Toy:
    raise RuntimeError("no GL library")


def coded_episode(number: int, length: int, height: int = 4, width: int = 6) -> Episode:
    """An episode whose pixels say which one it is (red) and when it is (green)."""
    images = np.zeros((length, height, width, 3), np.uint8)
    images[..., 0] = number
    images[..., 1] = np.arange(length)[:, None, None]
    ticks = np.arange(length, dtype=np.float32)
    return Episode(
        images={"front": images},
        observations={"clock": np.stack([np.full(length, number), ticks], axis=1)},
        keypoints={"front": np.stack([ticks, ticks, np.ones_like(ticks)], axis=1)[:, None]},
        keypoint_names=("hand",),
        meta={"seed": number, "success": number % 2 == 0},
    )


def coded_dataset(folder: Path, lengths: tuple[int, ...] = (5, 4, 6)) -> Path:
    """Coded episodes of these lengths, without an index."""
    folder.mkdir(exist_ok=True)
    for number, length in enumerate(lengths):
        write(episode_path(folder, number), coded_episode(number, length))
    return folder
