import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import film, images, times

from data.convert import import_video
from data.dataset import Dataset
from data.errors import DataError


def test_npz_with_robot_and_actions(tmp_path: Path) -> None:
    rows = np.arange(50.0)[:, None]
    np.savez(tmp_path / "a.npz", images=film(50), robot=rows, actions=-rows)
    import_video(tmp_path / "a.npz", tmp_path / "out", episode_length=20)
    episode = Dataset.open(tmp_path / "out").read(1)
    np.testing.assert_array_equal(episode.images["front"], film(50)[20:40])
    np.testing.assert_array_equal(episode.observations["robot"], rows[20:40])
    assert episode.actions is not None
    np.testing.assert_array_equal(episode.actions, -rows[20:40])
    with pytest.raises(DataError, match="stride would separate the actions"):
        import_video(tmp_path / "a.npz", tmp_path / "other", stride=2)


def test_robot_rows_follow_the_stride(tmp_path: Path) -> None:
    rows = np.arange(20.0)[:, None]
    np.savez(tmp_path / "a.npz", images=film(20)[..., 0], robot=rows)
    import_video(tmp_path / "a.npz", tmp_path / "out", stride=2, episode_length=4)
    episode = Dataset.open(tmp_path / "out").read(1)
    assert times(episode.images["front"]) == [8, 10, 12, 14]
    assert episode.observations["robot"][:, 0].tolist() == [8, 10, 12, 14]


def test_npz_of_several_episodes(tmp_path: Path) -> None:
    stack = np.stack([film(5), film(5)[::-1]])
    np.savez(tmp_path / "a.npz", images=stack)
    import_video(tmp_path / "a.npz", tmp_path / "out")
    np.testing.assert_array_equal(np.stack(images(tmp_path / "out")), stack)


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("archived", [True, False])
def test_pickles_are_never_run(tmp_path: Path, archived: bool) -> None:
    victim, source = tmp_path / "victim", tmp_path / "a.npz"
    if archived:
        np.savez(source, images=np.array([Malicious(victim)], dtype=object))
        assert zipfile.is_zipfile(source)
    else:
        source.write_bytes(pickle.dumps(Malicious(victim)))
    with pytest.raises(DataError, match=r"a\.npz"):
        import_video(source, tmp_path / "out")
    assert not victim.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"frames": film(3)}, "no array 'images', only"),
        ({"images": film(3) / 255}, "uint8 from 0 to 255"),
        ({"images": film(3)[0, 0]}, "images have shape"),
        ({"images": film(3), "robot": np.zeros((4, 2))}, r"robot .* \(3, D\)"),
        ({"images": film(3), "actions": np.array([["a"]] * 3)}, "but numbers"),
    ],
)
def test_unfit_arrays_are_explained(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        import_video(tmp_path / "a.npz", tmp_path / "out")
