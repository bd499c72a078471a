from pathlib import Path

import cv2
import numpy as np
import pytest
from toy_env import coded_dataset

from data.dataset import Dataset
from data.errors import DataError
from data.inspect import GAP, LABEL_WIDTH, contact_sheet, describe


def test_describe(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    (tmp_path / ".episode_00009.hdf5.1.unfinished").touch()
    summary = describe(tmp_path)
    assert (summary.episodes, summary.frames, summary.lengths) == (3, 15, (4, 6))
    assert summary.image_shapes == {"front": (4, 6, 3)}
    assert summary.keys["obs/clock"] == (5, 2)
    assert summary.successes == 2
    assert summary.total_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert summary.damaged == ()
    assert [path.name for path in summary.leftovers] == [".episode_00009.hdf5.1.unfinished"]


def test_describe_goes_on_beside_damage(tmp_path: Path) -> None:
    victim = coded_dataset(tmp_path) / "episode_00000.hdf5"
    victim.write_bytes(victim.read_bytes()[:100])
    for thorough in (False, True):
        summary = describe(tmp_path, thorough=thorough)
        assert summary.episodes == 2
        assert "episode_00000.hdf5 is damaged" in summary.damaged[0]


def test_describe_needs_an_episode(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no whole episodes: collect or import"):
        describe(tmp_path)


def test_contact_sheet_shows_first_and_last_frames_enlarged(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path / "data", (9, 3, 9, 9)))
    contact_sheet(dataset, tmp_path / "sheet.png", rows=3, columns=5)
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_COLOR_RGB)
    assert sheet is not None
    high, wide = 96, 144  # 24 times 4 x 6
    assert sheet.shape == (3 * (high + GAP) + GAP, 5 * (wide + GAP) + LABEL_WIDTH + 2 * GAP, 3)
    for row, episode in enumerate((0, 2, 3)):
        for column, tick in enumerate((0, 2, 4, 6, 8)):
            top = GAP + row * (high + GAP)
            left = LABEL_WIDTH + 2 * GAP + column * (wide + GAP)
            frame = sheet[top : top + high, left : left + wide]
            np.testing.assert_array_equal(frame[..., 0], episode)
            np.testing.assert_array_equal(frame[..., 1], tick)


def test_contact_sheet_with_fewer_frames_than_columns(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path / "data", (2,)))
    contact_sheet(dataset, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()
