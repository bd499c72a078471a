from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.errors import TaskError
from envs.robot import HOME
from envs.task import START_SPREAD
from envs.tasks import push


def make(name: str, **settings: Any) -> Any:
    return gymnasium.make(envs.task_id(name), **settings).unwrapped


def test_block_goal_and_start_are_where_the_options_say() -> None:
    env = make("push")
    start = HOME + 0.1
    observation, info = env.reset(
        seed=0, options={"block": (0.5, -0.1, np.pi / 3), "goal": (0.6, 0.1), "start": start}
    )
    np.testing.assert_allclose(observation["joint_position"], start, atol=1e-6)
    np.testing.assert_allclose(observation["goal"], (0.6, 0.1), atol=1e-6)
    np.testing.assert_allclose(observation["object_position"][:2], (0.5, -0.1), atol=1e-6)
    turned = (np.cos(np.pi / 6), 0, 0, np.sin(np.pi / 6))
    np.testing.assert_allclose(observation["object_rotation"], turned, atol=1e-6)
    assert info["distance"] == pytest.approx(np.hypot(0.1, 0.2))


def test_what_the_options_leave_out_is_drawn_as_ever() -> None:
    env = make("push")
    free, _ = env.reset(seed=5)
    fixed, _ = env.reset(seed=5, options={"goal": (0.6, 0.1)})
    for key in ("joint_position", "object_position", "object_rotation"):
        np.testing.assert_array_equal(free[key], fixed[key])


@pytest.mark.parametrize("name", envs.names())
def test_unknown_option_lists_those_there_are(name: str) -> None:
    env = make(name)
    with pytest.raises(TaskError, match="unknown reset option 'bolck'") as caught:
        env.reset(options={"bolck": (0.5, 0.0, 0.0)})
    for known in ("start", *env.OPTIONS):
        assert known in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("push", {"goal": (5, 5)}, "'goal' is .*5.* it takes .*0.42"),
        ("push", {"block": (0.9, 0.6, 0)}, "no goal is near enough to a block"),
        ("open_drawer", {"goal": (1.0,)}, "'goal' is .*1.* it takes .*0.06"),
        ("lift_block", {"goal": (5.0,)}, "'goal' is .*5.* it takes .*0.12"),
        ("reach", {"start": [100.0] * 7}, "'start' is .*100.* it takes .*-2.89"),
        ("arrange_toys", {"block": (0.5, 0.1, 0), "cylinder": (0.5, 0.1)}, "overlap: choose both"),
    ],
)
def test_an_option_out_of_bounds_is_refused(name: str, options: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make(name).reset(seed=0, options=options)


def test_everything_can_be_chosen_where_nothing_could_be_drawn() -> None:
    env = make("push")
    env.reset(options={"block": (0.8, 0.3, 0), "goal": (0.6, 0.1)})
    assert env.distance() == pytest.approx(np.hypot(0.2, 0.2))


@pytest.mark.parametrize("name", envs.names())
@pytest.mark.parametrize("value", [0.5, "left", [0.5] * 9, [np.nan] * 7, None, [[0.5, 0.1]]])
def test_an_option_that_does_not_fit_says_what_it_takes(name: str, value: Any) -> None:
    env = make(name)
    for option in ("start", *env.OPTIONS):
        with pytest.raises(
            TaskError, match=f"reset option '{option}' is .* takes [1-9] finite num"
        ):
            env.reset(options={option: value})
    env.reset(seed=0)  # and it still works


def test_first_places_of_push_vary_within_their_limits() -> None:
    env = make("push")
    places = []
    for seed in range(60):
        observation, info = env.reset(seed=seed)
        places.append([*observation["object_position"][:2], *observation["goal"]])
        assert push.PUSH_RANGE[0] <= info["distance"] <= push.PUSH_RANGE[1]
        assert not info["is_success"]
        assert np.abs(observation["joint_position"] - HOME).max() <= START_SPREAD + 1e-6
    spread = np.ptp(places, axis=0)
    low = np.array([*push.BLOCK_LOW, *push.Push.GOAL_LOW])
    high = np.array([*push.BLOCK_HIGH, *push.Push.GOAL_HIGH])
    assert (np.min(places, axis=0) >= low - 1e-6).all()
    assert (np.max(places, axis=0) <= high + 1e-6).all()
    assert (spread > 0.7 * (high - low)).all()
    block, goal = np.array(places)[:, :2], np.array(places)[:, 2:]
    # Neither tells where the other one is.
    assert abs(np.corrcoef(block[:, 1], goal[:, 1])[0, 1]) < 0.6


def test_an_episode_goes_on_after_success_to_its_last_step() -> None:
    env = gymnasium.make("envs:dsae/Push-v0")
    env.reset(seed=0, options={"block": (0.5, 0.1, 0.0), "goal": (0.51, 0.1)})
    for step in range(100):
        _, _, terminated, truncated, info = env.step(np.array([0, 0, 0.5], np.float32))
        assert info["is_success"]
        assert not terminated
        assert truncated == (step == 99)


@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_a_block_thrown_off_the_table_ends_the_episode_in_failure(reward: str) -> None:
    env = make("push", reward=reward)
    env.reset(seed=0, options={"block": (0.55, 0.16, 0.0)})
    env.data.joint("block").qvel[:3] = (0.0, 3.5, 0.5)
    for _ in range(60):
        _, value, terminated, _, info = env.step(np.zeros(3, np.float32))
        if terminated:
            break
    assert terminated
    assert value == 0
    assert not info["is_success"]
    assert env.points()["block"][2] < 0


def test_blocks_that_slide_to_the_goal_count_wherever_the_hand_is() -> None:
    env = make("push", reward="sparse")
    env.reset(seed=0, options={"block": (0.6, 0.0, 0.0), "goal": (0.6, push.CLOSE - 0.002)})
    assert env.success()
    env.reset(seed=0, options={"block": (0.6, 0.0, 0.0), "goal": (0.6, push.CLOSE + 0.002)})
    assert not env.success()
