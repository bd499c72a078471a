import numpy as np
import pytest
from examples import SIDE, encoder, recorded

from policies.demonstrations import demonstrations
from policies.errors import PolicyError
from policies.state import Part, State

OBSERVATIONS = {
    "joint_position": np.zeros(7),
    "ee_pose": np.arange(7.0),
    "goal": np.array([10.0, 11.0]),
    "object_position": np.arange(20.0, 23.0),
    "object_rotation": np.arange(30.0, 34.0),
}


def batch(count: int = 3) -> dict[str, np.ndarray]:
    return {name: np.tile(value, (count, 1)) for name, value in OBSERVATIONS.items()}


def test_states_differ_in_their_last_part_alone() -> None:
    oracle, posed, blind = (
        State.build(OBSERVATIONS, name=name) for name in ("oracle", "oracle_pose", "blind")
    )
    learned = State.build(OBSERVATIONS, name="mine", eye=encoder())
    shared = (Part("ee_pose", 7), Part("goal", 2))
    assert blind.layout == shared
    assert oracle.layout == (*shared, Part("object_position", 3))
    assert posed.layout == (*oracle.layout, Part("object_rotation", 4))
    assert learned.layout == (*shared, Part("features", 8))
    assert (oracle.size, blind.size, learned.size) == (12, 9, 17)


def test_a_gripper_is_part_of_the_robot_and_a_goal_need_not_be_told() -> None:
    held = {"gripper": np.zeros(1), "ee_pose": np.zeros(7), "object_position": np.zeros(6)}
    layout = State.build(held, name="oracle").layout
    assert layout == (Part("ee_pose", 7), Part("gripper", 1), Part("object_position", 6))


def test_vectors_hold_the_parts_in_order() -> None:
    vectors = State.build(OBSERVATIONS, name="oracle").vectors(batch())
    assert vectors.dtype == np.float32
    expected = [*range(7), 10, 11, *range(20, 23)]
    np.testing.assert_array_equal(vectors, np.tile(expected, (3, 1)))


def test_features_come_from_the_frames() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8)
    seen = encoder()
    vectors = State.build(OBSERVATIONS, name="mine", eye=seen).vectors(batch(), frames)
    np.testing.assert_array_equal(vectors[:, 9:], seen.encode(frames).features)
    np.testing.assert_array_equal(vectors[:, 7:9], [[10, 11]] * 3)


def test_an_unknown_state_lists_what_there_is() -> None:
    message = (
        "unknown state 'orcale': choose from oracle, oracle_pose, blind, pixels, or give a trained "
        "encoder"
    )
    with pytest.raises(PolicyError, match=message):
        State.build(OBSERVATIONS, name="orcale")


@pytest.mark.parametrize(("missing", "name"), [("object_position", "oracle"), ("ee_pose", "blind")])
def test_a_missing_observation_lists_those_there_are(missing: str, name: str) -> None:
    rest = {key: value for key, value in OBSERVATIONS.items() if key not in (missing, "goal")}
    with pytest.raises(PolicyError, match=f"'{name}' needs the observation '{missing}'") as caught:
        State.build(rest, name=name)
    assert all(key in str(caught.value) for key in rest)


def test_where_a_goal_is_told_there_may_be_no_objects() -> None:
    reach = {"ee_pose": np.zeros(7), "goal": np.zeros(3)}
    assert State.build(reach, name="oracle").layout == (Part("ee_pose", 7), Part("goal", 3))


def test_demonstrations_are_the_chosen_episodes_and_what_was_intended(tmp_path) -> None:  # type: ignore[no-untyped-def]
    shown, state = demonstrations(recorded(tmp_path / "data"), (0, 2), "oracle", None)
    assert shown.states.shape == (10, 12)
    assert shown.states.dtype == shown.actions.dtype == np.float32
    np.testing.assert_array_equal(shown.episodes, [0] * 5 + [2] * 5)
    np.testing.assert_array_equal(shown.states[:, 0], [*range(5), *range(200, 205)])
    np.testing.assert_array_equal(shown.actions[:, 0], [0.5, 1.5, 2.5, 3.5, 4.5] * 2)
    assert state.size == 12


def test_executed_actions_do_where_no_intention_is_known(tmp_path) -> None:  # type: ignore[no-untyped-def]
    dataset = recorded(tmp_path / "data", intended=False)
    shown, _ = demonstrations(dataset, (1,), "blind", None)
    np.testing.assert_array_equal(shown.actions[:, 0], range(5))
    nothing = recorded(tmp_path / "still", acted=False)
    with pytest.raises(PolicyError, match="holds no actions to learn from"):
        demonstrations(nothing, (0,), "blind", None)


def test_demonstrations_see_through_the_encoder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    dataset, seen = recorded(tmp_path / "data"), encoder()
    shown, state = demonstrations(dataset, (0, 1), "mine", seen)
    frames = dataset.read(1).images["front"]
    np.testing.assert_allclose(shown.states[5:, 9:], seen.encode(frames).features, atol=1e-6)
    assert state.encoder is seen
