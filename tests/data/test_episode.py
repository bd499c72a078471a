import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.episode import Episode, read, read_header, read_images, write
from data.errors import DamagedFileError, DataError
from data.files import leftovers


def full_episode(length: int = 9) -> Episode:
    random = np.random.default_rng(0)
    return Episode(
        images={
            "front": random.integers(0, 256, (length, 10, 14, 3), dtype=np.uint8),
            "wrist": random.integers(0, 256, (length, 6, 6, 3), dtype=np.uint8),
        },
        observations={"joint_position": random.normal(size=(length, 7)), "empty": np.ones((9, 0))},
        actions=random.normal(size=(length, 2)).astype(np.float32),
        intended_actions=random.normal(size=(length, 2)).astype(np.float32),
        rewards=random.normal(size=length),
        dones=np.arange(length) == length - 1,
        keypoints={
            name: random.normal(size=(length, 2, 3)).astype(np.float32)
            for name in ("front", "wrist")
        },
        points=random.normal(size=(length, 2, 3)),
        keypoint_names=("hand", "block"),
        factors={"mass": np.float64(0.5), "colour": "red", "start": [1.0, 2.0]},
        meta={"seed": 3, "success": True, "fps": 20},
    )


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    written = full_episode()
    write(tmp_path / "a.hdf5", written)
    episode = read(tmp_path / "a.hdf5")
    assert episode.length == 9
    assert episode.images.keys() == {"front", "wrist"}
    for name in ("actions", "intended_actions", "rewards", "dones", "points"):
        np.testing.assert_array_equal(getattr(episode, name), getattr(written, name), strict=True)
    for name, array in (written.images | written.observations).items():
        found = (episode.images | episode.observations)[name]
        np.testing.assert_array_equal(found, array, strict=True)
    for name, array in written.keypoints.items():
        np.testing.assert_array_equal(episode.keypoints[name], array, strict=True)
    assert episode.keypoint_names == ("hand", "block")
    assert episode.factors == {"mass": 0.5, "colour": "red", "start": [1.0, 2.0]}
    assert episode.meta == written.meta


def test_reads_only_the_cameras_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    write(path, full_episode())
    assert read(path, cameras=["wrist"]).images.keys() == {"wrist"}
    assert read(path, cameras=()).images == {}
    np.testing.assert_array_equal(read_images(path, "front"), full_episode().images["front"])
    with pytest.raises(DataError, match="no camera 'rear'; available cameras: front, wrist"):
        read(path, cameras=["rear"])


def test_header_tells_shapes_and_meta(tmp_path: Path) -> None:
    write(tmp_path / "a.hdf5", full_episode())
    header = read_header(tmp_path / "a.hdf5")
    assert header["length"] == 9
    assert header["cameras"] == ("front", "wrist")
    assert header["image_shapes"] == {"front": (10, 14, 3), "wrist": (6, 6, 3)}
    assert header["keys"]["truth/wrist_keypoints"] == (9, 2, 3)
    assert header["keys"]["obs/front_image"] == (9, 10, 14, 3)
    assert header["keypoint_names"] == ("hand", "block")
    assert header["meta"]["seed"] == 3


def test_robomimic_finds_its_keys(tmp_path: Path) -> None:
    write(tmp_path / "a.hdf5", full_episode())
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert {"actions", "rewards", "dones", "obs"} <= set(file)
        assert file["obs/front_image"].chunks == (4, 10, 14, 3)
        assert file.attrs["num_samples"] == 9


def test_same_content_gives_same_bytes_at_any_time_in_any_process(tmp_path: Path) -> None:
    write(tmp_path / "a.hdf5", full_episode())
    time.sleep(1.1)  # HDF5 counts time stamps in seconds
    write(tmp_path / "b.hdf5", full_episode())
    code = "import sys, pathlib, test_episode as t; t.write(sys.argv[1], t.full_episode())"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c.hdf5")],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    a, b, c = (path.read_bytes() for path in sorted(tmp_path.glob("*.hdf5")))
    assert a == b == c


def test_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    write(path, full_episode())
    before = path.read_bytes()
    # A limit on the size of files stands in for a full disk.
    code = (
        "import resource, sys, test_episode as t\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "try: t.write(sys.argv[1], t.full_episode())\n"
        "except t.DataError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(path)],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "could not be written (File too large)" in done.stdout
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.hdf5 does not exist"):
        read(tmp_path / "a.hdf5")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncated_file_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.hdf5"
    write(path, full_episode())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedFileError, match=r"a\.hdf5 is damaged .* delete it"):
        read(path)


def test_every_altered_pixel_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    write(path, full_episode())
    content = path.read_bytes()
    with h5py.File(path) as file:
        chunk = file["obs/front_image"].id.get_chunk_info(0)
        rewards = file["rewards"].id.get_chunk_info(0)
    for place in (chunk.byte_offset + chunk.size // 2, rewards.byte_offset + 3):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"a\.hdf5"):
            read(path)


def test_unknown_version_names_the_known_one(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    write(path, full_episode())
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 7
    with pytest.raises(DataError, match=r"a\.hdf5 has format version 7, this program reads 2"):
        read_header(path)


def test_foreign_hdf5_is_told_apart_from_a_damaged_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="no format_version") as caught:
        read(tmp_path / "a.hdf5")
    assert not isinstance(caught.value, DamagedFileError)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "at least one frame"),
        ({"images": {"front": np.zeros((0, 4, 4, 3), np.uint8)}}, "at least one frame"),
        ({"images": {"front": np.zeros((2, 4, 4, 3), np.float32)}}, "not uint8"),
        ({"images": {"front": np.zeros((2, 4, 4), np.uint8)}}, "not uint8"),
        ({"images": {"a/b": np.zeros((2, 4, 4, 3), np.uint8)}}, "'/'"),
        ({"observations": {"state": np.zeros(5)}}, "2 axes"),
        ({"observations": {"arm_image": np.zeros((5, 1))}}, "rename"),
        ({"actions": np.zeros((3, 2)), "rewards": np.zeros(4)}, "one length"),
        (
            {"keypoints": {"front": np.zeros((3, 2, 3))}, "keypoint_names": ("a",)},
            r"keypoints of 'front' are float64 \(3, 2, 3\), not \(T, 1, 3\)",
        ),
    ],
)
def test_unfit_arrays_are_refused(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Episode(**arrays)


@pytest.mark.parametrize(
    ("meta", "message"),
    [({"x": object()}, "meta must hold only"), ({"x": "long" * 20_000}, "at most")],
)
def test_unfit_meta_is_refused(tmp_path: Path, meta: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write(tmp_path / "a.hdf5", Episode(actions=np.zeros((2, 1)), meta=meta))
    assert list(tmp_path.iterdir()) == []
