"""Cartesian end-effector velocity control on joint torques, without memory.

Operational-space control (Khatib 1987): the wrench that a velocity error asks for is weighed by
the arm's inertia at the end effector and turned into joint torques. The law depends on the
present state and the command alone, so that the state stays Markov for whoever learns on top.
"""

from typing import NamedTuple

import mujoco
import numpy as np

VELOCITY_GAIN = 25.0  # (1/s) linear
ATTITUDE_GAIN = 150.0  # (1/s²) towards the commanded orientation
ANGULAR_GAIN = 25.0  # (1/s)
POSTURE_GAIN = 10.0  # (1/s²) towards the home posture, where it does not move the hand
POSTURE_DAMPING = 6.0  # (1/s)
REGULARISATION = 1e-3  # (1/kg) keeps the inertia finite near singular postures


class CartesianController(NamedTuple):
    """Drives a site at a commanded velocity and keeps its orientation."""

    site: int
    home: np.ndarray  # (J,) joint positions in rad
    rotation: np.ndarray  # (3, 3) orientation to keep

    def torques(
        self, model: mujoco.MjModel, data: mujoco.MjData, velocity: np.ndarray
    ) -> np.ndarray:
        """Return joint torques, shape (J,) in N m, for a commanded velocity, shape (3,) in m/s."""
        joints = len(self.home)
        jacobian = np.zeros((6, model.nv))
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self.site)
        jacobian = jacobian[:, :joints]
        mass = np.zeros((model.nv, model.nv))
        _full_mass(model, data, mass)
        mass = mass[:joints, :joints]
        joint_velocity = data.qvel[:joints]
        twist = jacobian @ joint_velocity

        error = self.rotation @ data.site_xmat[self.site].reshape(3, 3).T
        attitude = 0.5 * np.array(
            [error[2, 1] - error[1, 2], error[0, 2] - error[2, 0], error[1, 0] - error[0, 1]]
        )
        acceleration = np.concatenate(
            [
                VELOCITY_GAIN * (velocity - twist[:3]),
                ATTITUDE_GAIN * attitude - ANGULAR_GAIN * twist[3:],
            ]
        )
        mobility = np.linalg.solve(mass, jacobian.T)  # M⁻¹ Jᵀ
        inertia = np.linalg.inv(jacobian @ mobility + REGULARISATION * np.eye(6))
        posture = mass @ (
            POSTURE_GAIN * (self.home - data.qpos[:joints]) - POSTURE_DAMPING * joint_velocity
        )
        null_space = np.eye(joints) - jacobian.T @ inertia @ mobility.T
        return jacobian.T @ (inertia @ acceleration) + null_space @ posture


def _full_mass(model: mujoco.MjModel, data: mujoco.MjData, out: np.ndarray) -> None:
    """Write the joint-space inertia into `out`; the call's arguments changed in MuJoCo 3.4+."""
    try:
        mujoco.mj_fullM(model, data, out)
    except TypeError:
        mujoco.mj_fullM(model, out, data.qM)
