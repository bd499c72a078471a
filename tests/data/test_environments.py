from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from toy_env import HEIGHT, WIDTH, Bare, Toy

from data.controllers import ExpertController
from data.environments import make_env
from data.errors import DataError
from data.rollout import rollout


class Cameras(Bare):
    def render(self) -> Any:
        return {"left": super().render()}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    ids = {"Toy-v0": Toy, "Bare-v0": Bare, "Cameras-v0": Cameras}
    for name, kind in ids.items():
        entry: Any = lambda render_mode, kind=kind, **settings: kind(**settings)  # noqa: E731
        gymnasium.register(id=name, entry_point=entry, disable_env_checker=True)
    yield
    for name in ids:
        del gymnasium.registry[name]


def test_what_cannot_be_drawn_is_refused_with_what_it_can(recwarn: Any) -> None:
    class Text(Bare):
        metadata = {"render_modes": ["ansi", "human"]}  # noqa: RUF012

    class Nothing(Bare):
        metadata = {"render_modes": []}  # noqa: RUF012

    for kind, known in ((Text, "ansi, human"), (Nothing, "none")):
        gymnasium.register(id="Blind-v0", entry_point=kind)
        message = f"Blind-v0 does not render rgb_array: its render modes are {known}"
        with pytest.raises(DataError, match=message):
            make_env("Blind-v0")
        del gymnasium.registry["Blind-v0"]
    assert not recwarn.list


@pytest.mark.parametrize("factor", [2, 0.5])
def test_keypoints_follow_the_frame_into_its_new_size(factor: float) -> None:
    size = round(factor * HEIGHT), round(factor * WIDTH)
    plain = rollout(make_env("Toy-v0"), ExpertController(), seed=1)
    episode = rollout(make_env("Toy-v0", resize=size), ExpertController(), seed=1)
    assert episode.images["front"].shape[1:] == (*size, 3)
    # The middle of the image stays its middle, and a pixel's edges stay that pixel's edges.
    expected = factor * (plain.keypoints["front"][..., :2] + 0.5) - 0.5
    np.testing.assert_allclose(episode.keypoints["front"][..., :2], expected, atol=1e-4)
    np.testing.assert_array_equal(
        episode.keypoints["front"][..., 2], plain.keypoints["front"][..., 2]
    )
    np.testing.assert_array_equal(episode.points, plain.points)


def test_without_truth_there_is_none() -> None:
    env = make_env("Bare-v0", resize=(4, 6))
    env.reset()
    assert np.shape(env.render()) == (4, 6, 3)
    assert not env.has_wrapper_attr("keypoints")


def test_without_frames_nothing_is_resized() -> None:
    assert type(make_env("Toy-v0", resize=(4, 6), render_mode=None).unwrapped) is Toy
    assert not hasattr(make_env("Toy-v0", resize=(4, 6), render_mode=None), "drawn_size")


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("Nothing-v0", {}, "Nothing-v0 cannot be made: Environment"),
        ("nowhere:Task-v0", {}, "nowhere:Task-v0 cannot be made: No module named 'nowhere'"),
        ("Toy-v0", {"colour": 1}, "Toy-v0 cannot be made: .*colour"),
    ],
)
def test_what_cannot_be_made_is_said(task: str, settings: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_env(task, **settings)


def test_several_cameras_are_not_resized() -> None:
    env = make_env("Cameras-v0", resize=(4, 6))
    env.reset()
    with pytest.raises(DataError, match="Cameras-v0 renders no single uint8"):
        env.render()
