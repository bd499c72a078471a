import json
from typing import Any

import numpy as np
import pytest
from scenes import Scene, scene

from dsae.errors import DsaeError
from dsae.state.judging import CATEGORIES, Config
from dsae.state.pruning import Pruning, prune

BESIDE = np.array([0.06, 0.03])
SQUARE = {"height": 64, "width": 64}
WORLD = scene(16, 60)
FRAMES = len(WORLD.episodes)


def jumping(world: Scene) -> np.ndarray:
    """Now here, now there: a map with two peaks."""
    rng = np.random.default_rng(8)
    return np.where(rng.random((len(world.episodes), 1)) < 0.5, world.block, world.goal)


def walk(world: Scene) -> np.ndarray:
    """From the middle of the image in every episode, any way at every step."""
    rng = np.random.default_rng(9)
    path = np.cumsum(rng.normal(scale=0.03, size=world.hand.shape), axis=0)
    first = np.searchsorted(world.episodes, world.episodes)
    return path - path[first]


def cast(world: Scene) -> dict[str, np.ndarray]:
    """Points on everything that a scene has, and what else encoders come up with."""
    still = np.zeros_like(world.hand)
    return {
        "finger": world.hand + world.noise(0),
        "wrist": 0.8 * world.hand + BESIDE + world.noise(1, 0.02),
        "block": world.block + world.noise(2),
        "corner": world.block + BESIDE + world.noise(3, 0.02),
        "goal": world.goal + world.noise(4),
        "edge": world.goal - BESIDE + world.noise(5, 0.04),
        "wall": still + BESIDE + world.noise(6, 0.002),
        "jitter": still + world.noise(7, 0.2),
        "jumping": jumping(world),
        "lost": walk(world),
        "rare": world.hand * [1.0, -1.0] + world.noise(10),
        "blurred": 0.5 * world.hand[:, ::-1] + world.noise(11),
    }


NAMES = list(cast(WORLD))
ANSWERS = {
    "finger": "kept",
    "wrist": "duplicate",
    "block": "kept",
    "corner": "duplicate",
    "goal": "kept",
    "edge": "duplicate",
    "wall": "still",
    "jitter": "unpredictable",
    "jumping": "unpredictable",
    "lost": "unpredictable",
    "rare": "absent",
    "blurred": "absent",
}


def recorded(world: Scene = WORLD) -> dict[str, Any]:
    """What pruning is given: points, presence and mass, the robot and its actions."""
    points = np.stack(list(cast(world).values()), axis=1)
    present = np.ones(points.shape[:2], bool)
    present[:, NAMES.index("rare")] = np.arange(len(points)) % 100 < 12
    mass = np.full(points.shape[:2], 0.9)
    mass[:, NAMES.index("blurred")] = 0.05
    return {
        "points": points,
        "episodes": world.episodes,
        "present": present,
        "mass": mass,
        "robot": world.robot,
        "actions": world.actions,
    }


def found(pruning: Pruning) -> dict[str, str]:
    return dict(zip(NAMES, pruning.categories, strict=True))


def test_each_thing_keeps_one_point_and_everything_else_goes() -> None:
    assert found(prune(**recorded(), **SQUARE)) == ANSWERS


@pytest.mark.parametrize("seed", range(1, 6))
def test_so_it_is_in_other_scenes(seed: int) -> None:
    assert found(prune(**recorded(scene(16, 60, seed)), **SQUARE)) == ANSWERS


@pytest.mark.parametrize("missing", [("mass",), ("actions",), ("robot", "actions"), ("robot",)])
def test_and_with_less_known(missing: tuple[str, ...]) -> None:
    """Somebody's own video has no robot; a code has no maps."""
    known = {name: value for name, value in recorded().items() if name not in missing}
    answers = found(prune(**known, **SQUARE))
    if "mass" in missing:
        assert answers["blurred"] != "absent"
        answers["blurred"] = ANSWERS["blurred"]
    assert answers == ANSWERS


@pytest.mark.parametrize("episodes", [1, 5])
def test_few_episodes_do(episodes: int) -> None:
    answers = found(prune(**recorded(scene(episodes, 60)), **SQUARE))
    for name in ("finger", "block", "wall", "jitter", "jumping"):
        assert answers[name] == ANSWERS[name]


