import json
from pathlib import Path

import pytest
from toy_env import coded_dataset, coded_episode

from data import index
from data.dataset import Dataset, rebuild_index, verify
from data.episode import write
from data.errors import DataError


def test_tells_what_it_holds(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path))
    assert len(dataset) == 3
    assert dataset.lengths == (5, 4, 6)
    assert dataset.cameras == ("front",)
    assert dataset.image_shape("front") == (4, 6, 3)
    assert dataset.meta["seed"] == 0
    assert [path.name for path in dataset.paths] == [f"episode_0000{i}.hdf5" for i in range(3)]
    assert dataset.read(2).meta["seed"] == 2
    with pytest.raises(DataError, match="no camera 'rear'; available: front"):
        dataset.image_shape("rear")


def test_index_is_used_only_while_it_agrees_with_the_files(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    assert rebuild_index(tmp_path) == []
    entry = json.loads((tmp_path / index.INDEX_NAME).read_text())["episodes"][1]
    assert (entry["file"], entry["length"], entry["seed"]) == ("episode_00001.hdf5", 4, 1)
    assert entry["success"] is False
    assert index.load(tmp_path) is not None
    write(index.episode_path(tmp_path, 3), coded_episode(3, 7))
    assert index.load(tmp_path) is None
    assert Dataset.open(tmp_path).lengths == (5, 4, 6, 7)
    (tmp_path / index.INDEX_NAME).write_text("{half")
    assert Dataset.open(tmp_path).lengths == (5, 4, 6, 7)


def test_opening_writes_nothing(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    before = sorted(tmp_path.iterdir())
    Dataset.open(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_unknown_index_version(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    (tmp_path / index.INDEX_NAME).write_text('{"format_version": 9, "episodes": []}')
    with pytest.raises(DataError, match="version 9, this program reads 2"):
        Dataset.open(tmp_path)


def test_missing_and_empty_folders_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere is missing: collect or import"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no episodes: collect or import"):
        Dataset.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="a file, not a data set"):
        Dataset.open(tmp_path / "file")


def test_damaged_files_are_named_and_left_alone(tmp_path: Path) -> None:
    victim = coded_dataset(tmp_path) / "episode_00001.hdf5"
    assert verify(tmp_path) == []
    victim.write_bytes(victim.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"episode_00001\.hdf5 is damaged"):
        Dataset.open(tmp_path)
    for messages in (verify(tmp_path), rebuild_index(tmp_path)):
        assert len(messages) == 1
        assert "episode_00001.hdf5 is damaged" in messages[0]
    assert victim.exists()


def test_verify_finds_damage_inside_a_chunk(tmp_path: Path) -> None:
    victim = coded_dataset(tmp_path) / "episode_00001.hdf5"
    rebuild_index(tmp_path)
    content = bytearray(victim.read_bytes())
    clock = coded_episode(1, 4).observations["clock"].tobytes()
    content[content.index(clock) + 9] ^= 4
    victim.write_bytes(content)
    assert len(verify(tmp_path)) == 1


def test_the_fingerprint_tells_grown_data_and_other_files(tmp_path: Path) -> None:
    first = Dataset.open(coded_dataset(tmp_path)).fingerprint
    assert first.startswith("3 episodes, 15 frames, ")
    rebuild_index(tmp_path)  # known from the index or from the files themselves: the same
    assert Dataset.open(tmp_path).fingerprint == first
    path = index.episode_path(tmp_path, 3)
    write(path, coded_episode(3, 7))
    assert Dataset.open(tmp_path).fingerprint not in (first, "")
    path.unlink()
    assert Dataset.open(tmp_path).fingerprint == first
    write(index.episode_path(tmp_path, 2), coded_episode(9, 6))  # as long, of another seed
    rebuild_index(tmp_path)
    assert Dataset.open(tmp_path).fingerprint != first


def test_leftovers_are_no_episodes(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    (tmp_path / ".episode_00009.hdf5.123.unfinished").write_bytes(b"half")
    assert len(Dataset.open(tmp_path)) == 3
    assert verify(tmp_path) == []


def test_mixed_image_sizes_name_both_files(tmp_path: Path) -> None:
    coded_dataset(tmp_path)
    write(index.episode_path(tmp_path, 3), coded_episode(3, 5, height=8))
    with pytest.raises(DataError, match=r"episode_00000\.hdf5 has front 4x6, episode_00003.*8x6"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize(
    ("count", "share", "held_out"),
    [(10, 0.1, (9,)), (20, 0.1, (9, 19)), (2, 0.1, (1,)), (3, 0.9, (0, 2)), (7, 0.3, (2, 6))],
)
def test_split_spreads_the_held_out_episodes(
    tmp_path: Path, count: int, share: float, held_out: tuple[int, ...]
) -> None:
    train, test = Dataset.open(coded_dataset(tmp_path, (3,) * count)).split(share)
    assert test == held_out
    assert sorted(train + test) == list(range(count))


def test_split_needs_two_episodes_and_a_share(tmp_path: Path) -> None:
    dataset = Dataset.open(coded_dataset(tmp_path, (3,)))
    with pytest.raises(DataError, match="one episode, and a split needs two"):
        dataset.split()
    with pytest.raises(DataError, match="between 0 and 1"):
        dataset.split(1.0)
