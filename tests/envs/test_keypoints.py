"""Ground truth in pixels agrees with what is drawn, and knows what cannot be seen."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import envs

SIZES = [(256, 256), (160, 288), (288, 224)]  # height, width
PLACES = [((0.62, -0.15), (0.44, 0.18)), ((0.45, 0.16), (0.62, -0.18)), ((0.60, 0.15), (0.6, -0.1))]


def make(name: str, **settings: Any) -> Any:
    return gymnasium.make(envs.task_id(name), render_mode="rgb_array", **settings).unwrapped


def centroid(image: np.ndarray, channel: int) -> np.ndarray:
    """Centre (x, y) of the pixels that are clearly of one colour."""
    others = np.delete(image.astype(int), channel, axis=2).max(axis=2)
    rows, columns = np.nonzero(image[..., channel] > 1.6 * others + 15)
    assert len(rows) > 20
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(("block", "goal"), PLACES)
def test_block_and_goal_are_drawn_where_their_keypoints_are(
    height: int, width: int, block: tuple[float, float], goal: tuple[float, float]
) -> None:
    env = make("push", height=height, width=width)
    env.reset(seed=0, options={"block": (*block, 0.3), "goal": goal})
    image = env.render()
    keypoints = dict(zip(env.keypoint_names, env.keypoints(), strict=True))
    env.close()
    assert image.shape == (height, width, 3)
    assert keypoints["block"][2] == keypoints["goal"][2] == 1
    tolerance = 3 * height / 256
    for name, channel in (("block", 0), ("goal", 1)):
        away = np.linalg.norm(centroid(image, channel) - keypoints[name][:2])
        assert away < tolerance, name


def test_reachs_goal_is_drawn_where_its_keypoint_is() -> None:
    env = make("reach", height=192, width=256)
    env.reset(seed=0, options={"goal": (0.5, 0.2, 0.15)})
    image = env.render()
    x, y, visible = env.keypoints()[-1]
    env.close()
    assert visible == 1
    np.testing.assert_allclose(centroid(image, 1), (x, y), atol=2)


def test_the_tip_is_drawn_where_its_keypoint_is() -> None:
    env = make("reach", height=256, width=256)
    for seed in range(5):
        env.reset(seed=seed, options={"goal": (0.36, -0.22, 0.3)})
        image, (x, y, visible) = env.render().astype(int), env.keypoints()[0]
        assert visible == 1
        blue = image[..., 2] > 1.3 * image[..., 0] + 10
        rows, columns = np.nonzero(blue)
        # The finger points down: its tip is the lowest of its pixels.
        assert abs(rows.max() - y) < 6
        assert abs(columns[rows > rows.max() - 4].mean() - x) < 5
    env.close()


def test_right_is_x_and_down_is_y() -> None:
    env = make("push", height=48, width=80)
    env.reset(options={"block": (0.5, 0.0, 0.0), "goal": (0.5, 0.15)})
    _, block, goal = env.keypoints()
    assert goal[0] > block[0] + 5  # the camera looks at the robot: its left is our right
    env.reset(options={"block": (0.5, 0.0, 0.0), "goal": (0.65, 0.0)})
    assert env.keypoints()[2][1] > block[1] + 3  # nearer to the camera is lower in the image


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_keypoints_scale_with_the_image(height: int, width: int) -> None:
    small, large = (
        make("push", height=height, width=width),
        make("push", height=2 * height, width=2 * width),
    )
    for env in (small, large):
        env.reset(seed=4)
    np.testing.assert_allclose(
        2 * (small.keypoints()[:, :2] + 0.5), large.keypoints()[:, :2] + 0.5, atol=1e-3
    )


def test_every_camera_has_its_own_truth() -> None:
    env = make("push", cameras=("side", "front"), height=160, width=200)
    env.reset(seed=0, options={"block": (0.5, -0.1, 0.2), "goal": (0.6, 0.1)})
    images, keypoints = env.render(), env.keypoints()
    assert list(images) == list(keypoints) == ["side", "front"]
    for camera in images:
        assert images[camera].shape == (160, 200, 3)
        away = centroid(images[camera], 0) - keypoints[camera][1, :2]
        assert np.linalg.norm(away) < 3, camera
    assert np.linalg.norm(keypoints["side"] - keypoints["front"]) > 20
    alone = make("push", cameras=("side",), height=160, width=200)
    alone.reset(seed=0, options={"block": (0.5, -0.1, 0.2), "goal": (0.6, 0.1)})
    np.testing.assert_array_equal(alone.render(), images["side"])
    np.testing.assert_array_equal(alone.keypoints(), keypoints["side"])
    env.close()
    alone.close()


def test_a_block_behind_the_hand_is_not_visible() -> None:
    env = make("push", height=256, width=256)
    env.reset(seed=0)
    # On the line from the camera through the finger, where it meets the block's height.
    camera, finger = env.data.cam_xpos[env.cameras["front"].id], env.tip + np.array([0, 0, 0.06])
    ray = finger - camera
    hidden = camera + ray * (0.03 - camera[2]) / ray[2]
    env.reset(seed=0, options={"block": (*hidden[:2], 0.0), "goal": (0.6, 0.18)})
    assert env.keypoints()[1][2] == 0
    assert env.keypoints()[2][2] == 1
    x, y = env.keypoints()[1][:2].round().astype(int)
    red, *others = env.render()[y, x].astype(int)
    env.close()
    assert red < 1.6 * max(others) + 15  # another colour is drawn there indeed


def test_a_goal_under_the_block_is_not_visible() -> None:
    env = make("push")
    env.reset(seed=0, options={"block": (0.58, -0.15, 0.0), "goal": (0.58, -0.15)})
    assert list(env.keypoints()[1:, 2]) == [1, 0]


def test_a_point_outside_the_image_is_not_visible() -> None:
    env = make("push", height=240, width=32)  # a narrow slit
    env.reset(seed=0, options={"block": (0.5, 0.16, 0.0), "goal": (0.5, -0.16)})
    keypoints = env.keypoints()
    assert list(keypoints[1:, 2]) == [0, 0]
    assert keypoints[1, 0] > 31.5
    assert keypoints[2, 0] < -0.5


def test_most_frames_of_an_episode_show_the_block() -> None:
    env = make("push")
    seen = []
    for seed in range(10):
        env.reset(seed=seed)
        for _ in range(40):
            env.step(env.expert_action())
            seen.append(env.keypoints()[:, 2])
    assert np.mean(seen, axis=0)[0] > 0.8
    assert np.mean(seen, axis=0)[1] > 0.8
