"""ScoopBag: slide a spatula under a small bag, lift it and drop it into a bowl."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from envs.motion import at_most, ramp
from envs.robot import Move
from envs.task import FALLEN, Task

ROWS = 4  # grains along each side of the bag
GRAIN = 0.012  # (metres) radius of a grain of nominal size
SPACING = 0.0195  # (metres) between grains of that size that lie side by side
JITTER = 0.001  # (metres) half-width of a grain's displacement at the start
BAG_LOW, BAG_HIGH = (0.46, -0.15), (0.57, 0.15)  # (metres) where the bag lies
ASIDE = 0.18  # (metres) least distance along y from bag to bowl: the spatula passes the bowl
RIM_HEIGHT, RIM_RADIUS = 0.045, 0.088  # (metres) of the bowl
SHARE = 0.9  # of the bag's mass that must be in the bowl
FAR = 0.15  # (metres) over which the dense reward falls to 1/e
RAISED = 0.08  # (metres) height of the bag that earns the whole reward of lifting

BLADE = 0.05  # (metres) half the blade's length; the end effector is its middle
THICKNESS = 0.001  # (metres) of the blade near its nose, with a little room
REACH, ROOM = 0.09, (-0.01, 0.05)  # (metres) along and above the blade: where it holds a bag

# The expert's constants. Pitches are the blade's, in rad, nose-down positive.
SCOOPING, LIFTING, CARRYING, DROPPING = 0.08, -0.5, -0.25, 0.7
GAP = 0.012  # (metres) left between nose and bag before the blade goes down
TRAVEL = 0.045  # (metres) height of the blade on its way over the bag
RISEN = (0.015, 0.03)  # (metres) height of the blade: too low to move away, high enough
PRESS = -0.002  # (metres) aim below the table, to stay on it
LOWERED = (0.010, 0.004)  # (metres) height of the blade: still going down, on the table
BEHIND = (0.02, 0.008)  # (metres) from the place behind the bag: on the way, there
AHEAD = (-0.02, 0.0)  # (metres) from the blade's middle to the bag's: passed it, may yet scoop
FORWARD = (0.03, 0.02)  # (metres) short of the place behind the bag: not yet pushing, pushing
ALIGNED = (0.030, 0.015)  # (metres) off the bag's middle: too far to scoop, near enough
LOADED = (0.029, 0.024)  # (metres) from the blade's middle to the bag's: scooping, tipping back
SLIP = 0.03  # (metres) that a bag on a tipped blade may be farther out
TIPPED = (0.05, -0.35)  # (rad) pitch: still scooping, tipped back
SECURE = (0.04, 0.02)  # (metres) from the blade's middle to the bag's: may slip, can be lifted
SETTLED = (0.015, 0.0)  # (metres) the same: sliding back, lying at the blade's back
AIRBORNE = (0.05, 0.06)  # (metres) height of a bag that can only be on the blade
LIFT = 0.10  # (metres) height of the end effector over the bowl
CLEAR = (0.03, 0.06)  # (metres) height of the blade: below the bowl's rim, above it
SHORT = 0.05  # (metres) before the bowl's middle where the blade tips over
OVER = (0.045, 0.025)  # (metres) from there: carrying, dropping
STARTED = (-0.1, 0.2)  # (rad) pitch: not yet dropping, dropping; then it may stray by
STRAY = 0.02  # (metres)
LEAVING = 0.22  # (metres) height to leave to
SPEED, SCOOP_SPEED = 0.25, 0.2  # (m/s)
GAIN, TURN_GAIN = 10.0, 8.0  # (1/s)


class _Sight(NamedTuple):
    """What the expert makes of the state."""

    grains: np.ndarray
    """(16, 3) metres."""
    pitch: float
    """Of the blade, rad."""
    along: float
    """From the blade's middle to the bag's centre, along the blade, metres."""
    lowest: float
    """Height of the blade's lower end, metres."""
    tipped: float
    """0 as it scoops, 1 as it carries."""
    loaded: float
    """0 for a bag still before the blade, 1 for one that will stay on it."""
    held: bool
    """Whether the bag's centre is right above the blade or its nose."""


