import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from films import HEIGHT, WIDTH, film, images, times, write_images, write_video

from data.convert import import_video
from data.dataset import Dataset, verify
from data.errors import DataError


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")]
)
def test_video_keeps_every_frame_in_order(tmp_path: Path, name: str, codec: str) -> None:
    source = write_video(tmp_path / name, film(30), codec)
    report = import_video(source, tmp_path / "out")
    assert (report.episodes, report.frames, report.dropped) == (1, 30, 0)
    assert report.image_shape == (HEIGHT, WIDTH, 3)
    (frames,) = images(tmp_path / "out")
    assert times(frames) == list(range(30))
    assert np.abs(frames.astype(int) - film(30)).mean() < 5
    meta = Dataset.open(tmp_path / "out").meta
    assert (meta["fps"], meta["source"]) == (20, name)


def test_gif(tmp_path: Path) -> None:
    import_video(write_video(tmp_path / "a.gif", film(12), "gif"), tmp_path / "out")
    (frames,) = images(tmp_path / "out")
    assert times(frames) == list(range(12))


def test_one_long_video_becomes_pieces_that_can_be_held_out(tmp_path: Path) -> None:
    report = import_video(write_images(tmp_path / "a", film(70, 16, 160)), tmp_path / "out")
    assert report.episodes == 3
    pieces = images(tmp_path / "out")
    assert [time for piece in pieces for time in times(piece)] == list(range(70))
    assert min(map(len, pieces)) >= 20
    train, test = Dataset.open(tmp_path / "out").split()
    assert (train, test) == ((0, 1), (2,))


def test_episode_length_cuts_and_drops_what_is_too_short(tmp_path: Path) -> None:
    source = write_images(tmp_path / "a", film(22))
    report = import_video(source, tmp_path / "out", episode_length=10)
    assert (report.episodes, report.frames, report.dropped) == (2, 20, 2)
    assert Dataset.open(tmp_path / "out").read(1).meta["first_frame"] == 10


