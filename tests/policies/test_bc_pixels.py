from pathlib import Path

import numpy as np
import pytest
import torch
from demonstrated import error
from examples import REACH, SETTINGS, SIDE, reach

from dsae.errors import EncoderError
from policies import policy
from policies.cloning.actor import Actor
from policies.cloning.training import clone
from policies.cloning.vision import shifted
from policies.demonstrations import Demonstrations
from policies.learners.bc import Config
from policies.policy import Policy, Task
from policies.state import State

SHAPE = (20, 28, 3)
LEARNED = Config(epochs=12, hidden=32, layers=1, points=4, batch=32, shift=0, learning_rate=3e-3)


def spotted(episodes: int = 40, seed: int = 0) -> Demonstrations:
    """States of two numbers that tell nothing and an image of a spot; the action is its place."""
    rng = np.random.default_rng(seed)
    count = 20 * episodes
    rows, columns = rng.integers(2, SHAPE[0] - 2, count), rng.integers(2, SHAPE[1] - 2, count)
    images = np.full((count, *SHAPE), 0.2, np.float32)
    for image, row, column in zip(images, rows, columns, strict=True):
        image[row - 1 : row + 2, column - 1 : column + 2] = [0.9, 0.3, 0.1]
    plain = 100 * rng.normal(size=(count, 2)).astype(np.float32)
    states = np.concatenate([plain, images.reshape(count, -1)], axis=1)
    places = np.stack([2 * columns / SHAPE[1] - 1, 2 * rows / SHAPE[0] - 1], axis=1)
    return Demonstrations(states, places.astype(np.float32), np.repeat(np.arange(episodes), 20))


@pytest.mark.parametrize("history", [1, 2])
def test_a_place_is_read_out_of_pixels(history: int) -> None:
    config = Config(**{**vars(LEARNED), "history": history})
    actor = clone(spotted(), config, seed=0, image_shape=SHAPE)
    assert error(actor, spotted(episodes=5, seed=1)) < 0.05


def test_images_are_not_normalised() -> None:
    data = spotted(episodes=4)
    actor = clone(data, Config(epochs=1, hidden=4), seed=0, image_shape=SHAPE)
    assert actor.mean.shape == actor.scale.shape == (2,)
    assert actor.scale.min() > 50


def test_the_seed_decides_the_shifts_too() -> None:
    config = Config(epochs=2, hidden=4, points=2, shift=3)
    first, second = (
        clone(spotted(episodes=3), config, seed=1, image_shape=SHAPE).act(spotted(1).states)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    still = Config(epochs=2, hidden=4, points=2, shift=0)
    third = clone(spotted(episodes=3), still, seed=1, image_shape=SHAPE).act(spotted(1).states)
    assert not np.array_equal(first, third)


def test_images_are_shifted_by_whole_pixels_and_their_edges_repeat() -> None:
    images = torch.rand(30, 2, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    moved = shifted(images, 2, np.random.default_rng(0))
    padded = torch.nn.functional.pad(images.flatten(0, 1), (2, 2, 2, 2), mode="replicate")
    padded = padded.unflatten(0, (30, 2))
    found = set()
    for before, after in zip(padded, moved, strict=True):
        cuts = [(y, x) for y in range(5) for x in range(5)
                if torch.equal(before[..., y : y + 8, x : x + 9], after)]  # fmt: skip
        assert len(cuts) == 1, "both images of a row are shifted, and alike"
        found.add(cuts[0])
    assert {y for y, _ in found} == {x for _, x in found} == set(range(5))
    assert torch.equal(shifted(images, 0, np.random.default_rng(0)), images)


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(EncoderError, match="images of 4×4 are too small"):
        Actor(48, 2, hidden=4, layers=1, image_shape=(4, 4, 3), points=2)


def test_a_saved_policy_sees_alike(tmp_path: Path) -> None:
    shape = (SIDE, SIDE, 3)
    state = State.build(reach().reset(seed=0)[0], name="pixels", image_shape=shape)
    actor = Actor(state.size, 3, hidden=8, layers=1, head="mixture", modes=2, history=2,
                  image_shape=shape, points=4).eval()  # fmt: skip
    made = Policy(state, actor, Task(REACH, SETTINGS), "bc", "pixels")
    policy.save(tmp_path / policy.POLICY_FILE, made)
    loaded = policy.load(tmp_path).actor
    states = np.random.default_rng(0).random((3, 4, state.size), np.float32)
    for now in states:
        np.testing.assert_array_equal(actor.act(now), loaded.act(now))
