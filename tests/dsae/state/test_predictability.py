import numpy as np
import pytest
from scenes import scene

from dsae.state.predictability import FOLDS, Windows, folds, predictability, slopes

EPISODES = np.repeat(np.arange(20), 50)
TIME = np.tile(np.arange(50.0), 20)[:, None]
ALWAYS = np.ones(len(EPISODES), bool)


def found(places: np.ndarray, **robot: np.ndarray):
    return predictability(places, ALWAYS, Windows.of(EPISODES, 5, 4000, **robot))


def test_a_constant_velocity_is_told_by_the_past() -> None:
    rng = np.random.default_rng(0)
    start, speed = rng.normal(size=(2, 20, 2))
    share = found(start[EPISODES] + 0.02 * TIME * speed[EPISODES])
    assert share.past > 0.9
    assert share.place > 0.99
    assert np.isnan([share.robot, share.body]).all()


def test_white_noise_is_told_by_nothing() -> None:
    """Not even by its own error: a high value is followed by a lower one."""
    rng = np.random.default_rng(1)
    noise, robot = rng.normal(size=(1000, 2)), rng.normal(size=(1000, 3))
    share = found(noise, robot=robot, actions=robot[:, :1])
    assert share.past < 0.05
    assert share.robot < 0.05
    assert share.place < 0.05
    assert share.body < 0.05


def test_of_a_random_walk_the_place_is_told_but_not_the_motion() -> None:
    walk = np.cumsum(np.random.default_rng(2).normal(size=(20, 50, 2)), axis=1).reshape(-1, 2)
    share = found(walk)
    assert share.past < 0.05
    assert share.place > 0.7


def test_what_was_placed_anew_is_told_where_it_is_but_not_to_move() -> None:
    rng = np.random.default_rng(3)
    marker = rng.normal(size=(20, 2))[EPISODES] + 0.01 * rng.normal(size=(1000, 2))
    share = found(marker)
    assert share.past < 0.05
    assert share.place > 0.99


def test_the_hand_is_the_robots_and_the_block_is_moved_by_touch() -> None:
    world = scene(20, 60)
    always = np.ones(len(world.episodes), bool)
    windows = Windows.of(world.episodes, 5, 4000, world.robot, world.actions)
    hand = predictability(world.hand + world.noise(0), always, windows)
    block = predictability(world.block + world.noise(1), always, windows)
    goal = predictability(world.goal + world.noise(2), always, windows)
    assert hand.robot > 0.95
    assert hand.body > 0.99
    assert block.robot > 0.5
    assert block.body < 0.8
    assert goal.body < 0.3
    # No linear map knows when the hand touches the block.
    inputs = np.hstack([world.robot, world.actions, world.block, np.ones((len(always), 1))])
    t = windows.frames
    moved = world.block[t + 5] - world.block[t]
    linear = inputs[t] @ np.linalg.lstsq(inputs[t], moved, rcond=None)[0]
    assert block.robot > 1 - ((moved - linear) ** 2).sum() / (moved**2).sum() + 0.1


def test_without_actions_the_robot_is_asked_what_it_did() -> None:
    world = scene(20, 60)
    always = np.ones(len(world.episodes), bool)
    windows = Windows.of(world.episodes, 5, 4000, world.robot)
    assert predictability(world.hand, always, windows).robot > 0.95


def test_episodes_are_held_out_whole() -> None:
    """A robot state that names the episode tells nothing of another one."""
    rng = np.random.default_rng(4)
    place, name = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    assert found(place[EPISODES], robot=name[EPISODES]).body < 0.2
    assert [len(np.unique(folds(EPISODES)[e == EPISODES])) for e in range(20)] == [1] * 20


def test_a_single_episode_is_held_out_in_parts() -> None:
    parts = folds(np.full(103, 7))
    assert np.unique(parts).tolist() == list(range(FOLDS))
    assert (np.diff(parts) >= 0).all()


def test_windows_lie_in_one_episode_each() -> None:
    windows = Windows.of(EPISODES, 5, 4000)
    assert len(windows) == 20 * (50 - 11)
    first, last = windows.frames - 6, windows.frames + 5
    assert (EPISODES[first] == EPISODES[last]).all()
    assert 90 <= len(Windows.of(EPISODES, 5, 100)) <= 100
    assert len(Windows.of(EPISODES[:11], 5, 100)) == 0
    assert len(Windows.of(EPISODES[:12], 5, 100)) == 1


def test_what_is_hardly_ever_present_is_unknown() -> None:
    present = np.zeros(len(EPISODES), bool)
    windows = Windows.of(EPISODES, 5, 4000)
    assert np.isnan(predictability(TIME @ np.ones((1, 2)), present, windows)).all()
    present[:50] = True  # one episode: none is left to learn from
    assert np.isnan(predictability(TIME @ np.ones((1, 2)), present, windows).past)


@pytest.mark.parametrize("seed", range(3))
def test_absent_frames_do_not_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = np.sin(0.1 * TIME + rng.uniform(0, 6, (20, 2))[EPISODES])
    hidden = path.copy()
    present = np.tile(np.arange(50) < 40, 20)
    hidden[~present] = 1e3
    windows = Windows.of(EPISODES, 5, 4000)
    shares = [predictability(places, present, windows) for places in (path, hidden)]
    np.testing.assert_array_equal(*shares)
    assert shares[0].past > 0.5


def test_slopes_are_those_of_an_affine_map_and_nothing_of_what_is_not_seen() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2, 3))
    source = rng.normal(size=(200, 3))
    places = np.stack([source @ matrix.T + 0.5, source @ -matrix.T, rng.normal(size=(200, 2))], 1)
    present = np.stack([source[:, 0] > -1, np.arange(200) < 5, np.ones(200, bool)], 1)
    places[~present] = 100.0  # what is absent is not looked at
    found = slopes(places, present, source)
    np.testing.assert_allclose(found[0], matrix)
    assert np.all(found[1] == 0)
    assert np.abs(found[2]).max() < 0.3