def test_a_block_that_always_starts_in_one_place_is_no_part_of_the_hand() -> None:
    answers = found(prune(**recorded(scene(16, 60, apart=0.0)), **SQUARE))
    assert answers["block"] == "kept"
    assert answers["finger"] == "kept"


def test_the_order_of_the_points_does_not_matter() -> None:
    given = recorded()
    order = np.random.default_rng(0).permutation(len(NAMES))
    shuffled = given | {name: given[name][:, order] for name in ("points", "present", "mass")}
    before, after = prune(**given, **SQUARE), prune(**shuffled, **SQUARE)
    for place, k in enumerate(order):
        one, other = before.scores[k].figures, after.scores[place].figures
        if one["duplicates"] is not None:
            assert order[other.pop("duplicates")] == one.pop("duplicates")
            del one["reason"], other["reason"]  # it names the number
        np.testing.assert_equal(other, one)


def test_the_same_is_found_twice() -> None:
    first, second = (prune(**recorded(), **SQUARE) for _ in range(2))
    np.testing.assert_equal(first, second)


def test_of_equals_the_first_is_kept() -> None:
    given = recorded()
    for name in ("points", "present", "mass"):
        given[name] = np.repeat(given[name][:, NAMES.index("block")][:, None], 3, axis=1)
    pruning = prune(**given, **SQUARE)
    assert pruning.kept.tolist() == [True, False, False]
    assert [score.standing.repeats for score in pruning.scores] == [None, 0, 0]
    pruning = prune(**given, **SQUARE, config=Config(per_thing=2))
    assert pruning.kept.tolist() == [True, True, False]


def test_where_a_point_is_absent_its_place_does_not_matter() -> None:
    given = recorded()
    hidden = np.random.default_rng(0).random(given["present"].shape) < 0.02
    given["present"] = given["present"] & ~hidden
    before = prune(**given, **SQUARE)
    given["points"] = np.where(given["present"][..., None], given["points"], np.nan)
    np.testing.assert_equal(prune(**given, **SQUARE), before)
    assert found(before) == ANSWERS


def test_a_goal_that_the_arm_hides_is_kept() -> None:
    """While it is hidden its point is anywhere; that is what presence is for."""
    given = recorded()
    k = NAMES.index("goal")
    hidden = np.tile(np.arange(60) > 25, 16)
    given["points"][hidden, k] = WORLD.noise(0, 0.5)[hidden]
    assert prune(**given, **SQUARE).categories[k] == "unpredictable"
    given["present"][hidden, k] = False
    assert prune(**given, **SQUARE).categories[k] in ("kept", "duplicate")


def test_pixels_count_and_not_the_shape_of_the_image() -> None:
    """The same pixels in the middle of an image three times as wide."""
    given = recorded()
    narrow = given | {"points": given["points"] * [1 / 3, 1.0]}
    one, other = prune(**given, **SQUARE), prune(**narrow, height=64, width=192)
    for a, b in zip(one.scores, other.scores, strict=True):
        assert a.category == b.category
        assert a.total == pytest.approx(b.total, rel=1e-6, nan_ok=True)
        assert a.movement == pytest.approx(b.movement)


def test_what_a_goal_can_ask_for() -> None:
    pruning = prune(**recorded(), **SQUARE)
    assert [NAMES[k] for k in np.flatnonzero(pruning.movable)] == ["finger", "block"]
    assert [NAMES[k] for k in np.flatnonzero(pruning.objects)] == ["block"]


def test_scores_say_why() -> None:
    scores = dict(zip(NAMES, prune(**recorded(), **SQUARE).scores, strict=True))
    reasons = {name: score.reason for name, score in scores.items()}
    moves = scores["finger"].movement
    assert moves == pytest.approx(np.sqrt(WORLD.hand.var(axis=0).sum()), rel=0.01)
    robot = f"{100 * scores['finger'].predicted.robot:.0f} % from robot"
    assert reasons["finger"] == f"kept: moves {moves:.2f}, predicted {robot}"
    assert reasons["goal"].startswith("kept: placed anew in each episode")
    assert reasons["wrist"].startswith("dropped: duplicates point 0 (0.9")
    assert reasons["rare"] == "dropped: present in 12 % of frames"
    assert reasons["blurred"] == "dropped: looks everywhere (softmax mass 0.05)"
    assert reasons["wall"].startswith("dropped: moves 0.00")
    assert reasons["jitter"].startswith("dropped: jitters, ")
    assert scores["goal"].within < 0.01 < 0.2 < scores["goal"].movement
    assert scores["finger"].body
    assert not scores["block"].body


