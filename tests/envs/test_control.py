from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.errors import TaskError
from envs.robot import CONTROL_HZ, DOWN, MAX_SPEED


def make(name: str, **settings: Any) -> Any:
    env = gymnasium.make(envs.task_id(name), **settings)
    env.reset(seed=0)
    return env.unwrapped


@pytest.mark.parametrize(
    "direction", [(1, 0, 0), (-0.5, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0.4, 0.3, 0.5)]
)
def test_the_tip_moves_as_commanded_and_keeps_pointing_down(direction: tuple[float, ...]) -> None:
    env = make("reach")
    steps = 10
    env.step(np.array(direction, np.float32))  # to speed
    env.step(np.array(direction, np.float32))
    start = env.tip
    for _ in range(steps):
        env.step(np.array(direction, np.float32))
    expected = np.array(direction) * MAX_SPEED * steps / CONTROL_HZ
    np.testing.assert_allclose(env.tip - start, expected, atol=0.012)
    rotation = env.data.site("tool_end_effector").xmat.reshape(3, 3)
    np.testing.assert_allclose(rotation, DOWN, atol=0.12)


@pytest.mark.parametrize("name", envs.names())
def test_a_zero_command_holds_the_hand_still(name: str) -> None:
    env = make(name)
    still = np.zeros(env.action_space.shape, np.float32)
    for _ in range(10):
        env.step(still)
    start = env.tip
    for _ in range(80):
        env.step(still)
    assert np.linalg.norm(env.tip - start) < 0.005


def test_without_torques_gravity_is_compensated() -> None:
    env = make("reach", action_mode="torque")
    start = env.tip
    for _ in range(40):
        env.step(np.zeros(7, np.float32))
    assert np.linalg.norm(env.tip - start) < 0.01


@pytest.mark.parametrize(("mode", "size"), [("cartesian", 3), ("torque", 7)])
def test_actions_are_clipped(mode: str, size: int) -> None:
    inside, beyond = make("push", action_mode=mode), make("push", action_mode=mode)
    for _ in range(5):
        first = inside.step(np.full(size, 1.0, np.float32))[0]
        second = beyond.step(np.full(size, 50.0, np.float32))[0]
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])


@pytest.mark.parametrize(
    "action", [np.zeros(7), np.zeros(2), [0.1, np.nan, 0], [np.inf, 0, 0], 0.5]
)
def test_an_action_that_does_not_fit_says_what_it_takes(action: Any) -> None:
    env = make("push")
    with pytest.raises(TaskError, match=r"the action is .*: it takes 3 finite numbers"):
        env.step(action)


@pytest.mark.parametrize("joint", range(7))
def test_a_torque_turns_its_own_joint_its_own_way(joint: int) -> None:
    env = make("reach", action_mode="torque")
    start = env.data.qpos[joint]
    action = np.zeros(7, np.float32)
    action[joint] = 0.3
    for _ in range(4):
        env.step(action)
    assert env.data.qpos[joint] > start + 0.01
