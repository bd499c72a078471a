"""Where a trajectory begins and what is wanted of it: from the task's named points, or shown once.

Where the task says what is to be brought where (`aims`), that is enough; where it does not, its
scripted expert shows a way, as a person would lead the arm through the task once. Of what was shown
the robot's own path and the last frame, a picture of the goal, are taken.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np

from data.controllers import task_name
from policies.errors import PolicyError
from policies.trajectory import landmark as landmarks
from policies.trajectory.landmark import Landmark

EFFECTOR = "end_effector"
MOVED = 0.02
"""Metres by which the expert must have moved an object along some axis."""
THINGS = 2
"""Objects that are seen of those that were moved: more would want more rollouts."""
Guide = Literal["auto", "aims", "shown"]


class Aim(NamedTuple):
    """Where a named point is to be brought."""

    point: str
    place: np.ndarray
    """(3,) metres."""
    push_from: float
    """How far from its middle a finger stands that pushes it, in metres; 0: it is not pushed."""


class Showing(NamedTuple):
    """One episode in which the expert did the task."""

    states: np.ndarray
    """State vectors, float64 (T + 1, D)."""
    actions: np.ndarray
    """(T, U)."""
    points: dict[str, np.ndarray]
    """Where the named points were, (T + 1, 3) in metres each."""


class Situation(NamedTuple):
    """An initial condition and what is to be reached from it."""

    options: dict[str, Any]
    """Reset options that bring it about, but for the arm, which starts a little elsewhere."""
    points: dict[str, np.ndarray]
    """Where the named points are in the beginning, (3,) in metres each."""
    objects: tuple[str, ...]
    """Names of those that the observation `object_position` holds, in its order."""
    aims: tuple[Aim, ...]
    showing: Showing | None
    led: bool
    """Whether the way that was shown is to be gone."""
    start: np.ndarray
    """State vector (D,) of the beginning."""
    goal: np.ndarray | None = None
    """State vector (D,) of what an image of the goal shows, where one was taken."""
    landmark: Landmark | None = None
    """What stands elsewhere in every rollout, if anything does."""

    @property
    def moved(self) -> tuple[str, ...]:
        """The first few objects that the expert moved, or those that the aims are about.

        And what stands elsewhere each time.
        """
        if not self.led or self.showing is None:
            return tuple(aim.point for aim in self.aims)
        tracks = {name: self.showing.points[name] for name in self.objects}
        far = [name for name, track in tracks.items() if np.ptp(track, axis=0).max() > MOVED]
        stands = self.landmark.objects if self.landmark else ()
        return (*far[:THINGS], *(name for name in stands if name in self.objects))


def horizon(env: gymnasium.Env[Any, Any]) -> int:
    """Return how many steps an episode has; PolicyError if the task does not say."""
    steps = getattr(env.unwrapped, "HORIZON", None)
    limit = env.spec.max_episode_steps if env.spec else None
    known = [int(number) for number in (steps, limit) if number]
    if not known:
        raise PolicyError(f"{task_name(env)} does not say how many steps an episode has")
    return min(known)


def look(
    env: gymnasium.Env[np.ndarray, Any],
    seed: int,
    fixed: dict[str, Any],
    guide: Guide,
    *,
    picture: bool,
    spread: Sequence[float] = (),
) -> Situation:
    """Return the situation that an episode of `seed` begins with.

    `fixed` are reset options that are not drawn; `picture` asks for an image of the goal: of what
    was shown the last frame, else of things put where they shall be; `spread` is how far what
    stands still is put elsewhere. Raises PolicyError if the task does not tell what it must.
    """
    world: Any = env.unwrapped
    for name in ("condition", "aims", "points", "keypoint_names"):
        if not hasattr(world, name):
            raise PolicyError(
                f"{task_name(env)} has no '{name}': a trajectory is optimised from an initial "
                "condition that can be come back to, with named points"
            )
    start, _ = env.reset(seed=seed, options=fixed)
    options = {**world.condition(), **fixed}
    points = {name: np.array(place, np.float64) for name, place in world.points().items()}
    aims = tuple(Aim(*aim) for aim in world.aims())
    size = dict(getattr(world.observation_space, "spaces", {})).get("object_position")
    count = size.shape[0] // 3 if size is not None and size.shape else 0
    objects = tuple(world.keypoint_names[1 : 1 + count])
    if guide == "aims" and not aims:
        raise PolicyError(
            f"{task_name(env)} does not tell what is to be brought where: give guide=shown"
        )
    out_of_reset = picture and bool(stuck(options, aims))
    led = guide == "shown" or not aims or (guide == "auto" and out_of_reset)
    showing = shown(env, seed, options) if led else None
    goal = None
    if picture:
        goal = pictured(env, seed, options, aims) if showing is None else showing.states[-1]
    landmark = None
    if spread:
        if showing is None:
            raise PolicyError("spread is of what stands still while a way is shown: guide=shown")
        option = landmarks.choose(env, options, showing.points, EFFECTOR, MOVED)
        landmark = landmarks.measure(env, seed, options, option, spread)
    start = start.astype(np.float64)
    return Situation(options, points, objects, aims, showing, led, start, goal, landmark)


def pictured(
    env: gymnasium.Env[np.ndarray, Any], seed: int, options: dict[str, Any], aims: Sequence[Aim]
) -> np.ndarray:
    """Put things where they shall be, as a person would by hand, and return the state vector then.

    The arm stands where an episode begins. Raises PolicyError if the task cannot be reset so.
    """
    if points := stuck(options, aims):
        raise PolicyError(
            f"{task_name(env)} has no reset option '{points[0]}', to take an image of the "
            "goal with: give guide=shown"
        )
    state, _ = env.reset(seed=seed, options={**options, **ends(options, aims)})
    return state.astype(np.float64)


def ends(options: dict[str, Any], aims: Sequence[Aim]) -> dict[str, Any]:
    """Return the reset options, of those there are, with which things stand at their aims."""
    return {
        aim.point: [*map(float, aim.place[:2]), *options[aim.point][2:]]
        for aim in aims
        if aim.point in options
    }


def stuck(options: dict[str, Any], aims: Sequence[Aim]) -> list[str]:
    """Return the points of aims that no reset option puts there, such as the arm itself."""
    return [aim.point for aim in aims if aim.point not in options]


def moves(situation: Situation, half: float) -> dict[str, list[float]]:
    """Return how far things that stand somewhere by option are moved to test a controller.

    By reset option, in metres to both sides. Along x and y alone: what stands on the table goes on
    standing on it, turned as it was. What was put elsewhere while learning is moved as far as then.
    Where the objects begin in the hand, what they are led to is moved, such as a hook; the goal of
    a hand that holds nothing is not: it is all that its controller was made for.
    """
    standing = [name for name in situation.options if name in situation.objects]
    if not standing and situation.led and situation.moved:
        standing = [name for name in situation.options if name in situation.points]
    found = {
        name: [half, half] + [0.0] * (np.size(situation.options[name]) - 2)
        for name in standing
        if half > 0
    }
    if situation.landmark:
        found[situation.landmark.option] = situation.landmark.spread.tolist()
    return found


def shown(env: gymnasium.Env[np.ndarray, Any], seed: int, options: dict[str, Any]) -> Showing:
    """Let the task's expert act from an initial condition and keep what can be seen of it.

    Raises PolicyError if there is no expert, or if it fails there: nothing could be learned of it.
    """
    world: Any = env.unwrapped
    if not hasattr(world, "expert_action"):
        raise PolicyError(f"{task_name(env)} has no expert that could show a way")
    state, info = env.reset(seed=seed, options=options)
    states, actions, tracks = [state], [], [world.points()]
    for _ in range(horizon(env)):
        action = np.asarray(world.expert_action(), np.float64)
        state, _, terminated, truncated, info = env.step(action)
        states.append(state)
        actions.append(action)
        tracks.append(world.points())
        if terminated or truncated:
            break
    if not info.get("is_success", True):  # not every task says
        raise PolicyError(
            f"the expert of {task_name(env)} fails from this initial condition, so that it shows "
            "no way: give another --seed"
        )
    return Showing(
        np.stack(states).astype(np.float64),
        np.stack(actions),
        {name: np.stack([points[name] for points in tracks]) for name in tracks[0]},
    )
