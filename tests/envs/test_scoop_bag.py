"""A bag that sags, a bowl that must keep it, and nothing that sticks it to the spatula."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.engine import mujoco
from envs.robot import Move
from envs.tasks import scoop_bag

STILL = np.zeros(4, np.float32)


def make(**settings: Any) -> Any:
    return gymnasium.make(envs.task_id("scoop_bag"), **settings).unwrapped


def put(env: Any, places: np.ndarray) -> None:
    """Put the grains, at rest, where `places`, shape (16, 3) in metres, say."""
    for name, steps in zip(env.GRAINS, places - env.grains(), strict=True):
        for axis, step in zip("xyz", steps, strict=True):
            env.data.joint(f"{name}_{axis}").qpos[0] += step
            env.data.joint(f"{name}_{axis}").qvel[0] = 0.0
    mujoco.mj_forward(env.model, env.data)


def moved(env: Any, x: float, y: float, z: float) -> np.ndarray:
    """The grains' places, displaced by some metres."""
    return env.grains() + np.array([x, y, z])


def gaps(env: Any) -> np.ndarray:
    """Distances between grains that lie side by side, in metres."""
    grid = env.grains().reshape(scoop_bag.ROWS, scoop_bag.ROWS, 3)
    across, along = np.diff(grid, axis=0).reshape(-1, 3), np.diff(grid, axis=1).reshape(-1, 3)
    return np.linalg.norm(np.concatenate([across, along]), axis=1)


def in_the_bowl(env: Any) -> np.ndarray:
    """The grains' places, moved over to the bowl's middle just above its floor."""
    return moved(env, *(env.goal - env.grains().mean(axis=0))[:2], 0.005)


@pytest.mark.parametrize("factors", [(), ("object_size",)])
def test_a_bag_left_alone_stays_flat_whole_and_still(factors: tuple[str, ...]) -> None:
    env = make(factors=factors)
    for seed in range(3):
        env.reset(seed=seed)
        scale = env.factors().get("object_size.bag", 1.0)
        start = env.grains()
        for _ in range(40):
            env.step(STILL)
        assert np.abs(env.grains() - start).max() < 0.003
        assert np.abs(gaps(env) - scale * scoop_bag.SPACING).max() < 0.003


def test_the_bag_drapes_over_an_edge_without_tearing() -> None:
    env = make()
    env.reset(seed=0, options={"bag": (0.5, 0.0, 0.0), "goal": (0.5, 0.2)})
    rim = env.goal[1] - 0.085
    put(env, moved(env, 0.0, rim, 0.05))
    for _ in range(60):
        env.step(STILL)
    heights = env.grains()[:, 2].reshape(4, 4)  # (x, y): rows along the rim's tangent
    assert np.ptp(heights) > 0.015  # a plate would lie flat, or lean as a whole
    slopes = np.diff(heights.mean(axis=0))
    assert slopes.max() > 0.003
    assert slopes.min() < -0.003
    assert gaps(env).max() < 1.25 * scoop_bag.SPACING


def test_a_bag_that_still_lies_on_the_spatula_is_not_dropped() -> None:
    """The expert, but instead of tipping the bag out it lowers the blade into the bowl."""
    env = make()
    held = 0
    for seed in range(8):
        env.reset(seed=seed)
        lowering = False
        for _ in range(env.HORIZON):
            over = np.linalg.norm(env.points()["bag"][:2] - env.goal[:2]) < 0.02
            lowering = bool(lowering or (over and env.grains()[:, 2].min() > 0.05))
            down = Move(np.array([0.0, 0.0, -0.15]))
            env.step(env.robot.action(down if lowering else env.expert()))
            if {"grain", "tool_"} in _touching(env):
                held += env.inside() >= scoop_bag.SHARE
                assert not env.success()
    assert held > 20  # steps in the bowl, but on the blade


def _touching(env: Any) -> list[set[str]]:
    return [{env.model.geom(int(i)).name[:5] for i in pair} for pair in env.data.contact.geom]


def test_success_needs_the_bag_in_the_bowl_for_half_a_second() -> None:
    env = make()
    env.reset(seed=0)
    put(env, in_the_bowl(env))
    successes = [env.step(STILL)[4]["is_success"] for _ in range(12)]
    assert env.reached()
    assert successes == [False] * 10 + [True] * 2


