"""How much of what a point will do is told in advance, by its own past or by the robot.

Held out, episode by episode, and label-free: a point on a thing moves as the thing does, steadily
or because the robot moves it; one that jitters, or is found anew in every frame, does neither.

A thing moves only while it is touched, which no linear map of robot and place can say, so that
beside a ridge regression on these there is one on random Fourier features of them, too (Rahimi &
Recht 2007). The features are the same in every call: there is no chance in the figures.
"""

from typing import NamedTuple

import numpy as np

FOLDS = 5  # parts that the episodes are dealt into; each is predicted from the others
FEWEST = 20  # windows below which nothing is said
PAST_FEATURES, ROBOT_FEATURES = 100, 200
BANDWIDTH = 0.5  # of the features' frequencies, over √D for D inputs of unit variance
PAST_RIDGE, ROBOT_RIDGE = 0.1, 0.01  # per window
AFFINE_RIDGE = 1e-9  # the same; keeps the map defined for what lies still
STILL = 1e-9  # an input whose deviation is smaller tells nothing


class Predictability(NamedTuple):
    """Shares of variance, R² on held-out episodes, at most 1; NaN if unknown."""

    past: float
    """Of the point's displacement, told by where it was and how it moved before."""
    robot: float
    """Of the same, told by the robot's state and action and where the point was relative to it."""
    place: float
    """Of the place where the point will be, told by either of them, or by where it is now."""
    body: float
    """Of its place now, told by the robot's state alone: near 1 for what is fixed to the robot."""


class Windows(NamedTuple):
    """Frames t around which a point's past and future are looked at, and what the robot did."""

    frames: np.ndarray
    """(W,)."""
    horizon: int
    folds: np.ndarray
    """Fold of each window, (W,)."""
    robot: np.ndarray
    """The robot's state at t, (W, R)."""
    command: np.ndarray
    """Its mean action from t on, over the horizon, (W, A)."""

    @classmethod
    def of(
        cls,
        episodes: np.ndarray,
        horizon: int,
        most: int,
        robot: np.ndarray | None = None,
        actions: np.ndarray | None = None,
    ) -> "Windows":
        """Choose at most so many windows, evenly spaced, each inside one episode.

        `episodes` (N,) numbers the episode of each frame, robot is (N, R), actions (N, A). A robot
        without recorded actions is asked what it did instead: how its state changed.
        """
        frames = np.arange(horizon + 1, len(episodes) - horizon)
        frames = frames[episodes[frames - horizon - 1] == episodes[frames + horizon]]
        frames = evenly(frames, most)
        nothing = np.empty((len(frames), 0))
        state = nothing if robot is None else robot[frames]
        command = nothing
        if actions is not None:
            command = np.mean([actions[frames + step] for step in range(horizon)], axis=0)
        elif robot is not None:
            command = robot[frames + horizon] - state
        return cls(frames, horizon, folds(episodes)[frames], state, command)

    def __len__(self) -> int:
        return len(self.frames)


