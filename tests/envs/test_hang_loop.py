"""Hang loop: what counts as hanging, what the fingers hold, and what drops it."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.robot import CONTROL_HZ

HOLDING = np.array([0, 0, 0, 1], np.float32)
OPENING = np.array([0, 0, 0, -1], np.float32)


def make(**settings: Any) -> Any:
    env: Any = gymnasium.make(envs.task_id("hang_loop"), **settings).unwrapped
    env.reset(seed=0)
    return env


def expert_until(env: Any, done: Any) -> None:
    """Let the expert act until something holds, at most an episode."""
    for _ in range(env.HORIZON):
        if done():
            return
        env.step(env.expert_action())
    raise AssertionError("the expert did not get there")


def test_friction_holds_the_loop_for_twelve_seconds() -> None:
    env = make()
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(12 * CONTROL_HZ):
            env.step(HOLDING)
        assert np.linalg.norm(env.points()["loop_top"] - env.tip) < 0.007
        assert not env.success()


@pytest.mark.parametrize("grip", [-1.0, 0.0])
def test_the_loop_falls_without_a_grip(grip: float) -> None:
    env = make()
    for _ in range(2 * CONTROL_HZ):
        *_, info = env.step(np.array([0, 0, 0, grip], np.float32))
    assert env.points()["loop"][2] < 0.08  # on the table, on its rim or flat
    assert not info["is_success"]


def test_the_ring_sags_stays_closed_and_in_the_plane() -> None:
    env = make()
    for _ in range(2 * CONTROL_HZ):
        env.step(HOLDING)
    points = env.points()
    width = points["loop_right"][1] - points["loop_left"][1]
    height = points["loop_top"][2] - points["loop_bottom"][2]
    assert 0.09 < width < 0.12
    assert 0.14 < height < 0.16
    assert abs(points["loop_bottom"][0] - points["loop_top"][0]) < 0.01
    ends = (env.data.body("loop_bottom"), 0.026), (env.data.body("left7"), -0.026)
    first, last = (body.xpos + body.xmat.reshape(3, 3) @ (0, y, 0) for body, y in ends)
    assert np.linalg.norm(first - last) < 0.002


def test_success_comes_one_second_after_the_release() -> None:
    env = make()
    expert_until(env, env.reached)
    assert not env.success()
    for _ in range(round(env.HOLD * CONTROL_HZ) - 2):
        env.step(env.expert_action())
        assert not env.success()
    expert_until(env, env.success)
    assert env.dense_reward() > 0.8


def test_a_loop_on_the_hook_still_held_does_not_count() -> None:
    env = make()
    expert_until(env, lambda: env.expert_action()[3] < 0)
    for _ in range(2 * CONTROL_HZ):  # aside, until the ring is pulled against the peg
        env.step(np.array([0, 0.15, 0, 1], np.float32))
        assert not env.reached()
    assert env._is_hook[env.touched_by(env._is_rope)].any()
    assert env.distance() < 0.1
    assert not env.success()


def test_taking_the_loop_off_again_ends_the_success() -> None:
    env = make()
    expert_until(env, env.success)
    env.data.joint("loop_top").qpos[0] += 0.2
    env.step(OPENING)
    assert not env.success()
    for _ in range(2 * CONTROL_HZ):
        env.step(OPENING)
    assert not env.reached()  # it lies on the table


@pytest.mark.parametrize("y", [-0.2, 0.2])
def test_the_hook_stands_where_the_option_says_and_the_expert_finds_it(y: float) -> None:
    env = make()
    env.reset(seed=1, options={"goal": (0.45, y, 0.2)})
    np.testing.assert_allclose(env.points()["goal"], (0.45, y, 0.2), atol=1e-9)
    assert env.points()["hook"][0] > 0.48  # the peg points away from the robot
    expert_until(env, env.success)


def test_the_goal_is_seen_and_not_told() -> None:
    observation, _ = make().reset(seed=2)
    assert "goal" not in observation


def test_a_loop_thrown_off_the_table_ends_the_episode() -> None:
    env = make()
    env.data.joint("loop_top").qpos[:3] = (0.5, 0.9, 0.1)
    for _ in range(2 * CONTROL_HZ):
        _, reward, failed, *_ = env.step(OPENING)
        if failed:
            break
    assert failed
    assert reward == 0.0


def test_nothing_but_friction_holds() -> None:
    env = make()
    fastened = {env.model.equality(i).name for i in range(env.model.neq)}
    assert fastened == {"seam", "tool_mirror"}


def test_the_camera_sees_ring_and_hook() -> None:
    env = make()
    seen = []
    for seed in range(5):
        env.reset(seed=seed)
        for _ in range(60):
            env.step(env.expert_action())
            seen.append(env.keypoints()[:, 2])
    by_name = dict(zip(env.keypoint_names, np.mean(seen, axis=0), strict=True))
    for name in ("loop", "loop_left", "loop_right", "loop_bottom", "hook", "goal"):
        assert by_name[name] > 0.7, name
