import numpy as np
import pytest
import torch
from examples import encoder

from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Noise
from dsae.state.perception import Perception
from policies.state import State
from policies.trajectory.actor import Actor
from policies.trajectory.landmark import Landmark
from policies.trajectory.locating import Found, find, on_things, standing
from policies.trajectory.objective import Seen, Weights, objective
from policies.trajectory.sight import Sight, on_hand
from policies.trajectory.situation import Aim, Situation

CAMERA = np.array([[0.0, 3.0, 0.1], [2.0, 0.3, -2.0]])
"""(2, 3): how a place in the image moves as a thing does, in places per metre."""
BLOCK, GOAL = np.array([0.5, 0.1, 0.03]), np.array([0.45, -0.05, 0.03])
HAND = np.array([0.3, 0.0, 0.2])
SCALE = 0.3


def image(place: np.ndarray) -> np.ndarray:
    return CAMERA @ (place - np.array([0.5, 0.0, 0.0]))


def layout(told: list[float]) -> tuple[State, Sight]:
    """A state of four points: on the hand (in the estimator alone), block, hand, block."""
    noise = Noise(np.tile(np.eye(2), (4, 1, 1)), np.tile(np.eye(2), (4, 1, 1)))
    slopes = np.zeros((4, 2, 3))
    slopes[0] = CAMERA
    seen = Perception(
        encoder(), thresholds=None, noise=noise, usual=np.zeros((4, 2)), told=np.array(told),
        slopes=slopes,
    )  # fmt: skip
    state = State((), StateEstimator({"front": seen}, (), 20.0))
    places = {"end_effector": np.arange(3)}
    places |= {f"front/{k}": 3 + 2 * (k - 1) + np.arange(2) for k in (1, 2, 3)}
    features = dict.fromkeys(list(places)[1:], 1.0)
    sight = Sight(
        np.arange(9), np.array([1.0] * 3 + [SCALE] * 6), places, features, np.zeros(9, bool)
    )
    return state, sight


def vector(hand: np.ndarray, block: np.ndarray) -> np.ndarray:
    return np.concatenate([hand, image(block), image(hand), image(block) + 0.2])


def situation(*, goal: bool = True) -> Situation:
    return Situation(
        {}, {"block": BLOCK}, ("block",), (Aim("block", GOAL, 0.05),), None, False,
        vector(HAND, BLOCK), vector(HAND, GOAL) if goal else None,
    )  # fmt: skip


def test_a_thing_is_measured_by_how_the_hand_moves_in_the_image() -> None:
    state, sight = layout([0.99, 0.1, 0.9, 0.0])
    thing = find(state, situation(), sight)["block"]
    assert thing.features == ("front/1", "front/3")
    rng = np.random.default_rng(0)
    for _ in range(5):
        place = np.append(rng.uniform((0.4, -0.2), (0.6, 0.2)), BLOCK[2])
        seen = sight.see(vector(rng.normal(size=3), place))
        np.testing.assert_allclose(thing.matrix @ seen + thing.shift, place, atol=1e-9)
    np.testing.assert_allclose(thing.goal, GOAL, atol=1e-9)


def test_what_is_found_from_one_condition_is_seen_from_all() -> None:
    state, sight = layout([0.99, 0.1, 0.9, 0.0])
    here = situation()
    assert here.goal is not None
    goals = [here.goal.copy(), here.goal.copy()]
    goals[0][3:5] = here.start[3:5]  # one point of the block is hidden in each picture
    goals[1][7:9] = here.start[7:9]
    both = [here._replace(goal=goal) for goal in goals]
    assert [on_things(state, [one], sight) for one in both] == [{"front/3"}, {"front/1"}]
    assert on_things(state, both, sight) == {"front/1", "front/3"}


def test_both_ends_of_the_way_are_right_where_the_hand_measures_a_little_wrong() -> None:
    state, sight = layout([0.99, 0.1, 0.9, 0.0])
    assert state.estimator is not None
    state.estimator.perceptions["front"].slopes[0] *= 1.2
    thing = find(state, situation(), sight)["block"]
    for place in (BLOCK, GOAL):
        seen = sight.see(vector(HAND, place))
        np.testing.assert_allclose(thing.matrix @ seen + thing.shift, place, atol=1e-9)


def test_the_hand_is_measured_by_the_point_that_goes_all_the_way_with_it() -> None:
    state, sight = layout([0.95, 0.1, 0.99, 0.0])
    assert state.estimator is not None
    seen = state.estimator.perceptions["front"]
    seen.slopes[2] = CAMERA * [[1.0], [0.3]]  # further up the arm, told by the hand even better
    thing = find(state, situation(), sight)["block"]
    half = sight.see(vector(HAND, (BLOCK + GOAL) / 2))
    np.testing.assert_allclose(thing.matrix @ half + thing.shift, (BLOCK + GOAL) / 2, atol=1e-9)
    seen.kept[0] = False
    other = find(state, situation(), sight).get("block")
    assert other is None or not np.allclose(other.matrix, thing.matrix)


