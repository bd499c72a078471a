from pathlib import Path

import numpy as np
import pytest
from toy_env import coded_dataset, coded_episode

from data.dataset import Dataset
from data.errors import DataError
from data.windows import Windows


def test_windows_never_leave_an_episode(tmp_path: Path) -> None:
    windows = Windows(Dataset.open(coded_dataset(tmp_path, (5, 2, 3, 9))))
    assert len(windows) == 3 + 0 + 1 + 7
    assert windows.skipped == 1
    batch = windows[np.arange(len(windows))]
    assert batch.shape == (11, 3, 4, 6, 3)
    assert batch.dtype == np.uint8
    episode, tick = batch[:, :, 0, 0, 0].astype(int), batch[:, :, 0, 0, 1].astype(int)
    assert (episode == episode[:, :1]).all()
    assert (np.diff(tick, axis=1) == 1).all()
    assert len({*zip(episode[:, 0], tick[:, 0], strict=True)}) == 11


def test_everything_lies_beside_its_frame(tmp_path: Path) -> None:
    windows = Windows(Dataset.open(coded_dataset(tmp_path, (5, 2, 4))), episodes=[2, 0])
    assert windows.episodes == (2, 0)
    assert windows.frames.shape == (9, 4, 6, 3)
    assert windows.frame_shape == (4, 6, 3)
    red, green = windows.frames[:, 0, 0, 0], windows.frames[:, 0, 0, 1]
    np.testing.assert_array_equal(windows.episode_of, red)
    np.testing.assert_array_equal(windows.observation("clock"), np.stack([red, green], axis=1))
    assert windows.keypoints.shape == (9, 1, 3)
    np.testing.assert_array_equal(windows.keypoints[:, 0, 0], green)
    assert windows.keypoint_names == ("hand",)
    np.testing.assert_array_equal(windows.frames[windows.starts], windows[:][:, 0])


def test_single_index_slice_and_list(tmp_path: Path) -> None:
    windows = Windows(Dataset.open(coded_dataset(tmp_path)), length=2)
    assert windows[0].shape == (2, 4, 6, 3)
    np.testing.assert_array_equal(windows[-1], windows[[len(windows) - 1]][0])
    np.testing.assert_array_equal(windows[2:5], windows[[2, 3, 4]])
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_memory_and_disk_agree_and_the_disk_is_left_clean(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path))
    before = sorted(tmp_path.iterdir())
    chosen = [3, 0, 5, 5]
    in_memory = Windows(dataset)
    with Windows(dataset, memory_limit=10) as on_disk:
        assert type(on_disk[chosen]) is np.ndarray
        assert isinstance(on_disk.frames.base, np.memmap)
        np.testing.assert_array_equal(on_disk[chosen], in_memory[chosen])
        np.testing.assert_array_equal(on_disk.frames, in_memory.frames)
        assert sorted(tmp_path.iterdir()) == before
    assert sorted(tmp_path.iterdir()) == before


def test_batches_are_copies(tmp_path: Path) -> None:
    windows = Windows(Dataset.open(coded_dataset(tmp_path)))
    windows[[0]][:] = 99
    assert (windows.frames != 99).any()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path))
    with pytest.raises(DataError, match=r"no episode of .* has 7 frames"):
        Windows(dataset, length=7)
    with pytest.raises(DataError, match="no camera 'rear'; available: front"):
        Windows(dataset, camera="rear")
    with pytest.raises(DataError, match="no observation 'pose'; observations: clock"):
        Windows(dataset).observation("pose")
    with pytest.raises(DataError, match="no points"):
        _ = Windows(dataset).points
    assert coded_episode(0, 3).points is None
