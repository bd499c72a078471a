"""A dot on a plane that must go to a goal: a task that is learned within seconds."""

from typing import Any, ClassVar

import gymnasium
import numpy as np

from dsae import encoders
from dsae.encoder import Encoder
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.layout import Part
from dsae.state.perception import Perception
from policies.policy import Task

HEIGHT, WIDTH = 36, 48
STEPS = 8
TASK = Task("plane:test/Plane-v0", {})
IDENTITY = (1.0, 0.0, 0.0, 0.0)


class Plane(gymnasium.Env[Any, Any]):
    """The reward is minus the distance; an episode may be cut short where the dot hits a wall."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    HORIZON = STEPS
    keypoint_names = ("end_effector", "goal")

    def __init__(self, render_mode: str | None = None, walls: bool = False) -> None:
        self.render_mode, self._walls = render_mode, walls
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        sizes = {"ee_pose": 7, "goal": 2, "object_position": 3}
        self.observation_space = gymnasium.spaces.Dict(
            {name: gymnasium.spaces.Box(-2, 2, (size,)) for name, size in sizes.items()}
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._dot, goal = self.np_random.uniform(-1, 1, (2, 2))
        self._goal = np.array((options or {}).get("goal", goal), float)
        self._time = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        moved = self._dot + 0.5 * np.asarray(action, float)
        self._dot = np.clip(moved, -1, 1)
        self._time += 1
        distance = float(np.linalg.norm(self._dot - self._goal))
        hit = self._walls and bool((moved != self._dot).any())
        info = {"is_success": distance < 0.1, "distance": distance}
        return self._observation(), -distance, hit, self._time == STEPS, info

    def render(self) -> Any:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        half = np.array([WIDTH - 1, HEIGHT - 1]) / 2
        for channel, place in enumerate((self._dot, self._goal)):
            x, y = np.rint(half * (place + 1)).astype(int)
            image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3, channel] = 255
        return image

    def points(self) -> dict[str, np.ndarray]:
        return {"end_effector": np.array([*self._dot, 0.0]), "goal": np.array([*self._goal, 0.0])}

    def condition(self) -> dict[str, Any]:
        return {"goal": self._goal.tolist()}

    def aims(self) -> tuple[Any, ...]:
        return (("end_effector", self.points()["goal"], 0.0),)

    def expert_action(self) -> np.ndarray:
        return np.float32(np.clip((self._goal - self._dot) / 0.5, -1, 1))

    def _observation(self) -> dict[str, Any]:
        dot = np.array([*self._dot, 0.0])
        pose = np.array([*dot, *IDENTITY])
        parts = {"ee_pose": pose, "goal": self._goal, "object_position": dot}
        return {name: np.float32(value) for name, value in parts.items()}


def encoder() -> Encoder:
    return encoders.create("dsae", (HEIGHT, WIDTH, 3), seed=0, settings={"points": 4}).eval()


def estimator() -> StateEstimator:
    """A state of two kept points of four, made for the plane."""
    noise = Noise(np.tile(np.eye(2), (4, 1, 1)), np.tile(1e-3 * np.eye(2), (4, 1, 1)))
    seen = Perception(
        encoder(),
        thresholds=np.zeros(4),
        noise=noise,
        usual=np.zeros((4, 2)),
        kept=np.array([True, False, False, True]),
    )
    return StateEstimator({"front": seen}, (Part("ee_pose", 7), Part("ee_velocity", 6)), 20.0)


gymnasium.register("test/Plane-v0", Plane)
