"""How a finger pushes an object over the table to a goal: a law of the present state alone."""

import numpy as np

from envs.motion import at_most, ramp

TIP_HEIGHT = 0.03  # (metres) at which the finger pushes
ORBIT = 0.085  # (metres) from the object's centre on the way round it
CONTACT = 0.02  # (metres) from the object's centre within which it does not move sideways
ALIGNED = (0.85, 0.97)  # cosines of the angle off the pushing line: only circling, only pushing
MISS = (-0.016, -0.008)  # (metres) by which a straight push may pass the goal, negated
ARRIVED = (0.01, 0.025)  # (metres) from the goal: at rest, at full speed
GAIN = 5.0  # (1/s) on position errors
ACROSS_GAIN = 20.0  # (1/s) on the distance from the pushing line
SPEED = 0.25  # (m/s)


def law(tip: np.ndarray, thing: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Go round the object to the side away from the goal, then push along the line to it.

    The two motions are blended smoothly, so that a network can imitate the whole. All places are
    on the table, shape (2,) in metres; the finger's velocity is returned, shape (2,) in m/s.
    """
    gap = float(np.linalg.norm(goal - thing)) + 1e-9
    ahead = (goal - thing) / gap
    offset = tip - thing
    radius = float(np.linalg.norm(offset)) + 1e-9
    cosine = float(-offset @ ahead) / radius
    miss = gap * np.sqrt(max(0.0, 1 - cosine**2)) if cosine > 0 else gap
    pushing = max(ramp(cosine, *ALIGNED), ramp(-miss, *MISS))
    velocity = pushing * _push(offset, ahead) + (1 - pushing) * _around(offset, ahead)
    return at_most(velocity, SPEED) * ramp(gap, *ARRIVED)


def _push(offset: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Move ahead and back onto the line through the object's centre."""
    aside = np.array([-ahead[1], ahead[0]])
    return SPEED * ahead - ACROSS_GAIN * (offset @ aside) * aside


def _around(offset: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Circle the object at `ORBIT`, the shorter way to the side that `ahead` points away from."""
    radius = float(np.linalg.norm(offset)) + 1e-9
    outward = offset / radius
    tangent = np.array([-outward[1], outward[0]])
    turn = 1.0 if tangent @ -ahead >= 0 else -1.0
    # Too close, it first backs off; too far, it comes in while circling.
    radial = np.clip(GAIN * (ORBIT - radius), -SPEED, SPEED)
    return turn * SPEED * ramp(radius, CONTACT, ORBIT) * tangent + radial * outward
