"""The robot's part of a state: what its joints and its end effector do."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dsae.errors import DsaeError
from dsae.state.layout import Part

ROBOT = ("joint_position", "joint_velocity", "ee_pose", "gripper")
"""Observations that are taken as they are, in this order, as far as there are any."""
EE_POSE, EE_VELOCITY = "ee_pose", "ee_velocity"
"""The pose is (x, y, z) in metres and a quaternion (w, x, y, z); see `velocity`."""


def robot_parts(observations: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the parts that the robot's observations, each (..., D), give a state.

    The velocity of the end effector, which simulators and drivers seldom give, is made of its pose.
    """
    parts = [Part(name, np.shape(observations[name])[-1]) for name in ROBOT if name in observations]
    if EE_POSE in observations:
        if np.shape(observations[EE_POSE])[-1] != 7:
            size = np.shape(observations[EE_POSE])[-1]
            raise DsaeError(f"{EE_POSE} has {size} numbers: it takes a position and a quaternion")
        parts.append(Part(EE_VELOCITY, 6))
    return tuple(parts)


def velocity(before: np.ndarray, now: np.ndarray, dt: float) -> np.ndarray:
    """Return the mean velocity between two poses, (..., 7) each, dt seconds apart: (..., 6).

    Metres per second, then the rotation vector of q_now q_before⁻¹, by dt, in radians per second
    about the world's axes. q and −q are the same rotation.
    """
    linear = (now[..., :3] - before[..., :3]) / dt
    w0, u0 = before[..., 3:4], before[..., 4:7]
    w1, u1 = now[..., 3:4], now[..., 4:7]
    scalar = w1 * w0 + (u1 * u0).sum(axis=-1, keepdims=True)
    vector = w0 * u1 - w1 * u0 - np.cross(u1, u0)
    vector = np.where(scalar < 0, -vector, vector)
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, np.abs(scalar))
    # angle / length → 2 / |scalar| where nothing turns
    ratio = np.divide(angle, length, out=np.full_like(length, 2.0), where=length > 1e-12)
    return np.concatenate([linear, ratio * vector / dt], axis=-1)
