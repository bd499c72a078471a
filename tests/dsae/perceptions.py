"""Small perceptions of untrained encoders, and episodes for them."""

import numpy as np
import torch

from dsae import encoders
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.perception import Perception, places_of
from dsae.state.robot import robot_parts

SHAPE = (24, 40, 3)
RATE = 20.0


def perception(
    name: str = "dsae", *, seed: int = 0, kept: list[int] | None = None, share: float = 1.0
) -> Perception:
    """Four feature points, absent in some frames, or a code of four numbers."""
    settings = {"points": 4, "temperature": 0.05} if name == "dsae" else {"code": 4}
    encoder = encoders.create(name, SHAPE, seed=seed, settings=settings).eval()
    size = 2 if name == "dsae" else 1
    noise = Noise(
        np.tile(0.5 * np.eye(size), (4, 1, 1)),
        np.tile(1e-3 * np.eye(size), (4, 1, 1)),
        np.tile(0.1 * np.eye(size), (4, 1, 1)),
    )
    thresholds = nothing = None
    if name == "dsae":
        seen = places_of(encoder, frames(20))
        assert seen.rise is not None
        nothing = seen.rise.mean(axis=0)
        mass = seen.against(nothing).mass
        assert mass is not None
        thresholds = share * np.median(mass, axis=0)
    return Perception(
        encoder,
        thresholds=thresholds,
        nothing=nothing,
        noise=noise,
        usual=np.full((4, size), 0.25),
        kept=None if kept is None else np.isin(np.arange(4), kept),
    )


def frames(count: int, seed: int = 0) -> np.ndarray:
    """Images of noise, which an untrained encoder looks at differently each."""
    noise = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *SHAPE), generator=noise, dtype=torch.uint8).numpy()


def robot(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Observations of a robot that moves and turns."""
    rng = np.random.default_rng(seed)
    turn = 0.1 * np.cumsum(rng.normal(size=count))
    pose = np.zeros((count, 7))
    pose[:, :3] = np.cumsum(rng.normal(size=(count, 3)), axis=0) / 100
    pose[:, 3], pose[:, 6] = np.cos(turn / 2), np.sin(turn / 2)
    return {
        "joint_position": rng.normal(size=(count, 3)),
        "joint_velocity": rng.normal(size=(count, 3)),
        "ee_pose": pose,
        "goal": rng.normal(size=(count, 2)),
    }


def estimator(**cameras: Perception) -> StateEstimator:
    return StateEstimator(cameras or {"front": perception()}, robot_parts(robot(1)), RATE)
