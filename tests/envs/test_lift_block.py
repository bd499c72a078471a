"""The block is held by friction, and lifted to the height that was asked for."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from envs.tasks import lift_block


def make(**settings: Any) -> lift_block.LiftBlock:
    task = gymnasium.make("envs:dsae/LiftBlock-v0", **settings).unwrapped
    assert isinstance(task, lift_block.LiftBlock)
    return task


def lifted(task: lift_block.LiftBlock) -> None:
    task.reset(seed=0, options={"block": (0.5, 0.05, 0.1), "goal": (0.2,)})
    for _ in range(task.HORIZON):
        task.step(task.expert_action())


def test_what_the_fingers_hold_falls_when_they_open() -> None:
    task = make()
    lifted(task)
    assert task.success()
    assert abs(task.points()["block"][2] - 0.2) < lift_block.CLOSE
    held = task.points()["block"] - task.tip
    for _ in range(40):  # two seconds
        task.step(np.array([0, 0, 0, 1], np.float32))
    slipped = task.points()["block"] - task.tip - held
    assert np.linalg.norm(slipped) < 0.003
    for _ in range(15):
        task.step(np.array([0, 0, 0, -1], np.float32))
    assert task.points()["block"][2] < 0.03
    assert not task.success()


def test_nothing_but_contact_holds_the_block() -> None:
    model = make().model
    assert [model.eq(i).name for i in range(model.neq)] == ["tool_mirror"]


def test_fingers_that_do_not_close_lift_nothing() -> None:
    task = make()
    task.reset(seed=0)
    for _ in range(task.HORIZON):
        action = task.expert_action()
        action[3] = -1
        task.step(action)
    assert not task.success()


def test_too_high_is_as_wrong_as_too_low() -> None:
    task = make()
    task.reset(seed=0, options={"block": (0.5, 0.0, 0.0), "goal": (0.15,)})
    joint = task.data.joint("block")
    for height, near in ((0.15, True), (0.18, False), (0.12, False), (0.165, True)):
        joint.qpos[2] = height
        task.robot.observation()
        import mujoco

        mujoco.mj_forward(task.model, task.data)
        assert task.reached() == near
        assert task.distance() == pytest.approx(abs(height - 0.15), abs=1e-6)


def test_the_opening_is_observed() -> None:
    task = make()
    opened = task.reset(seed=0)[0]["gripper"]
    assert opened[0] == pytest.approx(0.08, abs=1e-3)
    for _ in range(20):
        closed = task.step(np.array([0, 0, 0.5, 1], np.float32))[0]["gripper"]
    assert abs(closed[0]) < 0.005
