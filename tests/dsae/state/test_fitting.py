"""What a state is fitted to: here, to films of a bright square on black."""

import numpy as np
import pytest

from dsae import encoders
from dsae.errors import DsaeError
from dsae.state import fitting

SIDE, FRAMES = 32, 60


def film(number: int) -> fitting.Episode:
    """A square on its smooth way through the image."""
    phases = np.random.default_rng(number).uniform(0, 6, 2)
    angles = np.outer(np.arange(FRAMES), (0.15, 0.11)) + phases
    frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    for frame, (x, y) in zip(frames, (14 + 10 * np.sin(angles)).astype(int), strict=True):
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    return fitting.Episode(frames)


def fitted(**settings: float) -> fitting.Fitted:
    """Of an untrained encoder; three of its points follow the square, three stay."""
    shape = {"points": 6, "temperature": 0.02}
    encoder = encoders.create("dsae", (SIDE, SIDE, 3), seed=1, settings=shape).eval()
    config = fitting.Config(presence=0.0, **settings)  # type: ignore[arg-type]
    return fitting.fit(encoder, [film(number) for number in range(6)], 20.0, config)


def test_as_many_points_of_a_thing_are_kept_as_are_asked_for() -> None:
    kept = {}
    for most in (1, 2, 1000):
        found = fitted(per_thing=most)
        assert found.pruning is not None
        kept[most] = set(np.flatnonzero(found.pruning.kept))
        np.testing.assert_array_equal(found.perception.kept, found.pruning.kept)
        assert found.pruning.categories.count("still") == 3
    assert [len(points) for points in kept.values()] == [1, 2, 3]
    assert kept[1] < kept[2] < kept[1000]
    with pytest.raises(DsaeError, match="per_thing = 0: it must be at least 1"):
        fitting.Config(per_thing=0)