def test_what_moves_to_its_goal_while_the_arm_stands_is_not_the_hand() -> None:
    state, _ = layout([0.99, 0.8, 0.9, 0.0])
    assert state.estimator is not None
    state = State(state.estimator.layout, state.estimator)

    def seen(hand: np.ndarray, block: np.ndarray) -> np.ndarray:
        points = [image(hand), image(block), image(hand), image(block)]
        return np.concatenate([*points, np.zeros(8)])

    where = situation()._replace(start=seen(HAND, BLOCK), goal=seen(HAND, GOAL))
    np.testing.assert_array_equal(on_hand(state, where)["front"], [True, False, True, False])
    led = on_hand(state, where._replace(led=True))["front"]  # there the arm has moved, too
    np.testing.assert_array_equal(led, [True, True, True, False])


def test_points_that_are_left_out_of_sight_leave_the_others_where_they_are() -> None:
    _, sight = layout([0.99, 0.1, 0.9, 0.0])
    twice = np.arange(9 + 6)  # each point with its velocity
    places = {"end_effector": np.arange(3)}
    places |= {f"front/{k}": 3 + 4 * (k - 1) + np.arange(2) for k in (1, 2, 3)}
    sight = Sight(twice, np.ones(15), places, sight.features, twice == 14)
    left = sight.without(["front/2"])
    np.testing.assert_array_equal(left.columns, [*range(7), *range(11, 15)])
    np.testing.assert_array_equal(left.columns[left.places["front/3"]], sight.places["front/3"])
    assert list(left.features) == ["front/1", "front/3"]
    assert left.held[-1]
    assert left.held.sum() == 1


def test_without_a_hand_in_sight_or_a_goal_nothing_is_found() -> None:
    hidden, sight = layout([0.7, 0.1, 0.5, 0.0])
    assert find(hidden, situation(), sight) == {}
    state, sight = layout([0.99, 0.1, 0.9, 0.0])
    assert find(state, situation(goal=False), sight) == {}


def test_a_found_thing_costs_least_with_the_hand_behind_it_and_the_thing_at_its_goal() -> None:
    state, sight = layout([0.99, 0.1, 0.9, 0.0])
    where = situation()
    assert where.goal is not None
    found: dict[str, Found] = find(state, where, sight)
    goal = {name: sight.see(where.goal)[sight.places[name]] for name in sight.features}
    cost = objective(where, sight, Seen(goal, found, None), Weights(), 2)
    ahead = (GOAL - BLOCK) / np.linalg.norm(GOAL - BLOCK)

    def at_the_end(hand: np.ndarray, block: np.ndarray) -> float:
        states = np.tile(sight.see(vector(hand, block)), (1, 3, 1))
        return float(sum(term.values(states)[0, -1] for term in cost.terms))

    behind = at_the_end(BLOCK - 0.05 * ahead, BLOCK)
    assert behind < at_the_end(BLOCK + 0.05 * ahead, BLOCK)
    assert at_the_end(GOAL - 0.01 * ahead, GOAL) < behind
    # The other point, which is the hand's, is no part of the goal.
    assert len(cost.terms) == 2 + len(found["block"].features)


def test_what_stands_elsewhere_is_told_by_points_that_answer_alone() -> None:
    _, sight = layout([0.99, 0.0, 0.9, 0.0])
    sight = sight._replace(features={"front/1": 1.0, "front/2": 0.1, "front/3": 1.0})
    rng = np.random.default_rng(0)
    ways = rng.uniform(-0.05, 0.05, (24, 3)) * [0, 1, 1]

    def look(way: np.ndarray) -> np.ndarray:
        hand = HAND + rng.normal(scale=0.02, size=3)
        seen = vector(hand, BLOCK + way)
        seen[7:9] = rng.normal(scale=0.001, size=2)  # the third point stands still
        return seen

    looks = np.stack([look(way) for way in ways])
    landmark = Landmark("hook", np.array([0, 0.05, 0.05]), ways, looks, ())
    apart = standing(situation()._replace(landmark=landmark), sight)
    assert apart is not None
    assert apart.names == ("front/1",)  # the second one is the hand's
    for way in rng.uniform(-0.05, 0.05, (5, 3)) * [0, 1, 1]:
        seen = sight.see(look(way))
        np.testing.assert_allclose(apart.matrix @ seen + apart.shift, way, atol=2e-3)


def test_what_is_held_is_seen_as_in_the_beginning() -> None:
    columns, scale = np.arange(8), np.arange(1.0, 9.0)
    places = {"end_effector": np.arange(2), "hook": np.arange(4, 6)}
    sight = Sight(columns, scale, places, {}, np.zeros(8, bool)).holding(["hook"])
    first, later = np.ones(8), np.full(8, 2.0)
    expected = scale * [2, 2, 2, 2, 1, 1, 1, 1]  # its velocity, too
    np.testing.assert_array_equal(sight.see(later, first), expected)
    both = np.stack([first, later])[None]
    np.testing.assert_array_equal(sight.see(both, both[:, :1])[0], [scale, expected])
    actor = Actor([{}], 2, 1, 8, {})
    actor.columns.copy_(torch.from_numpy(columns))
    actor.scale.copy_(torch.from_numpy(scale))
    actor.held.copy_(torch.from_numpy(sight.held))
    actor.gains.copy_(torch.arange(16.0).reshape(1, 2, 1, 8))
    actor.act(first[None])
    assert actor.act(later[None])[0] == pytest.approx(expected @ np.arange(8.0, 16.0))
    actor.reset()
    assert actor.act(later[None])[0] == pytest.approx(2 * scale @ np.arange(8.0))