@pytest.mark.parametrize(("left_out", "enough"), [(0, True), (1, True), (2, False)])
def test_nine_tenths_of_the_bag_are_enough(left_out: int, enough: bool) -> None:
    env = make()
    env.reset(seed=0)
    places = in_the_bowl(env)
    places[:left_out] += (0.0, 0.0, scoop_bag.RIM_HEIGHT)  # above the rim
    put(env, places)
    assert env.inside() == pytest.approx(1 - left_out / 16)
    assert env.reached() == enough


def test_a_bag_held_over_the_bowl_is_not_in_it() -> None:
    env = make()
    env.reset(seed=0)
    put(env, in_the_bowl(env))
    put(env, moved(env, 0.0, 0.0, 0.06))
    assert env.inside() == 0
    assert env.dense_reward() < 0.8


def test_a_grain_off_the_table_ends_the_episode_in_failure() -> None:
    env = make()
    env.reset(seed=0)
    put(env, moved(env, 0.8, 0.0, 0.0))
    for _ in range(20):
        _, reward, terminated, _, info = env.step(STILL)
        if terminated:
            break
    assert terminated
    assert reward == 0
    assert not info["is_success"]


def test_bag_and_bowl_are_where_the_options_say() -> None:
    env = make()
    observation, _ = env.reset(seed=3, options={"bag": (0.5, -0.1, 0.7), "goal": (0.55, 0.15)})
    positions = observation["object_position"].reshape(3, 3)
    np.testing.assert_allclose(positions[0, :2], (0.5, -0.1), atol=0.001)
    np.testing.assert_allclose(observation["goal"], (0.55, 0.15), atol=1e-6)
    diagonal = positions[2, :2] - positions[1, :2]
    assert np.arctan2(diagonal[1], diagonal[0]) == pytest.approx(0.7 + np.pi / 4, abs=0.1)


def test_first_places_vary_and_leave_room_for_the_spatula() -> None:
    env = make()
    places = []
    for seed in range(40):
        env.reset(seed=seed)
        points = env.points()
        places.append([*points["bag"][:2], *points["bowl"][:2]])
        assert abs(points["bag"][1] - points["bowl"][1]) > scoop_bag.ASIDE - 0.002
    assert (np.ptp(places, axis=0) > (0.08, 0.22, 0.09, 0.35)).all()


def test_nothing_but_contact_holds_the_bag() -> None:
    env = make()
    assert env.model.neq == 0
    threads = env.model.wrap_objid.reshape(-1, 2)  # (T, 2) sites
    grains = {env.model.site(name).id for name in env.GRAINS}
    assert set(threads.ravel()) <= grains


def test_scooping_without_seeing_the_bag_fails() -> None:
    """The expert, told that the bag lies where it lies on average, does not find it."""
    real, belief = make(), make()
    middle = (*np.mean([scoop_bag.BAG_LOW, scoop_bag.BAG_HIGH], axis=0), 0.0)
    wins = 0
    for seed in range(5_000, 5_010):
        real.reset(seed=seed)
        options = {"bag": middle, "goal": real.goal[:2], "start": real.data.qpos[:7].copy()}
        belief.reset(seed=seed, options=options)
        info: dict[str, Any] = {}
        for _ in range(real.HORIZON):
            action = belief.expert_action()
            belief.step(action)
            _, _, terminated, _, info = real.step(action)
            if terminated:
                break
        wins += info["is_success"]
    assert wins <= 3


@pytest.mark.parametrize("seed", [1, 2])
def test_the_expert_recovers_a_bag_that_it_lost(seed: int) -> None:
    env = make()
    env.reset(seed=seed)
    while env.points()["bag"][2] < 0.08:
        env.step(env.expert_action())
    aside = (0.5, -env.goal[1]) - env.points()["bag"][:2]
    put(env, moved(env, *aside, scoop_bag.GRAIN - env.grains()[:, 2].min()))
    for _ in range(150):
        info = env.step(env.expert_action())[4]
    assert info["is_success"]
