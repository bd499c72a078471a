"""Factors of variation: each changes what it names, nothing else, and tells what it drew."""

import json
from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.errors import TaskError
from envs.task import Task
from envs.variation import FACTORS, Variation

SOLVED_ALIKE = sorted(set(FACTORS) - {"object_size"})  # factors that touch nothing physical


def make(name: str, *factors: str, **settings: Any) -> Task:
    env = gymnasium.make(
        envs.task_id(name), render_mode="rgb_array", factors=factors, **settings
    ).unwrapped
    assert isinstance(env, Task)
    return env


def factors_of(name: str) -> tuple[str, ...]:
    return make(name).variation.available


every_factor = pytest.mark.parametrize(
    ("name", "factor"), [(name, factor) for name in envs.names() for factor in factors_of(name)]
)


@every_factor
def test_a_factor_changes_the_picture_and_says_how(name: str, factor: str) -> None:
    plain, varied = make(name), make(name, factor)
    drawn, pictures, seen = set(), set(), []
    for seed in range(3):
        for task in (plain, varied):
            task.reset(seed=seed)
        assert plain.factors() == {}
        seen.append(not np.array_equal(plain.render(), varied.render()))
        told = varied.factors()
        assert told
        assert all(key.startswith(f"{factor}.") for key in told)
        drawn.add(json.dumps(told))
        pictures.add(varied.render().tobytes())
    assert len(drawn) == len(pictures) == 3
    assert sum(seen) >= 2  # a texture may be the plain one
    plain.close()
    varied.close()


@every_factor
def test_a_factor_leaves_the_places_of_things_alone(name: str, factor: str) -> None:
    plain, varied = make(name), make(name, factor)
    first, second = plain.reset(seed=5)[0], varied.reset(seed=5)[0]
    # A larger object's centre lies higher, and the points of a larger loop farther apart.
    tolerance = 0.05 if factor == "object_size" else 0
    for key in first:
        np.testing.assert_allclose(first[key], second[key], atol=tolerance, err_msg=key)
    if factor in SOLVED_ALIKE:
        for _ in range(10):
            action = plain.expert_action()
            np.testing.assert_array_equal(action, varied.expert_action())
            plain.step(action)
            varied.step(action)


@pytest.mark.parametrize("name", envs.names())
def test_everything_at_once_is_reproduced_by_the_seed_alone(name: str) -> None:
    fresh, used = make(name, "all"), make(name, "all")
    for seed in range(3):
        used.reset(seed=seed)
        used.step(np.zeros(used.action_space.shape or (), np.float32))
    for _ in range(2):  # the second episode is drawn from where the first left off
        seeds = {"seed": 9} if _ == 0 else {}
        one, two = fresh.reset(**seeds)[0], used.reset(**seeds)[0]
        assert fresh.factors() == used.factors()
        for key in one:
            np.testing.assert_array_equal(one[key], two[key])
        np.testing.assert_array_equal(fresh.render(), used.render())
    assert {key.partition(".")[0] for key in fresh.factors()} == set(factors_of(name))
    fresh.close()
    used.close()


def test_a_factor_draws_the_same_whatever_else_is_on() -> None:
    alone, together = make("push", "lighting"), make("push", "all")
    alone.reset(seed=3)
    together.reset(seed=3)
    assert alone.factors().items() <= together.factors().items()


def test_the_camera_factor_moves_the_truth_with_the_picture() -> None:
    task = make("push", "camera_pose", height=200, width=240)
    places = []
    for seed in range(4):
        task.reset(seed=seed, options={"block": (0.55, -0.1, 0.2), "goal": (0.45, 0.15)})
        image = task.render().astype(int)
        red = image[..., 0] > 1.6 * image[..., 1:].max(axis=2) + 15
        rows, columns = np.nonzero(red)
        keypoint = task.keypoints()[1]
        assert np.hypot(columns.mean() - keypoint[0], rows.mean() - keypoint[1]) < 3
        places.append(keypoint[:2])
    assert (np.ptp(places, axis=0) > 4).all()
    task.close()


def test_a_larger_block_is_heavier_and_rests_on_the_table() -> None:
    task = make("push", "object_size")
    masses = []
    for seed in range(6):
        task.reset(seed=seed)
        scale = task.factors()["object_size.block"]
        height = task.points()["block"][2]
        assert task.model.body("block").mass[0] == pytest.approx(0.12 * scale**3)
        for _ in range(10):
            task.step(np.zeros(3, np.float32))
        assert task.points()["block"][2] == pytest.approx(height, abs=2e-3)
        assert height == pytest.approx(0.03 * scale)
        masses.append(scale)
    assert min(masses) < 0.95 < 1.05 < max(masses)


def test_a_larger_loop_is_a_larger_ring_that_stays_closed() -> None:
    task, sizes = make("hang_loop", "object_size"), []
    for seed in range(6):
        task.reset(seed=seed)
        for _ in range(10):
            task.step(np.array([0, 0, 0, 1], np.float32))
        points = task.points()
        height = float(points["loop_top"][2] - points["loop_bottom"][2])
        sizes.append((task.factors()["object_size.loop"], height))
        assert abs(task.data.efc_pos[task.data.efc_type == 0]).max() < 2e-3  # the seam holds
    scales, heights = np.array(sorted(sizes)).T
    assert np.ptp(scales) > 0.15
    np.testing.assert_allclose(heights / scales, np.mean(heights / scales), rtol=0.1)


@pytest.mark.parametrize("factors", ["moving_distractors", None, 5])
def test_factors_are_a_list(factors: Any) -> None:
    with pytest.raises(TaskError, match="it takes a list of names: object_color, "):
        gymnasium.make("envs:dsae/Push-v0", factors=factors)


def test_moving_distractors_move_and_still_ones_do_not() -> None:
    task = make("push", "distractors", "moving_distractors")
    task.reset(seed=0)
    names = [f"distractor{i}" for i in (1, 2, 3)] + ["wanderer1", "wanderer2"]
    before = {name: task.data.body(name).xpos.copy() for name in names}
    for _ in range(12):
        task.step(np.zeros(3, np.float32))
    moved = {
        name: float(np.linalg.norm(task.data.body(name).xpos - before[name])) for name in names
    }
    assert all((moved[name] > 0.01) == name.startswith("wanderer") for name in names), moved
    assert all(moved[name] < 0.25 for name in names)


def test_nothing_that_stands_about_can_be_touched() -> None:
    task = make("push", "all")
    for name in ("distractor1", "distractor2", "distractor3", "wanderer1", "wanderer2"):
        geom = task.model.geom(name)
        assert geom.contype == geom.conaffinity == 0


def test_a_task_without_objects_has_no_factors_of_theirs() -> None:
    model = make("reach").model
    variation = Variation(model, ("all",), {}, {})
    assert "lighting" in variation.names
    assert not any(name.startswith("object") for name in variation.names)
    with pytest.raises(TaskError, match="unknown factor 'object_size': choose from lighting, "):
        Variation(model, ("object_size",), {}, {})
