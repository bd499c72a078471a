"""Arrange toys: push a block and a cylinder, each to the disc of its colour, in either order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs import pushing
from envs.errors import TaskError
from envs.motion import at_most, ramp
from envs.robot import Move
from envs.task import Task

TOYS = ("block", "cylinder")
CLOSE = 0.03  # (metres) from a toy to its goal, on the table: success
LOW, HIGH = (0.42, -0.20), (0.66, 0.20)  # (metres) where toys and goals lie
PUSH_RANGE = (0.08, 0.20)  # (metres) from a toy to its goal at the start
REACH = ((0.35, -0.27), (0.69, 0.27))  # (metres) where the finger may have to start a push
START = np.array([0.40, 0.0])  # (metres) where the finger's tip stands at the start, about
FREE = 0.09  # (metres) between that and a toy
TOUCHING = 0.08  # (metres) between the toys' centres: they may overlap
ROOM = 0.10  # (metres) between the ways of the two toys, the finger's way behind them included
FAR = 0.15  # (metres) over which the dense reward falls to 1/e

# The expert's constants.
REST = np.array([0.42, 0.0])  # (metres) where the finger goes when all is done
FLIGHT = 0.11  # (metres) height of the tip on its way between toys
TIP_HEIGHT = 0.02  # (metres) at which the finger pushes; higher up the cylinder would topple
BELOW = (0.030, 0.045)  # (metres) height of the tip: pushes, has not come down yet
ABOVE = (0.070, 0.100)  # (metres) height of the tip: only rises, flies
BEHIND = (0.3, 0.7)  # cosines of the angle off the pushing line: flies over, pushes
NEAR = (0.11, 0.14)  # (metres) from the toy: pushes, flies there
COLUMN = (0.012, 0.030)  # (metres) off the place to come down at: comes down, stays up
DONE, KEPT = 0.014, 0.025  # (metres) to the goal: a push ends, and the toy is left in peace
GAIN = 10.0  # (1/s) on position errors
SPEED = 0.28  # (m/s)


class ArrangeToys(Task):
    """Which toy lies where, and which way it has to go, changes from episode to episode."""

    XML = Path(__file__).with_suffix(".xml")
    HORIZON = 200
    OBJECTS = TOYS
    TURNING = ("block",)
    GOALS = ("goal_block", "goal_cylinder")
    OPTIONS = ("block", "cylinder", "goal")
    GOAL_LOW = LOW + LOW
    GOAL_HIGH = HIGH + HIGH
    LOOKS = {
        "block": ("block", "goal_block"),
        "cylinder": ("cylinder", "cylinder_base", "cylinder_turned_base", "goal_cylinder"),
    }
    SIZES = {"block": ("block",), "cylinder": ("cylinder",)}

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw all, or take `block` (x, y, yaw), `cylinder` (x, y) and `goal`, in metres, rad.

        `goal` is (x, y) of the block's goal, then of the cylinder's.
        """
        yaw = self.np_random.uniform(-np.pi, np.pi)
        ways = self._draw_ways()
        block = self.chosen(options, "block", (*ways[0, 0], yaw))
        cylinder = self.chosen(options, "cylinder", ways[1, 0])
        goals = self.chosen(options, "goal", ways[:, 1].ravel()).reshape(2, 2)
        base = self.model.geom("cylinder_base")
        self.stand("block", block, self.model.geom("block").size[2])
        self.stand("cylinder", np.append(cylinder, 0.0), base.size[2] - base.pos[2])
        for name, goal in zip(self.GOALS, goals, strict=True):
            self.mark(name, (*goal, 0.0))
        if np.linalg.norm(block[:2] - cylinder) < TOUCHING:
            raise TaskError(f"block at {block[:2]} and cylinder at {cylinder} overlap: choose both")

    def _draw_ways(self) -> np.ndarray:
        """Draw where each toy starts and has to go, shape (toys, 2, 2), until both can be served.

        The ways keep apart, so that either toy can be pushed without touching the other one.
        """
        while True:
            ways = self.np_random.uniform(LOW, HIGH, (2, 2, 2))
            lengths = np.linalg.norm(ways[:, 1] - ways[:, 0], axis=1)
            if not np.all((lengths >= PUSH_RANGE[0]) & (lengths <= PUSH_RANGE[1])):
                continue
            if np.any(np.linalg.norm(ways[:, 0] - START, axis=1) < FREE):
                continue
            starts = np.array([_behind(*way) for way in ways])
            if np.any(starts < REACH[0]) or np.any(starts > REACH[1]):
                continue
            if _apart((starts[0], ways[0, 1]), (starts[1], ways[1, 1])) >= ROOM:
                return ways

    def goal_vector(self) -> np.ndarray:
        """Return where block and cylinder have to go, shape (4,) in metres."""
        return np.concatenate([self.data.body(name).xpos[:2] for name in self.GOALS])

    def distances(self) -> np.ndarray:
        """Return how far each toy is from its goal on the table, shape (2,) in metres."""
        places = np.concatenate([self.data.body(name).xpos[:2] for name in TOYS])
        return np.linalg.norm((places - self.goal_vector()).reshape(2, 2), axis=1)

    def distance(self) -> float:
        """Return how far that toy is from its goal that has farther to go, in metres."""
        return float(self.distances().max())

    def reached(self) -> bool:
        """Return whether both toys are within `CLOSE` of their goals."""
        return self.distance() < CLOSE

    def dense_reward(self) -> float:
        """Return 0.4 for each toy at its goal plus 0.2 for a tip at one that is not, decaying."""
        distances = self.distances()
        gaps = [
            float(np.linalg.norm(self.data.body(name).xpos - self.tip))
            for name, distance in zip(TOYS, distances, strict=True)
            if distance >= CLOSE
        ]
        tip = np.exp(-min(gaps, default=0.0) / FAR)
        return float(0.2 * tip + 0.4 * np.exp(-distances / FAR).sum())

    def expert(self) -> Move:
        """Serve the toy that is next at hand: fly behind it, come down, push it home; then leave.

        The nearer a toy's starting place, the sooner it is served: moving there confirms the
        choice, so that it needs no memory.
        """
        tip = self.tip
        choices = []
        for name, goal in zip(TOYS, self.goal_vector().reshape(2, 2), strict=True):
            toy = self.data.body(name).xpos[:2]
            gap = float(np.linalg.norm(goal - toy))
            engaged = _engaged(tip, toy, goal)
            if gap > DONE + (KEPT - DONE) * (1 - engaged):
                start = _behind(toy, goal)
                choices.append((float(np.linalg.norm(tip[:2] - start)), start, toy, goal, engaged))
        if not choices:
            return Move(self._fly(REST, FLIGHT))
        _, start, toy, goal, engaged = min(choices, key=lambda choice: choice[0])
        push = np.append(pushing.law(tip[:2], toy, goal), GAIN * (TIP_HEIGHT - tip[2]))
        return Move(engaged * push + (1 - engaged) * self._fly(start, TIP_HEIGHT))

    def _fly(self, place: np.ndarray, height: float) -> np.ndarray:
        """Rise, fly to above a place, (2,), and come down to a height; return m/s, shape (3,)."""
        tip = self.tip
        aside = place - tip[:2]
        away = ramp(float(np.linalg.norm(aside)), *COLUMN)
        wanted = away * FLIGHT + (1 - away) * height
        level = GAIN * aside
        level = at_most(level, SPEED) * max(1 - away, ramp(tip[2], *ABOVE))
        return np.append(level, np.clip(GAIN * (wanted - tip[2]), -SPEED, SPEED))