def evenly(frames: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of them, evenly spaced."""
    count = min(most, len(frames))
    return frames[np.linspace(0, max(0, len(frames) - 1), count).round().astype(int)]


def folds(episodes: np.ndarray) -> np.ndarray:
    """Return the fold (N,) of each frame: whole episodes, or parts of a single one."""
    number = np.unique(episodes, return_inverse=True)[1]
    if number.max(initial=0) == 0:
        return np.arange(len(episodes)) * FOLDS // max(1, len(episodes))
    return number % FOLDS


def predictability(places: np.ndarray, present: np.ndarray, windows: Windows) -> Predictability:
    """Return how well one point's motion is predicted, places (N, 2) and present (N,).

    With the horizon h and the displacement Δ_t = p_{t+h} − p_t,

    R² = 1 − Σ |Δ_t − Δ̂_t|² / Σ |Δ_t|²,

    so that 0 is a point that is said to stay where it is. The past ends at t − 1: p_t is part of
    Δ_t, and with it the error of measuring it, which must not predict itself. Thus white noise
    scores 0. The share of the place is 1 − Σ |p_{t+h} − p̂_{t+h}|² / Σ |p_{t+h} − p̄|², by the best
    of both predictions and Δ̂ = 0. Windows count in which the point is present at t and t + h, and
    at t − 1 − h and t − 1, of which its past is made.
    """
    h = windows.horizon
    needed = np.stack([windows.frames + step for step in (-1 - h, -1, 0, h)])  # (4, W)
    seen = present[needed].all(axis=0)
    if seen.sum() < FEWEST:
        return Predictability(*(float("nan"),) * 4)
    before, last, now, after = places[needed[:, seen]]  # (W', 2) each
    fold, state, command = windows.folds[seen], windows.robot[seen], windows.command[seen]
    moved = after - now
    total = (moved**2).sum()
    past = _least_missed([last - before, last], PAST_FEATURES, moved, fold, PAST_RIDGE)
    robot = body = float("nan")
    if state.shape[1] + command.shape[1]:
        inputs = [state, command, last]
        robot = _least_missed(inputs, ROBOT_FEATURES, moved, fold, ROBOT_RIDGE)
    if state.shape[1]:
        body = _least_missed([state], ROBOT_FEATURES, now, fold, ROBOT_RIDGE)
        body = _share(body, ((now - now.mean(axis=0)) ** 2).sum())
    best = np.nanmin([past, robot, total])
    return Predictability(
        _share(past, total),
        _share(robot, total),
        _share(best, ((after - after.mean(axis=0)) ** 2).sum()),
        body,
    )


def told(places: np.ndarray, present: np.ndarray, source: np.ndarray, windows: Windows) -> float:
    """Return the share of a point's place, R², that an affine map of something else's tells.

    Places are (N, 2), present (N,), the source (N, E).
    """
    seen = present[windows.frames]
    if seen.sum() < FEWEST:
        return float("nan")
    frames = windows.frames[seen]
    return affine_share(source[frames], places[frames], windows.folds[seen], AFFINE_RIDGE)


def slopes(places: np.ndarray, present: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return the matrices of the affine maps of something else's place, (K, d, E), least squares.

    Places are (N, K, d), present (N, K), the source (N, E). Zero for a point that is seen less
    often than in `FEWEST` frames.
    """
    found = np.zeros((*places.shape[1:], source.shape[1]))
    for k, seen in enumerate(present.T):
        if seen.sum() < FEWEST:
            continue
        x, y = source[seen], places[seen, k]
        found[k] = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0), rcond=1e-9)[0].T
    return found


def affine_share(source: np.ndarray, target: np.ndarray, fold: np.ndarray, ridge: float) -> float:
    """Return the share of a target (W, E), R² on held-out folds, that an affine map tells.

    The map is of the source (W, D). NaN if the target does not vary, or all is of one fold.
    """
    inputs = np.hstack([np.ones((len(source), 1)), source - source.mean(axis=0)])
    error = missed(inputs, target, fold, ridge)
    return float(_share(error, ((target - target.mean(axis=0)) ** 2).sum()))


def missed(inputs: np.ndarray, target: np.ndarray, fold: np.ndarray, ridge: float) -> float:
    """Return Σ |y − ŷ|², ŷ by a ridge regression on the folds that y (W, E) is not of.

    The first column of the inputs (W, D) is the intercept, which is not penalised. NaN if all
    windows are of one fold: nothing is left to learn from.
    """
    used = np.unique(fold)
    if len(used) < 2:
        return float("nan")
    parts = [(inputs[fold == f], target[fold == f]) for f in used]
    grams = np.stack([x.T @ x for x, _ in parts])
    products = np.stack([x.T @ y for x, y in parts])
    error = 0.0
    for index, (x, y) in enumerate(parts):
        penalty = ridge * (len(target) - len(y)) * np.eye(x.shape[1])
        penalty[0, 0] = 0.0
        others = np.arange(len(parts)) != index
        weights = np.linalg.solve(grams[others].sum(axis=0) + penalty, products[others].sum(axis=0))
        error += float(((y - x @ weights) ** 2).sum())
    return error


def _least_missed(
    inputs: list[np.ndarray], count: int, target: np.ndarray, fold: np.ndarray, ridge: float
) -> float:
    """Return what the better of two regressions missed: on the inputs, and on their features too.

    With little data the features learn chance by heart, and a straight line is better.
    """
    features = _features(inputs, count)
    straight = features[:, : features.shape[1] - count]
    errors = [missed(x, target, fold, ridge) for x in (straight, features)]
    return float(np.min(errors))


def _features(inputs: list[np.ndarray], count: int) -> np.ndarray:
    """Return one, the inputs that vary, standardised, and `count` random features of them."""
    columns = np.hstack(inputs)
    deviation = columns.std(axis=0)
    varies = deviation > STILL
    columns = (columns - columns.mean(axis=0))[:, varies] / deviation[varies]
    size = columns.shape[1]
    generator = np.random.default_rng(0)
    frequencies = generator.normal(scale=BANDWIDTH / np.sqrt(max(1, size)), size=(size, count))
    phases = generator.uniform(0, 2 * np.pi, count)
    waves = np.sqrt(2) * np.cos(columns @ frequencies + phases)
    return np.hstack([np.ones((len(columns), 1)), columns, waves])


def _share(error: float, total: float) -> float:
    """Return R²; NaN of what does not vary."""
    return 1 - error / total if total > 0 else float("nan")
