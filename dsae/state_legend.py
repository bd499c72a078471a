"""What the symbols of `dsae.state_overlay` mean: a legend's entries, for those that occur."""

from functools import partial

import numpy as np

from dsae import marks
from dsae.overlay import TRAIL, colours
from dsae.panels import INK, Entry
from dsae.state.estimator import Seen
from dsae.state.goals import Goal
from dsae.state_overlay import AHEAD, CIRCLE, DROPPED, SIGMAS, Verdict, category, moves

FAINT_INK = (64, 64, 64)


def legend(
    seen: Seen,
    verdict: Verdict,
    height: int,
    width: int,
    *,
    trail: int = TRAIL,
    ahead: float = AHEAD,
) -> list[Entry]:
    """Explain the symbols that `draw_state` draws of these on H × W frames, and no others."""
    kept, present, known = verdict.kept, seen.percept.present, seen.estimate.known
    entries = []
    if present[:, kept].any():
        entries.append(Entry(partial(marks.disc, colour=INK), "present"))
    if not present[:, kept].all():
        entries.append(Entry(partial(marks.ring, colour=INK), "absent"))
    if known[:, kept].any():
        entries.append(Entry(_small_ellipse, f"filtered, {SIGMAS:g} sigma"))
    if moves(seen, height, width, ahead)[:, kept].any():
        entries.append(Entry(_small_arrow, f"{ahead:g} s ahead"))
    if (known[:, kept].sum(axis=0) > 1).any():
        entries.append(Entry(_small_trail, f"last {trail} frames"))
    if verdict.goal is not None and verdict.goal.mask.any():
        entries.append(Entry(partial(marks.target, colour=INK, radius=6.5), "goal"))
    return [*entries, *_dropped(verdict), *_named(verdict)]


def goal_legend(goal: Goal, present: np.ndarray, verdict: Verdict) -> list[Entry]:
    """Explain the symbols that `draw_goal` draws of these, and no others."""
    entries = []
    if goal.mask.any():
        entries.append(Entry(partial(marks.target, colour=INK, radius=6.5), "goal"))
    if (verdict.kept & ~present).any():
        entries.append(Entry(partial(marks.ring, colour=INK), "absent: no part of it"))
    return [*entries, *_dropped(verdict), *_named(verdict)]


def points_legend(names: dict[int, str], count: int) -> list[Entry]:
    """Explain what `overlay.draw_points` draws of so many points, some named by number."""
    entries = [
        Entry(partial(marks.disc, colour=INK), "point"),
        Entry(partial(marks.disc, colour=FAINT_INK), "the fainter, the less sure"),
    ]
    return entries + _named(Verdict(np.ones(count, bool), names=names))


def _dropped(verdict: Verdict) -> list[Entry]:
    """Explain the colours of the points that are not kept."""
    found = {category(verdict, k) for k in np.flatnonzero(~verdict.kept).tolist()}
    return [
        Entry(
            partial(marks.cross, colour=colour), name if name == "dropped" else f"dropped: {name}"
        )
        for name, colour in DROPPED.items()
        if name in found
    ]


def _named(verdict: Verdict) -> list[Entry]:
    """Say what points follow, each beside its mark and number."""
    palette = colours(len(verdict.kept))
    entries = []
    for k, name in sorted(verdict.names.items()):
        mark = partial(marks.disc, colour=palette[k])
        if not verdict.kept[k]:
            mark = partial(marks.cross, colour=DROPPED[category(verdict, k)])
        entries.append(Entry(mark, f"{k} {name}"))
    return entries


def _small_ellipse(picture: np.ndarray, place: np.ndarray) -> None:
    marks.outline(picture, place + CIRCLE * [9, 5], INK)
    marks.plus(picture, place, INK, 2)


def _small_arrow(picture: np.ndarray, place: np.ndarray) -> None:
    half = np.array([8.5, 0])
    marks.arrow(picture, place - half, place + half, INK)


def _small_trail(picture: np.ndarray, place: np.ndarray) -> None:
    marks.lines(picture, [place + np.array([[-9, 3], [-3, -3], [3, 2], [9, -3]])], INK, 1)
