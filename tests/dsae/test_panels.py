from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dsae import marks, panels
from dsae.errors import DsaeError
from dsae.panels import Entry, Panel

RED = (250, 10, 10)


def frames(count: int, height: int, width: int, shade: int = 100) -> np.ndarray:
    """Frames that grow brighter by one each."""
    grey = shade + np.arange(count, dtype=np.uint8)
    return np.tile(grey[:, None, None, None], (1, height, width, 3))


def entry(text: str) -> Entry:
    return Entry(partial(marks.disc, colour=RED), text)


def test_a_bare_panel_is_its_frames() -> None:
    shown = frames(3, 20, 30)
    np.testing.assert_array_equal(panels.film([Panel(shown)]), shown)


def test_panels_stand_side_by_side_at_the_same_time() -> None:
    film = panels.film([Panel(frames(4, 40, 30), "one"), Panel(frames(4, 21, 50, 200), "two")])
    count, height, width, _ = film.shape
    assert count == 4
    assert height % 2 == width % 2 == 0
    assert 40 < height < 80
    assert 80 < width < 90
    for t in range(4):
        assert film[t, height - 3, 10, 0] == 100 + t
        where = np.nonzero((film[t] == 200 + t).all(axis=-1))
        assert np.ptp(where[0][-50 * 21 :]) == 20  # letters may happen to be as bright


def test_a_title_stands_above_its_panel_and_fits() -> None:
    for title in ("short", "a title that is far too long for a panel as narrow as this one is"):
        film = panels.film([Panel(frames(1, 30, 120), title)])[0]
        above = film[:-30]
        written = np.abs(above.astype(int) - panels.GROUND).max(axis=-1) > 60
        assert written.any()
        assert not written[:, 118:].any()  # nothing runs over the edge
        assert (film[-30:] == 100).all()


def test_a_legend_has_each_symbol_before_its_text_in_lines_that_fit() -> None:
    entries = [entry(text) for text in ("present", "absent", "goal", "dropped: duplicate")]
    wide, narrow = (panels.legend_strip(entries, width) for width in (600, 190))
    assert wide.shape[1] == 600
    assert narrow.shape[1] == 190
    assert len(wide) == panels.LINE + 2 * panels.PADDING
    assert len(narrow) > len(wide)
    for strip in (wide, narrow):
        symbols = (strip == RED).all(axis=-1)
        count, _ = cv2.connectedComponents(symbols.astype(np.uint8))
        assert count - 1 == len(entries)
        assert not (strip[:, -2:] != panels.GROUND).any()


def test_no_entries_make_no_strip() -> None:
    assert panels.legend_strip([], 100).shape == (0, 100, 3)
    assert panels.title_strip("", 100).shape == (0, 100, 3)


def test_a_still_picture_of_one_is_a_grid_with_its_legend_once() -> None:
    picture = panels.still([Panel(frames(40, 100, 200), legend=[entry("goal")])])
    assert picture.shape[1] == 4 + 4 * 204
    assert 4 + 4 * 104 < len(picture) < 4 + 4 * 104 + 40
    assert picture[10, 10, 0] == 100
    assert picture[4 + 3 * 104 + 10, 4 + 3 * 204 + 10, 0] == 139  # the last frame
    count, _ = cv2.connectedComponents((picture == RED).all(axis=-1).astype(np.uint8))
    assert count - 1 == 1


def test_a_still_picture_of_several_has_a_row_each_of_the_same_frames() -> None:
    picture = panels.still([Panel(frames(9, 40, 60), "a"), Panel(frames(9, 40, 60, 200), "b")])
    values, counts = np.unique(picture[..., 0], return_counts=True)
    large = set(values[counts >= 40 * 60].tolist())
    expected = {begin + t for begin in (100, 200) for t in (0, 2, 4, 6, 8)}
    assert large - {255, panels.GROUND[0]} == expected


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    made = [Panel(frames(5, 64, 96), "left"), Panel(frames(5, 64, 96, 200), "right")]
    for ending in (".mp4", ".gif"):
        panels.write(tmp_path / f"film{ending}", made, fps=10)
        with av.open(str(tmp_path / f"film{ending}")) as container:
            found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert np.stack(found).shape == panels.film(made).shape
    panels.write(tmp_path / "film.png", made, fps=10)
    read = cv2.imread(str(tmp_path / "film.png"))
    assert read is not None
    np.testing.assert_array_equal(read[..., ::-1], panels.still(made))


def test_another_ending_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(DsaeError, match=r"the endings are \.mp4, \.gif, \.png"):
        panels.write(tmp_path / "film.avi", [Panel(frames(1, 8, 8))], fps=10)
    assert list(tmp_path.iterdir()) == []
