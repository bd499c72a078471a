from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from scipy.linalg import expm

import envs
from policies.errors import PolicyError
from policies.learner import Problem
from policies.learners import lqr_flm
from policies.policy import Task
from policies.trajectory.holding import PROBES, _lqr, hold
from policies.trajectory.learning import Learning

STEP = 0.05


class Springs(gymnasium.Env[np.ndarray, np.ndarray]):
    """Two masses that fall away from where they stand, pushed by two forces, the first by both."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (5,))
    action_space = gymnasium.spaces.Box(-1, 1, (2,))

    def __init__(self, pushes: np.ndarray) -> None:
        flow = np.zeros((7, 7))
        flow[:2, 2:4] = np.eye(2)
        flow[2:4, :2] = 3 * np.eye(2)
        flow[2:4, 4:6] = pushes
        flow[2:4, 6] = (0.4, -0.2)
        self.flow = expm(STEP * flow)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(**arguments)
        self.state = np.array([0.3, -0.1, 0.0, 0.0])
        return self._seen(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.state = (self.flow @ np.concatenate([self.state, action, [1.0]]))[:4]
        return self._seen(), 0.0, False, False, {}

    def _seen(self) -> np.ndarray:
        return np.concatenate([[9.0], self.state]).astype(np.float32)


def test_what_falls_is_held_where_it_stands() -> None:
    env = Springs(np.array([[4.0, 1.0], [0.0, 4.0]]))
    held = hold(env, {}, np.arange(1, 5), 40, seed=0)
    assert held.samples == PROBES * 40
    vector, _ = env.reset()
    start = vector[1:3]
    rng = np.random.default_rng(1)
    for _ in range(200):
        noise = 0.1 * rng.normal(size=2)
        vector = env.step(held.gains @ vector[1:] + held.offset + noise)[0]
        assert np.abs(vector[1:3] - start).max() < 0.1  # in 200 steps it would fall to infinity
    for _ in range(200):
        vector = env.step(held.gains @ vector[1:] + held.offset)[0]
    np.testing.assert_allclose(vector[1:], [*start, 0.0, 0.0], atol=0.01)


def test_a_joint_that_no_torque_moves_is_told() -> None:
    with pytest.raises(PolicyError, match="torques do not move every joint"):
        hold(Springs(np.array([[4.0, 1.0], [0.0, 0.0]])), {}, np.arange(1, 5), 40, seed=0)


def test_what_no_torque_brings_to_rest_is_told() -> None:
    sliding, pushes = np.diag([1.0, 1.0, 2.0, 3.0]), np.eye(4)[:, :2]
    with pytest.raises(PolicyError, match="no torques bring it to rest"):
        _lqr(sliding, pushes)


def test_an_arm_of_torques_is_held_and_one_of_velocities_needs_it_not(tmp_path: Path) -> None:
    drifts = {}
    for mode in ("torque", "cartesian"):
        problem = Problem(
            task=Task(envs.task_id("reach"), {"action_mode": mode}),
            learner="lqr_flm",
            state="oracle",
            seed=4,
            folder=tmp_path,
        )
        learning = Learning(problem, lqr_flm.Config())
        sight = learning._sight
        first = learning._courses[0].optimiser.controller
        assert (learning._rollouts == PROBES) == (mode == "torque")
        assert np.any(first.gains) == (mode == "torque")
        env = problem.environment(learning._state)
        for held in {True, mode == "cartesian"}:
            vector, _ = env.reset(seed=7, options=learning._courses[0].situation.options)
            start = sight.see(vector)[sight.places["end_effector"]]
            rng = np.random.default_rng(0)
            for step in range(100):
                noise = np.sqrt(0.3) * rng.normal(size=first.offsets.shape[1])
                mean = first.mean(step, sight.see(vector.astype(float))) if held else 0.0
                vector = env.step((mean + noise).clip(-1, 1).astype(np.float32))[0]
            end = sight.see(vector)[sight.places["end_effector"]]
            drifts[mode, held] = float(np.linalg.norm(end - start))
        env.close()
    assert drifts["torque", True] < 0.1
    assert drifts["torque", False] > 0.3
