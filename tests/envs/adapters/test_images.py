"""Images are upright, of any size, from any camera, with the keypoints where things are drawn."""

import time
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from suites import FETCH, METAWORLD, PUSH, made, over, over_all, put_object

SIZES = [(128, 128), (100, 180), (180, 100)]  # height, width
CHANGED = 20  # levels by which a pixel shows something else
AWAY = np.array([0.0, 0.0, -5.0])  # (metres) below all that can be seen


def frame(env: gymnasium.Env[Any, Any]) -> np.ndarray:
    return np.asarray(env.render(), np.int16)


def keypoint(env: gymnasium.Env[Any, Any], name: str) -> np.ndarray:
    """x, y in pixels and visibility of a named point."""
    world: Any = env.unwrapped
    keypoints: np.ndarray = world.keypoints()[world.keypoint_names.index(name)]
    return keypoints


def hide_goal(env: gymnasium.Env[Any, Any]) -> None:
    """Put the mark of the goal, which is drawn alone, out of sight."""
    world: Any = env.unwrapped
    mark = {"Fetch": "target0", "MetaWorld": "goal"}[type(world).__name__]
    world.model.site(mark).pos = AWAY
    mujoco.mj_forward(world.model, world.data)


def hide_object(env: gymnasium.Env[Any, Any]) -> None:
    put_object(env, AWAY)


def pixels_of(env: gymnasium.Env[Any, Any], hide: Any) -> np.ndarray:
    """The (x, y), shape (pixels, 2), that show something else once a thing is hidden."""
    before = frame(env)
    hide(env)
    return np.argwhere(np.abs(frame(env) - before).max(axis=2) > CHANGED)[:, ::-1]


@over_all
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_goal_is_drawn_at_its_keypoint(name: str, height: int, width: int) -> None:
    offsets = []
    with made(name, height=height, width=width) as env:
        for seed in range(6):
            env.reset(seed=seed)
            assert frame(env).shape == (height, width, 3)
            *expected, visible = keypoint(env, "goal")
            pixels = pixels_of(env, hide_goal)
            if visible:
                offsets.append(pixels.mean(axis=0) - expected)
    assert len(offsets) >= 3
    assert np.abs(offsets).max() < 3  # the hand may hide a part of it
    assert np.abs(np.median(offsets, axis=0)).max() < 0.7


@over(*PUSH)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_object_is_drawn_at_its_keypoint(name: str, height: int, width: int) -> None:
    offsets = []
    with made(name, height=height, width=width) as env:
        for seed in range(6):
            env.reset(seed=seed)
            *expected, visible = keypoint(env, "object")
            pixels = pixels_of(env, hide_object)
            if visible:
                offsets.append(pixels.mean(axis=0) - expected)
    assert len(offsets) >= 3
    assert np.abs(offsets).max() < 3
    assert np.abs(np.median(offsets, axis=0)).max() < 0.7


@over(*PUSH, "metaworld/drawer-open")
def test_the_hand_rises_in_the_image_when_it_rises(name: str) -> None:
    heights = []  # of what has the colour of a finger or a wrist, in pixels from the top
    with made(name, height=128, width=128) as env:
        world: Any = env.unwrapped
        env.reset(seed=0)
        for direction in (-1, 1):
            for _ in range(25):
                env.step(np.array([0, 0, direction, 0], np.float32))
            red, _, blue = np.moveaxis(frame(env), 2, 0)
            coloured = np.argwhere(blue - red > 60)
            heights.append((world.points()["end_effector"][2], coloured[:, 0].max()))
            heights[-1] += (keypoint(env, "end_effector")[1],)
    (low, low_row, low_y), (high, high_row, high_y) = heights
    assert high > low + 0.05
    assert high_row < low_row - 3
    assert high_y < low_y - 3


@over_all
def test_no_camera_hangs_upside_down(name: str) -> None:
    with made(name, render_mode=None) as env:
        world: Any = env.unwrapped
        env.reset(seed=0)
        up = world.data.cam_xmat.reshape(-1, 3, 3)[:, 2, 1]  # of the image, towards the sky
        assert up[world.cameras["front"].id] > 0.5
        assert (up[world.model.cam_bodyid == 0] > -0.1).all()