def _engaged(tip: np.ndarray, toy: np.ndarray, goal: np.ndarray) -> float:
    """Return in [0, 1] how much a tip, (3,), is down behind a toy, (2,), and may push it."""
    offset, ahead = tip[:2] - toy, goal - toy
    radius, gap = float(np.linalg.norm(offset)) + 1e-9, float(np.linalg.norm(ahead)) + 1e-9
    cosine = float(-offset @ ahead) / (radius * gap)
    down, near = 1 - ramp(tip[2], *BELOW), 1 - ramp(radius, *NEAR)
    return ramp(cosine, *BEHIND) * down * near


def _behind(toy: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return where the finger comes down to push a toy, (2,) in metres."""
    ahead = goal - toy
    return toy - pushing.ORBIT * ahead / (np.linalg.norm(ahead) + 1e-9)


def _apart(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> float:
    """Return the distance between two straight ways, each from (2,) to (2,), in metres."""
    pairs = [(way, point) for way, ends in ((one, other), (other, one)) for point in ends]
    sides = [_side(way, point) for way, point in pairs]
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return 0.0  # they cross
    return min(_from(way, point) for way, point in pairs)


def _side(way: tuple[np.ndarray, ...], point: np.ndarray) -> float:
    """Return a number whose sign tells on which side of a way a point, (2,), lies."""
    along, off = way[1] - way[0], point - way[0]
    return float(along[0] * off[1] - along[1] * off[0])


def _from(way: tuple[np.ndarray, ...], point: np.ndarray) -> float:
    """Return the distance of a point, (2,), from a straight way, in metres."""
    along, off = way[1] - way[0], point - way[0]
    share = np.clip(off @ along / (along @ along), 0, 1)
    return float(np.linalg.norm(off - share * along))
