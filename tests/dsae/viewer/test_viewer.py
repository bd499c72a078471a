"""The page's answers, of encoders made up so that every answer is known."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from dsae import pictures
from dsae.encoder import Batch, Encoder, Encoding
from dsae.errors import DsaeError
from dsae.nn.spatial_softmax import Grid, cell_centres
from dsae.viewer.library import Entry, Recording, Subject
from dsae.viewer.viewer import NUMBERS, RECORDINGS, Viewer

H, W = 4, 6
FRAMES = 3


class Brightest(Encoder):
    """One point at the brightest pixel; drawn as a white pixel, and grey by what the robot says."""

    def __init__(self, extra: int = 0) -> None:
        super().__init__(None, (H, W, 3))
        self.extra = extra

    @property
    def feature_size(self) -> int:
        return 2 + self.extra

    @property
    def point_grid(self) -> Grid:
        return cell_centres(H, W)

    def features_of(self, images: torch.Tensor) -> Encoding:
        maps = (1000 * images[:, :1]).flatten(2).softmax(-1).unflatten(-1, (H, W))
        x, y = self.point_grid.axes(H, W)
        points = torch.stack([maps.sum(-2) @ x, maps.sum(-1) @ y], dim=-1)  # (B, 1, 2)
        code = torch.cat([points.flatten(1), torch.zeros(len(images), self.extra)], dim=1)
        return Encoding(code, points, maps)

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        x, y = self.point_grid.axes(H, W)
        columns = (features[:, :1] - x).abs().argmin(dim=1)
        rows = (features[:, 1:2] - y).abs().argmin(dim=1)
        drawn = torch.zeros(len(features), 1, H, W)
        if robot is not None:
            drawn += robot.sum(dim=1)[:, None, None, None]
        drawn[torch.arange(len(features)), 0, rows, columns] = 1.0
        return drawn

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError


class Blind(Brightest):
    """Cannot draw."""

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        raise NotImplementedError


class Beside(Brightest):
    """Its point is not its code."""

    def features_of(self, images: torch.Tensor) -> Encoding:
        code, points, maps = super().features_of(images)
        return Encoding(-code, points, maps)


class Vector(Brightest):
    """Has no points."""

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(super().features_of(images).features)


class Shelf:
    """Two episodes, in which the brightest pixel goes to the right, in row 1 and in row 2."""

    def __init__(self, encoder: Encoder, robot: bool = False) -> None:
        self.encoder = encoder
        self.robot = robot
        self.read_numbers: list[int] = []
        self.entries: Sequence[Entry] = [Entry(n, FRAMES, bool(n), n == 1) for n in range(2)]

    def read(self, number: int) -> Recording:
        self.read_numbers.append(number)
        frames = np.zeros((FRAMES, H, W, 3), np.uint8)
        frames[np.arange(FRAMES), number + 1, np.arange(FRAMES)] = 255
        code = self.encoder.encode(frames)
        points = None if code.points is None else code.points.numpy()
        return Recording(
            frames=frames,
            robot=torch.full((FRAMES, 2), 0.25) if self.robot else None,
            features=code.features.numpy(),
            points=points,
            mass=None if points is None else np.ones(points.shape[:2], np.float32),
            truth=np.array([[[0.5, np.nan, 1.0]]] * FRAMES),
            fps=10.0,
        )


def viewer(encoder: Encoder, shelf: Shelf | None = None, **facts: Any) -> Viewer:
    shelf = shelf or Shelf(encoder)
    frames = shelf.read(0).frames
    about: dict[str, Any] = {
        "run": "runs/a",
        "data": "runs/b",
        "camera": "front",
        "start": 1,
        "dimensions": pictures.dimensions(encoder, frames),
        "names": {},
        "truth_names": ("the_lamp",),
        **facts,
    }
    return Viewer(encoder, shelf, Subject(**about))


def image(uri: str) -> np.ndarray:
    encoded = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    read = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert read is not None
    return read


def white(uri: str) -> list[tuple[int, int]]:
    """Rows and columns of the white pixels."""
    return [(int(row), int(column)) for row, column in np.argwhere(image(uri)[..., 0] == 255)]


def test_a_frame_its_map_and_its_drawing_show_the_same_place() -> None:
    view = viewer(Brightest())
    shown = view.frame(1, 2)
    assert white(shown["picture"]) == white(shown["drawn"]) == [(2, 2)]
    levels = np.frombuffer(base64.b64decode(shown["maps"]["levels"]), np.uint8).reshape(H, W)
    assert (shown["maps"]["height"], shown["maps"]["width"]) == (H, W)
    assert np.argwhere(levels == 255).tolist() == [[2, 2]]
    (point,) = view.episode(1)["points"][2]
    np.testing.assert_allclose(point, [5 / W - 1, 5 / H - 1], atol=1e-6)
    assert shown["code"] == point


def test_a_moved_point_is_drawn_where_it_was_moved_to_and_stays_nowhere_else() -> None:
    view = viewer(Brightest())
    assert white(view.draw(0, 1, {0: 0.9, 1: 0.9})["drawn"]) == [(H - 1, W - 1)]
    assert white(view.draw(0, 1, {0: 0.9})["drawn"]) == [(1, W - 1)]
    assert white(view.draw(0, 1, {})["drawn"]) == white(view.frame(0, 1)["drawn"]) == [(1, 1)]


def test_the_robots_state_of_the_frame_goes_into_the_drawing() -> None:
    encoder = Brightest()
    drawn = image(viewer(encoder, Shelf(encoder, robot=True)).draw(0, 0, {})["drawn"])
    assert np.median(drawn) == 128


def test_what_is_known_of_a_point_is_said() -> None:
    known = viewer(
        Brightest(),
        names={0: "lamp"},
        thresholds=np.array([0.25]),
        kept=np.array([False]),
        reasons=["it does not move"],
    ).describe()
    assert known["points"] == [
        {
            "number": 0,
            "colour": known["points"][0]["colour"],
            "name": "lamp",
            "threshold": 0.25,
            "kept": False,
            "reason": "it does not move",
        }
    ]
    (unknown,) = viewer(Brightest()).describe()["points"]
    assert unknown["threshold"] is unknown["kept"] is None
    assert (unknown["name"], unknown["reason"]) == ("", "")
    assert known["truth_names"] == ["the lamp"]
    assert known["grid"] == cell_centres(H, W)._asdict()


def test_a_number_that_is_not_known_is_none() -> None:
    assert viewer(Brightest()).episode(0)["truth"] == [[[0.5, None, 1.0]]] * FRAMES


def test_points_can_be_moved_only_if_something_is_drawn_of_them() -> None:
    assert viewer(Brightest()).describe()["movable"]
    beside = viewer(Beside()).describe()
    assert not beside["movable"]
    assert len(beside["numbers"]) == 2
    blind = viewer(Blind())
    about = blind.describe()
    assert not about["movable"]
    assert about["numbers"] == []
    assert "has no decoder" in about["cannot_draw"]
    assert len(about["points"]) == 1
    assert blind.frame(0, 0)["drawn"] is None
    with pytest.raises(DsaeError, match="has no decoder"):
        blind.draw(0, 0, {0: 0.5})


def test_numbers_beside_the_points_have_sliders() -> None:
    about = viewer(Brightest(extra=2)).describe()
    assert about["movable"]
    assert [slider["name"] for slider in about["numbers"]] == ["z2", "z3"]


def test_a_long_code_has_sliders_for_what_carries_most() -> None:
    view = viewer(Vector(extra=NUMBERS))
    about = view.describe()
    assert about["points"] == []
    assert about["grid"] is None
    assert about["code_size"] == NUMBERS + 2
    assert len(about["numbers"]) == NUMBERS
    assert about["numbers"][0]["number"] == 0  # the only one that varies in the episode
    assert view.frame(0, 0)["maps"] is view.episode(0)["points"] is None


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (("episode", 2), "no episode 2: they are 0 to 1"),
        (("episode", -1), "no episode -1: they are 0 to 1"),
        (("frame", 1, 3), "no frame 3: episode 1 has 0 to 2"),
        (("draw", 0, 0, {2: 0.0}), "no number 2: they are 0 to 1"),
    ],
)
def test_what_is_not_there_is_refused(question: tuple[Any, ...], message: str) -> None:
    name, *arguments = question
    with pytest.raises(DsaeError, match=message):
        getattr(viewer(Brightest()), name)(*arguments)


def test_an_episode_is_read_once_while_it_is_looked_at() -> None:
    shelf = Shelf(Brightest())
    shelf.entries = [Entry(n, FRAMES, None, False) for n in range(RECORDINGS + 1)]
    view = viewer(shelf.encoder, shelf, start=0)
    shelf.read_numbers.clear()
    for t in range(FRAMES):
        view.frame(0, t)
        view.draw(0, t, {0: 0.1})
    assert shelf.read_numbers == []  # the first one was read to begin with
