import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dsae.errors import DsaeError
from dsae.state.layout import Part
from dsae.state.robot import robot_parts, velocity


def pose(rotation: Rotation, place: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return np.array([*place, *rotation.as_quat(scalar_first=True)])


def test_the_parts_stand_in_one_order_whatever_that_of_the_observations() -> None:
    observations = {"ee_pose": np.zeros((2, 7)), "goal": 1, "joint_position": np.zeros((2, 5))}
    expected = (Part("joint_position", 5), Part("ee_pose", 7), Part("ee_velocity", 6))
    assert robot_parts(observations) == expected
    assert robot_parts({"goal": np.zeros(2)}) == ()


def test_a_pose_without_a_quaternion_is_refused() -> None:
    with pytest.raises(DsaeError, match="ee_pose has 6 numbers: it takes a position and"):
        robot_parts({"ee_pose": np.zeros(6)})


def test_a_velocity_is_metres_and_radians_per_second_about_the_world_s_axes() -> None:
    rng = np.random.default_rng(0)
    start = Rotation.random(rng=rng)
    for spin in rng.normal(size=(20, 3)):
        turned = Rotation.from_rotvec(0.05 * spin) * start
        found = velocity(pose(start), pose(turned, (0.1, 0.0, -0.2)), 0.05)
        np.testing.assert_allclose(found, [2, 0, -4, *spin], atol=1e-9)


def test_opposite_quaternions_are_one_rotation() -> None:
    before, after = pose(Rotation.identity()), pose(Rotation.from_rotvec([0, 0.3, 0]))
    flipped = np.concatenate([after[:3], -after[3:]])
    np.testing.assert_allclose(velocity(before, flipped, 1.0), [0, 0, 0, 0, 0.3, 0], atol=1e-12)


def test_nothing_moves_at_rest() -> None:
    still = np.tile(pose(Rotation.from_rotvec([1, 2, 3])), (4, 1))
    assert (np.abs(velocity(still, still, 0.05)) < 1e-12).all()
