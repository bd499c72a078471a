"""Observations are brought to mean 0 and deviation 1, by what has been seen so far.

SB3's `VecNormalize`, with a floor under the deviation: what hardly moves (a kept orientation, a
point that follows nothing) is not blown up to the size of what matters.
"""

from typing import Any

import numpy as np
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from policies.reinforcement.view import NUMBERS

FLOOR = 1e-4  # added to the variance: 1 cm, or 0.01 in the units of feature points, squared
LIMIT = 10.0  # deviations at which observations are cut off


def normalised(env: VecEnv, *, rewards: bool, discount: float) -> VecNormalize:
    """Return the environment with observations normalised (images apart), and perhaps rewards."""
    images = hasattr(env.observation_space, "spaces")
    return VecNormalize(
        env,
        norm_reward=rewards,
        clip_obs=LIMIT,
        gamma=discount,
        epsilon=FLOOR,
        norm_obs_keys=[NUMBERS] if images else None,
    )


def normalise(numbers: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return numbers (N, D) as a `VecNormalize` of that mean and variance (D,) does, float32."""
    standard = (numbers - mean) / np.sqrt(variance + FLOOR)
    return np.clip(standard, -LIMIT, LIMIT).astype(np.float32)


def statistics(env: VecNormalize) -> dict[str, RunningMeanStd]:
    """Return the running statistics: of `observations`, the numbers in them, and of `returns`."""
    seen: Any = env.obs_rms
    return {
        "observations": seen[NUMBERS] if isinstance(seen, dict) else seen,
        "returns": env.ret_rms,
    }
