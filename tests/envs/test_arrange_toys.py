from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs import pushing
from envs.tasks import arrange_toys

APART = {"block": (0.5, -0.12, 0.3), "cylinder": (0.5, 0.12)}
HOME = (0.5, -0.12, 0.5, 0.12)  # goals, under the toys


def make(**settings: Any) -> Any:
    return gymnasium.make(envs.task_id("arrange_toys"), **settings).unwrapped


def run(task: Any, steps: int) -> None:
    for _ in range(steps):
        task.step(task.expert_action())


def test_toys_and_goals_lie_where_the_options_say() -> None:
    task = make()
    goal = (0.60, -0.1, 0.45, 0.15)
    observation, info = task.reset(seed=0, options={**APART, "goal": goal})
    np.testing.assert_allclose(observation["goal"], goal, atol=1e-6)
    np.testing.assert_allclose(observation["object_position"][[0, 1, 3, 4]], HOME, atol=1e-6)
    np.testing.assert_allclose(task.points()["goal_cylinder"], (0.45, 0.15, 0), atol=1e-9)
    assert info["distance"] == pytest.approx(np.hypot(0.1, 0.02))  # the block's, the larger one


@pytest.mark.parametrize(
    ("block", "cylinder"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_both_toys_have_to_be_home(block: bool, cylinder: bool) -> None:
    task = make(reward="sparse")
    off = [arrange_toys.CLOSE + (-0.002 if home else 0.002) for home in (block, cylinder)]
    task.reset(seed=0, options={**APART, "goal": np.add(HOME, (off[0], 0, 0, off[1]))})
    assert task.success() == (block and cylinder)


def test_exchanged_toys_are_no_success() -> None:
    task = make()
    task.reset(seed=0, options={**APART, "goal": HOME[2:] + HOME[:2]})
    assert not task.success()


@pytest.mark.parametrize("near", [0, 1])
def test_the_expert_serves_the_toy_at_hand_first_and_leaves_it_then(near: int) -> None:
    """The order is free: it follows from where the finger stands."""
    task = make()
    y = (0.09, -0.17) if near == 0 else (0.17, -0.09)
    options = {"block": (0.47, y[0], 0.0), "cylinder": (0.47, y[1])}
    task.reset(seed=0, options={**options, "goal": (0.60, y[0], 0.60, y[1])})
    while task.distances()[near] > arrange_toys.DONE:
        run(task, 1)
        assert task.distances()[1 - near] == pytest.approx(0.13, abs=1e-3)
    run(task, 110)
    assert task.success()
    assert task.distances()[near] < arrange_toys.KEPT


@pytest.mark.parametrize("scaled", [False, True])
def test_toys_at_rest_stand_upright_and_stay(scaled: bool) -> None:
    task = make(factors=("object_size",) if scaled else ())
    for seed in range(3):
        task.reset(seed=seed)
        before = task.points()
        for _ in range(60):
            task.step(np.array([0, 0, 0.5 if task.tip[2] < 0.2 else 0], np.float32))
        for name in arrange_toys.TOYS:
            np.testing.assert_allclose(task.points()[name], before[name], atol=2e-3)


def test_a_pushed_cylinder_slides_upright_and_does_not_roll_on() -> None:
    task = make()
    task.reset(seed=0, options={"cylinder": (0.45, 0.18), "goal": (0.5, -0.12, 0.62, 0.10)})
    run(task, 200)
    assert task.success()
    cylinder = task.data.body("cylinder")
    assert cylinder.xmat[8] > 0.99  # its axis points up
    assert np.linalg.norm(task.data.joint("cylinder").qvel) < 0.01


def test_drawn_toys_leave_the_finger_room_and_change_sides() -> None:
    task = make()
    on_the_left = []
    for seed in range(80):
        _, info = task.reset(seed=seed)
        points = task.points()
        for name in arrange_toys.TOYS:
            toy, goal = points[name][:2], points[f"goal_{name}"][:2]
            low, high = arrange_toys.PUSH_RANGE
            assert low <= np.linalg.norm(goal - toy) <= high
            assert np.linalg.norm(task.tip[:2] - toy) > 0.055  # does not stand in the toy
            start = toy - pushing.ORBIT * (goal - toy) / np.linalg.norm(goal - toy)
            assert (start >= arrange_toys.REACH[0]).all()
            assert (start <= arrange_toys.REACH[1]).all()
        places = [points[name][:2] for name in (*arrange_toys.TOYS, *task.GOALS)]
        for i, one in enumerate(places):
            others = [places[j] for j in range(i) if (i, j) not in ((2, 0), (3, 1))]
            assert all(np.linalg.norm(one - other) >= arrange_toys.ROOM for other in others)
        assert not info["is_success"]
        on_the_left.append(points["block"][1] < points["cylinder"][1])
    assert 0.3 < np.mean(on_the_left) < 0.7


def test_disc_and_toy_change_their_colour_together() -> None:
    task = make(factors=("object_color",))
    task.reset(seed=0)
    colors = {name: task.model.geom(name).rgba[:3].copy() for name in task.GOALS}
    for name in arrange_toys.TOYS:
        np.testing.assert_array_equal(task.model.geom(name).rgba[:3], colors[f"goal_{name}"])
    assert np.abs(colors["goal_block"] - colors["goal_cylinder"]).max() > 0.2