def test_table_is_aligned_and_tells_all() -> None:
    pruning = prune(**recorded(), **SQUARE)
    heading, *lines = pruning.table()
    assert len(lines) == len(NAMES)
    end = len(heading)
    for k, (line, score) in enumerate(zip(lines, pruning.scores, strict=True)):
        assert line.split()[0] == str(k)
        assert line[end : end + 2] == "  "
        assert line[end + 2 :] == score.reason


def test_figures_are_plain() -> None:
    for score in prune(**recorded(), **SQUARE).scores:
        figures = json.loads(json.dumps(score.figures))
        assert figures["category"] in CATEGORIES
        assert {"presence", "predicted_robot", "duplicates", "alike"} <= figures.keys()


def test_what_is_never_present_is_absent() -> None:
    given = recorded()
    given["present"][:] = False
    pruning = prune(**given, **SQUARE)
    assert set(pruning.categories) == {"absent"}
    assert not pruning.kept.any()
    assert len(pruning.table()) == len(NAMES) + 1


def test_thirty_two_points_of_many_frames_take_no_time_to_speak_of() -> None:
    """The frames looked at are spread over all of them."""
    given = recorded(scene(160, 60))
    assert found(prune(**given, **SQUARE, config=Config(samples=1000))) == ANSWERS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((FRAMES, 12))}, "it must be (N, K, 2)"),
        ({"points": np.zeros((FRAMES, 0, 2))}, "it must be (N, K, 2)"),
        ({"episodes": np.zeros(7)}, f"episodes of shape (7,): it must be ({FRAMES})"),
        ({"present": np.ones((FRAMES, 3), bool)}, f"it must be ({FRAMES}, 12)"),
        ({"present": np.ones((FRAMES, 12))}, "present is of type float64: it must be bool"),
        ({"robot": np.zeros((7, 3))}, f"robot of shape (7, 3): it must be ({FRAMES}, any)"),
        ({"actions": np.zeros(FRAMES)}, f"it must be ({FRAMES}, any)"),
        ({"robot": np.full((FRAMES, 2), np.nan)}, "robot: a value is no number"),
        ({"points": np.full((FRAMES, 12, 2), np.inf)}, "points: the place of one that is present"),
        ({"effector": np.zeros((7, 3))}, f"effector of shape (7, 3): it must be ({FRAMES}, any)"),
        ({"episodes": np.arange(FRAMES)}, "no episode has the 12 frames"),
    ],
)
def test_bad_input_is_one_line(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DsaeError) as error:
        prune(**{**recorded(), **change}, **SQUARE)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("setting", [{"presence": 1.5}, {"horizon": 0}, {"samples": 10}])
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(DsaeError, match=next(iter(setting))):
        Config(**setting)


def test_the_robot_tells_which_point_is_on_its_hand() -> None:
    """No affine map of the hand's position tells where another point of the arm is."""
    given = recorded()
    hand = WORLD.hand + WORLD.noise(20, 0.015)
    forearm = WORLD.hand * [1.0, 1.1] + 0.05 * np.cos(8 * WORLD.hand[:, 1:])
    given["points"] = np.stack([forearm, hand], axis=1)
    for name in ("present", "mass"):
        given[name] = given[name][:, :2]
    effector = np.hstack([WORLD.robot, 0.3 * np.ones((FRAMES, 1))])
    assert prune(**given, **SQUARE).kept.tolist() == [True, False]
    pruning = prune(**given, effector=effector, **SQUARE)
    assert pruning.kept.tolist() == [False, True]
    assert pruning.scores[1].effector > 0.985 > pruning.scores[0].effector


def test_a_point_that_jumps_when_the_robot_does_is_no_thing() -> None:
    """On the hand while that is near, on something else while it is not: all of it lawful."""
    given = recorded()
    near = WORLD.hand[:, :1] > 0.0
    k = NAMES.index("jumping")
    given["points"][:, k] = np.where(near, WORLD.hand * [1, -1] + 0.4, -0.6) + WORLD.noise(9)
    score = prune(**given, **SQUARE).scores[k]
    assert score.predicted.robot > Config().lawful
    assert score.category == "unpredictable"