@over(*PUSH)
def test_what_stands_in_front_hides(name: str) -> None:
    with made(name, height=128, width=128) as env:
        world: Any = env.unwrapped
        for seed in range(20):
            env.reset(seed=seed)
            if keypoint(env, "goal")[2]:
                break
        eye = world.data.cam_xpos[world.cameras["front"].id]
        put_object(env, eye + 0.6 * (world.goal - eye))
        assert keypoint(env, "object")[2] == 1
        assert keypoint(env, "goal")[2] == 0
        assert len(pixels_of(env, hide_goal)) == 0
        put_object(env, world.goal)  # in it: a thing does not hide itself
        assert keypoint(env, "object")[2] == 1
        put_object(env, AWAY)
        assert keypoint(env, "object")[2] == 0
        assert keypoint(env, "goal")[2] == 1


@over("fetch/pick-and-place")
def test_the_marks_that_drag_the_hand_hide_nothing(name: str) -> None:
    with made(name, render_mode=None) as env:
        world: Any = env.unwrapped
        env.reset(seed=0)
        env.step(np.zeros(4, np.float32))
        eye = world.data.cam_xpos[world.cameras["front"].id]
        beam = world.data.mocap_pos[0] + (0.0, 0.2, 0.0)  # metres along one of them
        put_object(env, eye + 1.05 * (beam - eye))
        assert keypoint(env, "object")[2] == 1


@over(FETCH[1], METAWORLD[0])
def test_several_cameras_draw_what_each_draws_alone(name: str) -> None:
    other = {"fetch": "head_camera_rgb", "metaworld": "corner3"}[name.partition("/")[0]]
    alone = {}
    for camera in ("front", other):
        with made(name, cameras=(camera,), height=40, width=56) as env:
            env.reset(seed=0)
            alone[camera] = (np.asarray(env.render()), env.get_wrapper_attr("keypoints")())
    # Gymnasium's checker knows of no more than one image.
    size = {"height": 40, "width": 56, "disable_env_checker": True}
    with made(name, cameras=(other, "front"), **size) as env:
        env.reset(seed=0)
        frames: Any = env.render()
        keypoints = env.get_wrapper_attr("keypoints")()
    assert list(frames) == list(keypoints) == [other, "front"]
    for camera, (image, points) in alone.items():
        assert frames[camera].shape == (40, 56, 3)
        np.testing.assert_array_equal(frames[camera], image)
        np.testing.assert_array_equal(keypoints[camera], points)
    assert not np.array_equal(frames[other], frames["front"])


@over_all
@pytest.mark.parametrize("height", [64, 240])
def test_the_fast_profile_shows_what_the_suites_own_shows(name: str, height: int) -> None:
    frames = []
    for rendering in ("fast", "default"):
        with made(name, rendering=rendering, height=height, width=height) as env:
            env.reset(seed=1)
            frames.append(frame(env).astype(np.float64))
    fast, default = frames
    assert np.abs(fast - default).mean() < 12  # of 255
    assert np.corrcoef(fast.ravel(), default.ravel())[0, 1] > 0.9


@over(FETCH[1], METAWORLD[0])
def test_the_fast_profile_is_much_faster(name: str) -> None:
    rates = {}
    with made(name) as fast, made(name, rendering="default") as default:
        envs_ = {"fast": fast, "default": default}
        best = dict.fromkeys(envs_, np.inf)  # seconds for a frame
        for env in envs_.values():
            env.reset(seed=0)
            env.render()
        for _ in range(5):  # by turns, as other work may slow some of them down
            for rendering, env in envs_.items():
                start = time.perf_counter()
                for _ in range(5):
                    env.render()
                best[rendering] = min(best[rendering], (time.perf_counter() - start) / 5)
        rates = {rendering: 1 / seconds for rendering, seconds in best.items()}
    assert rates["fast"] > 3 * rates["default"], rates
