from typing import Any

import numpy as np
import pytest
from toy_env import HEIGHT, WIDTH, Bare, Toy

from data.controllers import ExpertController, RandomController
from data.errors import DataError
from data.rollout import STEP_LIMIT, rollout


def test_each_frame_shows_what_was_there_before_its_action() -> None:
    episode = rollout(Toy(), ExpertController(noise=0.3), seed=5)
    assert episode.length == 8
    assert episode.images["front"].shape == (8, HEIGHT, WIDTH, 3)
    dot = episode.observations["dot"]
    assert episode.actions is not None
    np.testing.assert_allclose(
        dot[1:], np.clip(dot[:-1] + 0.5 * episode.actions[:-1], -1, 1), atol=1e-6
    )
    assert episode.points is not None
    np.testing.assert_array_equal(episode.points[:, 0, :2], dot)
    for frame, (x, y, _) in zip(
        episode.images["front"], episode.keypoints["front"][:, 0], strict=True
    ):
        assert frame[round(float(y)), round(float(x)), 0] == 255


def test_outcome_and_origin_are_recorded() -> None:
    episode = rollout(Toy(), ExpertController(), seed=5, meta={"task": "toy", "seed": 99})
    assert episode.meta["success"] is True
    assert episode.meta["seed"] == 5
    assert episode.meta["task"] == "toy"
    assert episode.meta["env_id"] == "Toy"
    assert episode.meta["fps"] == 20
    assert episode.meta["terminated"] is False
    assert episode.factors["goal"] == episode.observations["goal"][0].tolist()
    assert episode.dones is not None
    np.testing.assert_array_equal(episode.dones, [False] * 7 + [True])
    assert rollout(Toy(), RandomController(), seed=5).meta["success"] is False


def test_bare_environment_needs_no_truth_and_may_reuse_its_memory() -> None:
    episode = rollout(Bare(), RandomController(), seed=0)
    np.testing.assert_array_equal(episode.images["front"][:, 0, 0, 0], range(5))
    assert episode.observations.keys() == {"state"}
    assert episode.keypoints == {}
    assert episode.points is None
    assert episode.factors == {}
    assert episode.meta["success"] is None
    assert episode.meta["terminated"] is True


def test_max_steps_cuts() -> None:
    episode = rollout(Toy(), RandomController(), seed=0, max_steps=3)
    assert episode.length == 3
    assert episode.dones is not None
    assert episode.dones[-1]


def test_several_cameras() -> None:
    class Stereo(Toy):
        def render(self) -> Any:
            return {"left": super().render(), "right": 255 - super().render()}

    episode = rollout(Stereo(), RandomController(), seed=0, cameras=("left", "right"))
    np.testing.assert_array_equal(episode.images["left"], 255 - episode.images["right"])
    with pytest.raises(DataError, match="no camera 'top', only left, right"):
        rollout(Stereo(), RandomController(), seed=0, cameras=("top",))


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), "x"]
)
def test_frames_that_are_no_images_are_refused(frame: Any) -> None:
    env = Toy()
    env.render = lambda: frame  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"Toy renders .* uint8 \(H, W, 3\) is needed"):
        rollout(env, RandomController(), seed=0)


def test_render_mode_is_required() -> None:
    with pytest.raises(DataError, match='make it with render_mode="rgb_array"'):
        rollout(Toy(render_mode=None), RandomController(), seed=0)


def test_endless_episode_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.rollout.STEP_LIMIT", 20)
    assert STEP_LIMIT > 20
    with pytest.raises(DataError, match="Toy did not end within 20 steps: give max_steps"):
        rollout(Toy(steps=100), RandomController(), seed=0)