def test_rate_stride_and_limit(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", film(30))
    import_video(source, tmp_path / "fps", fps=10)
    assert times(images(tmp_path / "fps")[0]) == list(range(0, 30, 2))
    import_video(source, tmp_path / "faster", fps=100)
    assert times(images(tmp_path / "faster")[0]) == list(range(30))
    assert Dataset.open(tmp_path / "faster").meta["fps"] == 20
    import_video(source, tmp_path / "stride", stride=3, max_frames=5)
    assert times(images(tmp_path / "stride")[0]) == [0, 3, 6, 9, 12]
    assert Dataset.open(tmp_path / "stride").meta["fps"] == pytest.approx(20 / 3)


def test_resizing_averages_over_areas(tmp_path: Path) -> None:
    frames = np.zeros((4, 8, 16, 3), np.uint8)
    frames[:, ::2] = 200
    report = import_video(write_images(tmp_path / "a", frames), tmp_path / "out", size=(4, 2))
    assert report.image_shape == (4, 2, 3)
    assert (images(tmp_path / "out")[0] == 100).all()


def test_rotated_video_is_upright(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", film(5))
    content = bytearray(source.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    # What a telephone writes when held upright: turn by 90 degrees clockwise to display.
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    source.write_bytes(content)
    assert import_video(source, tmp_path / "out").image_shape == (WIDTH, HEIGHT, 3)
    (frames,) = images(tmp_path / "out")
    assert np.abs(frames.astype(int) - np.rot90(film(5), -1, axes=(1, 2))).mean() < 5


def test_folder_of_videos_and_folder_of_image_folders(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for number in (10, 2):
        write_video(tmp_path / "videos" / f"take{number}.mp4", film(number + 3))
        write_images(tmp_path / "folders" / f"take{number}", film(number + 3), ".jpg")
    for source in ("videos", "folders"):
        import_video(tmp_path / source, tmp_path / f"out-{source}")
        assert Dataset.open(tmp_path / f"out-{source}").lengths == (5, 13)


def test_images_are_sorted_naturally(tmp_path: Path) -> None:
    import_video(write_images(tmp_path / "a", film(12)), tmp_path / "out")
    assert times(images(tmp_path / "out")[0]) == list(range(12))


def test_every_kind_of_image_becomes_rgb(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir()
    grey = np.full((4, 6), 100, np.uint8)
    transparent = np.dstack([np.full((4, 6, 3), 200, np.uint8), np.full((4, 6), 128, np.uint8)])
    cv2.imwrite(str(source / "0.png"), grey)
    cv2.imwrite(str(source / "1.png"), transparent)
    cv2.imwrite(str(source / "2.png"), np.full((4, 6, 3), 100 * 257, np.uint16))
    cv2.imwrite(str(source / "3.png"), grey, [cv2.IMWRITE_PNG_BILEVEL, 1])
    import_video(source, tmp_path / "out")
    (frames,) = images(tmp_path / "out")
    assert [frame.max() for frame in frames] == [100, 100, 100, 255]


def test_colours_keep_their_order(tmp_path: Path) -> None:
    frames = np.full((4, 6, 8, 3), (200, 100, 0), np.uint8)
    import_video(write_images(tmp_path / "a", frames), tmp_path / "out")
    np.testing.assert_array_equal(images(tmp_path / "out")[0], frames)


def test_several_sizes_name_both_files(tmp_path: Path) -> None:
    source = write_images(tmp_path / "a", film(4))
    cv2.imwrite(str(source / "frame9.png"), film(1, 20, 20)[0])
    with pytest.raises(DataError, match=r"frame0\.png is 48x64, .*frame9\.png is 20x20"):
        import_video(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    import_video(source, tmp_path / "out", size=(24, 32))
    assert Dataset.open(tmp_path / "out").lengths == (5,)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0, 0.1, 0.6, 0.95])
def test_damaged_image_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    victim = write_images(tmp_path / "a", noise, suffix) / f"frame2{suffix}"
    content = victim.read_bytes()
    victim.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=rf"frame2\{suffix} is damaged"):
        import_video(tmp_path / "a", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
@pytest.mark.parametrize("share", [0, 0.01, 0.5])
def test_damaged_video_is_named(tmp_path: Path, name: str, codec: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    source = write_video(tmp_path / name, noise, codec)
    content = source.read_bytes()
    source.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=rf"{name} is (damaged|cut short)"):
        import_video(source, tmp_path / "out")


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        import_video(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no known kind; known are \.mp4"):
        import_video(tmp_path / "notes.txt", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no videos"):
        import_video(tmp_path / "empty", tmp_path / "out")
    source = write_images(tmp_path / "both", film(4))
    write_video(source / "a.mp4", film(4))
    with pytest.raises(DataError, match="videos and images: import them one by one"):
        import_video(source, tmp_path / "out")
    with pytest.raises(DataError, match="no episode of at least 3 frames"):
        import_video(write_images(tmp_path / "short", film(2)), tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [{"stride": 0}, {"fps": 0.0}, {"size": (0, 8)}, {"max_frames": -1}, {"episode_length": 2}],
)
def test_senseless_options(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"{next(iter(options))} must be"):
        import_video(tmp_path, tmp_path / "out", **options)


def test_what_is_there_is_not_overwritten_and_a_broken_import_is_replaced(tmp_path: Path) -> None:
    source = write_images(tmp_path / "a", film(4))
    draft = tmp_path / ".out.import.unfinished"
    draft.mkdir()
    (draft / "episode_00077.hdf5").touch()
    (tmp_path / "out").mkdir()
    import_video(source, tmp_path / "out")
    assert not draft.exists()
    assert verify(tmp_path / "out") == []
    assert len(Dataset.open(tmp_path / "out")) == 1
    with pytest.raises(DataError, match="out holds something already"):
        import_video(source, tmp_path / "out")


def test_film_too_long_for_memory_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_images(tmp_path / "a", film(12))
    monkeypatch.setattr("data.convert.MEMORY_LIMIT", 10 * HEIGHT * WIDTH * 3)
    with pytest.raises(DataError, match=r"does not fit into memory .* episode_length"):
        import_video(source, tmp_path / "out")
    assert import_video(source, tmp_path / "out", episode_length=6).episodes == 2
