"""Cartesian end-effector velocity control on joint torques, without memory.

Operational-space control (Khatib 1987): the wrench that a velocity error asks for is weighed by
the arm's inertia at the end effector and turned into joint torques. The law depends on the
present state and the command alone, so that the state stays Markov for whoever learns on top.
"""

import numpy as np

from envs.engine import mujoco

VELOCITY_GAIN = 25.0  # (1/s) linear
ATTITUDE_GAIN = 150.0  # (1/s²) towards the commanded orientation
ANGULAR_GAIN = 25.0  # (1/s)
POSTURE_GAIN = 10.0  # (1/s²) towards the home posture, where it does not move the hand
POSTURE_DAMPING = 6.0  # (1/s)
REGULARISATION = 1e-3  # (1/kg) keeps the inertia finite near singular postures
_DAMPING = np.repeat([VELOCITY_GAIN, ANGULAR_GAIN], 3)


class CartesianController:
    """Drives a site at a commanded velocity and keeps its orientation, or turns it about y.

    Args:
        model: whose first joints are the arm's.
        site: its id.
        home: joint positions to prefer, shape (J,) in rad.
        rotation: orientation to keep, shape (3, 3).
        tilts: whether the command also turns the site about the world's y axis.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        site: int,
        home: np.ndarray,
        rotation: np.ndarray,
        *,
        tilts: bool = False,
    ) -> None:
        self._site, self._rotation, self._tilts = site, rotation, tilts
        self._joints = len(home)
        self._jacobian = np.zeros((6, model.nv))
        self._mobility = np.zeros((6, model.nv))  # J M⁻¹
        self._posture, self._force = np.zeros(model.nv), np.zeros(model.nv)
        self._wanted, self._wrench = np.zeros(6), np.zeros(6)
        self._pull = POSTURE_GAIN * home
        self._regularisation = REGULARISATION * np.eye(6)
        self._attitude = ATTITUDE_GAIN * _attitude_map(rotation)

    def torques(
        self, model: mujoco.MjModel, data: mujoco.MjData, velocity: np.ndarray, turn: float = 0.0
    ) -> np.ndarray:
        """Return joint torques, shape (J,) in N m.

        `velocity` is the site's, shape (3,) in m/s; `turn` is its rate about y in rad/s.
        """
        joints, jacobian, posture = self._joints, self._jacobian, self._posture
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self._site)
        mujoco.mj_solveM(model, data, self._mobility, jacobian)

        current = data.site_xmat[self._site]
        if self._tilts:  # the orientation to keep is the one at the angle where it stands now
            angle = tilt_of(current.reshape(3, 3) @ self._rotation.T)
            self._attitude = ATTITUDE_GAIN * _attitude_map(tilted(self._rotation, angle))
        wanted = self._wanted
        wanted[:3] = VELOCITY_GAIN * velocity
        wanted[3:] = self._attitude @ current
        wanted[4] += ANGULAR_GAIN * turn
        acceleration = wanted - _DAMPING * (jacobian @ data.qvel)
        posture[:joints] = self._pull - POSTURE_GAIN * data.qpos[:joints]
        posture[:joints] -= POSTURE_DAMPING * data.qvel[:joints]
        # With Λ = (J M⁻¹ Jᵀ)⁻¹, τ = Jᵀ Λ a + (1 − Jᵀ Λ J M⁻¹) M p = Jᵀ Λ (a − J p) + M p.
        mujoco.mj_mulM(model, data, self._force, posture)
        inverse_inertia = self._mobility @ jacobian.T
        inverse_inertia += self._regularisation
        mujoco.mju_cholFactor(inverse_inertia, 0.0)
        mujoco.mju_cholSolve(self._wrench, inverse_inertia, acceleration - jacobian @ posture)
        return (self._wrench @ jacobian + self._force)[:joints]


def _attitude_map(rotation: np.ndarray) -> np.ndarray:
    """Return A, (3, 9), such that A @ R.ravel() is the small turn (rad) from R to a rotation."""
    # With E = W Rᵀ the turn is half of (E₂₁ − E₁₂, E₀₂ − E₂₀, E₁₀ − E₀₁); Eᵢⱼ = Σₖ Wᵢₖ Rⱼₖ.
    entries = np.zeros((3, 3, 9))
    for j in range(3):
        entries[:, j, 3 * j : 3 * j + 3] = rotation
    return 0.5 * np.stack(
        [
            entries[2, 1] - entries[1, 2],
            entries[0, 2] - entries[2, 0],
            entries[1, 0] - entries[0, 1],
        ]
    )


def tilt_of(rotation: np.ndarray) -> float:
    """Return the angle about y, in rad, that comes nearest to a rotation, shape (3, 3)."""
    return float(np.arctan2(rotation[0, 2] - rotation[2, 0], rotation[0, 0] + rotation[2, 2]))


def tilted(rotation: np.ndarray, angle: float) -> np.ndarray:
    """Return a rotation, shape (3, 3), turned by `angle` rad about the world's y axis."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]) @ rotation
