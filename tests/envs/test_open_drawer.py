from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.tasks import open_drawer

CABINETS = [(0.45, 0.22, -0.3, 0.09), (0.52, 0.25, 0.0, 0.1), (0.60, 0.28, 0.3, 0.11)]
every_cabinet = pytest.mark.parametrize("cabinet", CABINETS)


def make(**settings: Any) -> Any:
    return gymnasium.make(envs.task_id("open_drawer"), **settings).unwrapped


def open_to(task: Any, opening: float) -> None:
    """Put the drawer there, the hand out of its way."""
    while task.tip[2] < 0.12:
        task.step(np.array([0, 0, 1], np.float32))
    task.data.joint("drawer").qpos[0] = opening
    task.step(np.zeros(3, np.float32))


@every_cabinet
def test_cabinet_and_mark_stand_where_the_options_say(cabinet: tuple[float, ...]) -> None:
    task = make()
    observation, info = task.reset(seed=0, options={"cabinet": cabinet, "goal": (0.1,)})
    assert observation["goal"] == pytest.approx(0.1)
    assert info["distance"] == pytest.approx(0.1)
    np.testing.assert_allclose(task.points()["cabinet"], (*cabinet[:2], cabinet[3]), atol=1e-9)
    closed = task.points()["handle"]
    outward = (np.sin(cabinet[2]), -np.cos(cabinet[2]))
    np.testing.assert_allclose(task.goal[:2] - closed[:2], 0.1 * np.array(outward), atol=1e-9)
    open_to(task, 0.1)
    np.testing.assert_allclose(task.points()["handle"][:2], task.goal[:2], atol=1e-4)


def test_only_the_wanted_opening_counts_not_the_widest() -> None:
    task = make(reward="sparse")
    for goal in (task.GOAL_LOW[0], 0.1, task.GOAL_HIGH[0]):
        task.reset(seed=0, options={"goal": (goal,)})
        for opening, expected in (
            (0.0, False),
            (goal - open_drawer.CLOSE - 0.002, False),
            (goal - open_drawer.CLOSE + 0.002, True),
            (goal + open_drawer.CLOSE - 0.002, True),
            (goal + open_drawer.CLOSE + 0.002, False),
            (task.model.joint("drawer").range[1], False),
        ):
            open_to(task, opening)
            assert task.success() == expected, (goal, opening)


@every_cabinet
def test_the_drawer_stays_where_it_is_left(cabinet: tuple[float, ...]) -> None:
    task = make()
    task.reset(seed=0, options={"cabinet": cabinet})
    open_to(task, 0.08)
    for _ in range(100):
        task.step(np.zeros(3, np.float32))
    assert task.opening == pytest.approx(0.08, abs=1e-3)


@every_cabinet
def test_the_expert_closes_a_drawer_that_is_open_too_far(cabinet: tuple[float, ...]) -> None:
    task = make()
    task.reset(seed=0, options={"cabinet": cabinet, "goal": (0.07,)})
    open_to(task, 0.13)
    for _ in range(90):
        task.step(task.expert_action())
    assert task.success()


def test_a_finger_beside_the_loop_pulls_nothing() -> None:
    """The expert's own motion opens the drawer of another cabinet only if it meets its handle."""
    task = make()
    task.reset(seed=0, options={"cabinet": CABINETS[0], "goal": (0.1,)})
    actions = []
    for _ in range(100):
        actions.append(task.expert_action())
        task.step(actions[-1])
    assert task.success()
    task.reset(seed=0, options={"cabinet": CABINETS[2], "goal": (0.1,)})
    for action in actions:
        task.step(action)
    assert task.opening < 0.01


def test_drawn_cabinets_and_openings_fill_their_ranges() -> None:
    task = make()
    drawn = []
    for seed in range(60):
        task.reset(seed=seed)
        cabinet = task.data.body("cabinet")
        yaw = 2 * np.arctan2(cabinet.xquat[3], cabinet.xquat[0])
        drawn.append([*cabinet.xpos[:2], yaw, cabinet.xpos[2], *task.goal_vector()])
        assert task.opening == 0
    low = np.array([*open_drawer.CABINET_LOW, *task.GOAL_LOW])
    high = np.array([*open_drawer.CABINET_HIGH, *task.GOAL_HIGH])
    assert (np.min(drawn, axis=0) >= low - 1e-9).all()
    assert (np.max(drawn, axis=0) <= high + 1e-9).all()
    assert (np.ptp(drawn, axis=0) > 0.8 * (high - low)).all()