class ScoopBag(Task):
    """A bag of 16 grains that sags, after the bag of rice of Finn et al. (ICRA 2016).

    Contact and friction hold it on the blade; only the bowl's place is told.
    """

    XML = Path(__file__).with_suffix(".xml")
    HORIZON = 160
    HOLD = 0.5
    TILTS = True
    OBJECTS = ("bag", "grain00", "grain33")
    GOALS = ("bowl",)
    OPTIONS = ("bag", "goal")
    GOAL_LOW = (0.48, -0.23)
    GOAL_HIGH = (0.60, 0.23)

    GRAINS = tuple(f"grain{i}{j}" for i in range(ROWS) for j in range(ROWS))
    LOOKS = {"bag": GRAINS, "bowl": ("bowl_floor", *(f"bowl_wall{i}" for i in range(12)))}
    SIZES = {"bag": GRAINS}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._bodies = np.array([self.model.body(name).id for name in self.GRAINS])
        self._first = self.model.joint("grain00_x").qposadr[0]
        names = [self.model.geom(i).name for i in range(self.model.ngeom)]
        self._is_tool = np.array([name.startswith("tool_") for name in names])
        self._is_grain = np.array([name.startswith("grain") for name in names])
        self._threads = self.model.tendon_lengthspring.copy()

    def place(self, options: Mapping[str, Any]) -> None:
        """Draw bag and bowl, or take `bag` (x, y, yaw) and `goal` (x, y), in metres, rad."""
        yaw = self.np_random.uniform(-np.pi, np.pi)
        bag = np.append(self.np_random.uniform(BAG_LOW, BAG_HIGH), yaw)
        jitter = self.np_random.uniform(-JITTER, JITTER, (ROWS * ROWS, 3))
        bag = self.chosen(options, "bag", bag)
        goal = self.chosen(options, "goal", (0, 0) if "goal" in options else self._draw_goal(bag))
        self.mark("bowl", (*goal, 0.0))
        radius = self.model.geom("grain00").size[0]
        scale = radius / GRAIN
        self.model.tendon_lengthspring[:] = scale * self._threads
        row = scale * SPACING * (np.arange(ROWS) - (ROWS - 1) / 2)
        grid = (
            np.stack(np.meshgrid(row, row, indexing="ij"), axis=-1).reshape(-1, 2) + jitter[:, :2]
        )
        cosine, sine = np.cos(bag[2]), np.sin(bag[2])
        turned = grid @ np.array([[cosine, sine], [-sine, cosine]]) + bag[:2]
        places = np.column_stack([turned, radius + JITTER + jitter[:, 2]])
        nominal = self.model.body("bag").pos + self.model.body_pos[self._bodies]
        self.data.qpos[self._first : self._first + places.size] = (places - nominal).ravel()

    def _draw_goal(self, bag: np.ndarray) -> np.ndarray:
        while True:  # on one side of the bag or the other there is room, wherever it lies
            goal = self.np_random.uniform(self.GOAL_LOW, self.GOAL_HIGH)
            if abs(goal[1] - bag[1]) >= ASIDE:
                return goal

    def points(self) -> dict[str, np.ndarray]:
        """Return the named points; `bag` is the bag's centre of mass."""
        return {**super().points(), "bag": self.grains().mean(axis=0)}

    def grains(self) -> np.ndarray:
        """Return where the grains are, shape (16, 3) in metres; they weigh the same."""
        return self.data.xpos[self._bodies]

    def inside(self) -> float:
        """Return the share of the bag's mass that is in the bowl, below its rim."""
        grains = self.grains()
        aside = np.linalg.norm(grains[:, :2] - self.goal[:2], axis=1)
        return float(np.mean((aside < RIM_RADIUS) & (grains[:, 2] < RIM_HEIGHT)))

    def distance(self) -> float:
        """Return the distance from the bag's centre to the bowl's, in metres."""
        return float(np.linalg.norm(self.grains().mean(axis=0) - self.goal))

    def reached(self) -> bool:
        """Return whether `SHARE` of the bag is in the bowl, dropped: off the spatula."""
        on_spatula = self._is_tool[self.touched_by(self._is_grain)].any()
        return bool(self.inside() >= SHARE and not on_spatula)

    def dense_reward(self) -> float:
        """Return 1 for what is in the bowl; else at most 0.6 for reaching, lifting, carrying."""
        bag, inside = self.grains().mean(axis=0), self.inside()
        near = np.exp(-np.linalg.norm(bag - self.tip) / FAR)
        raised = ramp(bag[2], GRAIN, RAISED)
        carried = raised * np.exp(-np.linalg.norm((bag - self.goal)[:2]) / FAR)
        return float(inside + (1 - inside) * (0.1 * near + 0.2 * raised + 0.3 * carried))

    def failed(self) -> bool:
        """Return whether any grain fell off the table."""
        return bool(self.grains()[:, 2].min() < FALLEN)

    def expert(self) -> Move:
        """Scoop, tip back, lift, carry and drop; each passes smoothly into the next."""
        sight = self._look()
        bag = sight.grains.mean(axis=0)
        if not sight.held and np.linalg.norm((bag - self.goal)[:2]) < RIM_RADIUS:
            return self._leave(sight)
        carrying = ramp(sight.tipped, 0.6, 1.0) * sight.loaded * ramp(sight.along, *SECURE)
        carrying = sight.held * max(carrying, ramp(bag[2], *AIRBORNE))
        carry, scoop = self._carry(sight), self._scoop(sight)
        return Move(
            carrying * carry.velocity + (1 - carrying) * scoop.velocity,
            carrying * carry.turn + (1 - carrying) * scoop.turn,
        )

    def _look(self) -> _Sight:
        pitch, grains = self.robot.tilt, self.grains()
        offset = grains.mean(axis=0) - self.tip
        sine, cosine = np.sin(pitch), np.cos(pitch)
        along = offset[0] * cosine - offset[2] * sine
        above = offset[0] * sine + offset[2] * cosine
        tipped = ramp(pitch, *TIPPED)
        return _Sight(
            grains,
            pitch,
            along,
            lowest=self.tip[2] - BLADE * abs(sine) - THICKNESS,
            tipped=tipped,
            loaded=ramp(along - SLIP * tipped, *LOADED),
            held=abs(along) < REACH and ROOM[0] < above < ROOM[1],
        )

    def _scoop(self, sight: _Sight) -> Move:
        """Go down behind the bag, then forward under it until it lies on the blade; tip back."""
        low, high = sight.grains.min(axis=0) - GRAIN, sight.grains.max(axis=0) + GRAIN
        tip = self.tip
        behind = np.array([low[0] - GAP - BLADE, (low[1] + high[1]) / 2])
        off = behind - tip[:2]
        pushing = (
            ramp(sight.lowest, *LOWERED)
            * ramp(sight.along, *AHEAD)
            * ramp(abs(off[1]), *ALIGNED)
            * ramp(off[0], *FORWARD)
        )
        # There it goes down; elsewhere it keeps above the bag, and rises before it moves.
        there = ramp(float(np.linalg.norm(off)), *BEHIND)
        height = TRAVEL + max(there, pushing) * (PRESS - TRAVEL)
        moving = max(there, pushing, ramp(sight.lowest, *RISEN))
        velocity = np.empty(3)
        velocity[:2] = moving * at_most(GAIN * off, SPEED)
        velocity[0] += pushing * (SCOOP_SPEED - velocity[0])
        velocity[2] = np.clip(GAIN * (height - sight.lowest), -SPEED, SPEED)
        pitch = SCOOPING + sight.loaded * pushing * (LIFTING - SCOOPING)
        return Move(velocity, TURN_GAIN * (pitch - sight.pitch))

    def _carry(self, sight: _Sight) -> Move:
        """Lift, go over the bowl, tip over."""
        off = self.goal[:2] - (SHORT, 0.0) - self.tip[:2]
        # What has begun to drop goes on dropping.
        stray = STRAY * ramp(sight.pitch, *STARTED)
        over = ramp(float(np.linalg.norm(off)) - stray, *OVER)
        velocity = np.empty(3)
        velocity[:2] = ramp(sight.lowest, *CLEAR) * at_most(GAIN * off, SPEED)
        velocity[2] = np.clip(GAIN * (LIFT - self.tip[2]), -SPEED, SPEED)
        pitch = LIFTING + ramp(sight.along, *SETTLED) * (CARRYING - LIFTING)
        pitch += over * (DROPPING - pitch)
        return Move(velocity, TURN_GAIN * (pitch - sight.pitch))

    def _leave(self, sight: _Sight) -> Move:
        """Rise, level the blade and rest."""
        up = np.clip(GAIN * (LEAVING - self.tip[2]), -SPEED, SPEED)
        pitch = DROPPING * ramp(self.tip[2], LEAVING, LIFT + 0.03)
        return Move(np.array([0.0, 0.0, up]), TURN_GAIN * (pitch - sight.pitch))
