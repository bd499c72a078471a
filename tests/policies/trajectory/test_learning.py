"""Trajectories learned in real tasks, and what they begin with."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from policies import evaluation, policy
from policies.errors import PolicyError
from policies.evaluation import make_env, run_episode
from policies.learner import Problem
from policies.learners import lqr_flm
from policies.policy import Policy, Task
from policies.trajectory.beginning import carried_over
from policies.trajectory.dynamics import Rollouts
from policies.trajectory.learning import Learning
from policies.trajectory.locating import standing
from policies.trajectory.objective import Seen, Weights, blind_way, objective
from policies.trajectory.sight import Sight
from policies.trajectory.situation import look, moves, pictured


def learned(folder: Path, task: str, state: str, seed: int = 11, **settings: Any) -> Policy:
    problem = Problem(
        task=Task(envs.task_id(task), {}), learner="lqr_flm", state=state, seed=seed, folder=folder
    )
    return lqr_flm.learn(problem, lqr_flm.Config(**settings))


def distances(learned: Policy, *, moved: bool = False) -> list[float]:
    env = make_env(learned)
    trials = evaluation.trials(learned.actor, range(900, 905), moved=moved)
    return [run_episode(env, learned.actor, trial).distance for trial in trials]


def test_a_block_is_pushed_to_its_goal_that_only_the_state_tells(tmp_path: Path) -> None:
    seeing = learned(tmp_path / "seeing", "push", "oracle", iterations=10)
    assert np.median(distances(seeing)) < 0.03
    assert seeing.actor.moves == {"block": [0.02, 0.02, 0.0]}
    blind = learned(tmp_path / "blind", "push", "blind", iterations=4)
    # It learns nothing of where the block is: moved by more than its size, it is missed.
    assert blind.actor.columns.max() < blind.state.size
    assert not any(part.name.startswith("object") for part in blind.state.layout)
    assert list(tmp_path.glob("*/rollouts-*")) == []


def test_two_conditions_have_a_controller_each(tmp_path: Path) -> None:
    both = learned(tmp_path, "reach", "oracle", iterations=6, conditions=2)
    assert both.actor.moves == {}
    assert len(both.actor.conditions) == 2
    assert both.actor.conditions[0] != both.actor.conditions[1]
    assert max(distances(both)) < 0.05  # it begins more than 0.1 away


def test_a_shown_way_is_begun_with(tmp_path: Path) -> None:
    """Nothing is learned yet: the controller does what the expert did, whatever it sees."""
    problem = Problem(
        task=Task(envs.task_id("hang_loop"), {}), learner="lqr_flm", state="blind", seed=3,
        folder=tmp_path,
    )  # fmt: skip
    learning = Learning(problem, lqr_flm.Config())
    course = learning._courses[0]
    assert course.situation.led
    assert course.situation.showing is not None
    controller = course.optimiser.controller
    count = len(course.situation.showing.actions)
    np.testing.assert_array_equal(
        controller.offsets[:count], course.situation.showing.actions[: controller.steps]
    )
    assert np.all(controller.gains == 0)
    # Its loop begins in the hand: the controller is tested with the hook elsewhere.
    assert moves(course.situation, 0.02) == {"goal": [0.02, 0.02, 0.0]}


def test_what_is_shown_is_counted_and_need_not_be_followed(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    problem = Problem(
        task=Task(envs.task_id("hang_loop"), {}), learner="lqr_flm", state="oracle", seed=3,
        folder=tmp_path, log=lambda step, figures: told.append(figures),
    )  # fmt: skip
    lqr_flm.learn(problem, lqr_flm.Config(iterations=1, rollouts=2, way=0.0))
    assert [one["rollouts"] for one in told] == [2, 6]
    assert [one["samples"] for one in told] == [3 * 120, 7 * 120]


def test_an_expert_that_fails_shows_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    env: Any = gymnasium.make(envs.task_id("hang_loop"))
    resting = np.zeros(env.action_space.shape)
    monkeypatch.setattr(env.unwrapped, "expert_action", lambda: resting)
    with pytest.raises(PolicyError, match=r"expert of .* fails .*: give another --seed"):
        look(_as_vectors(env), 3, {}, "auto", picture=False)
    env.close()


def test_what_another_policy_does_is_carried_over(tmp_path: Path) -> None:
    blind = learned(tmp_path, "push", "blind", iterations=2)
    policy.save(tmp_path / policy.POLICY_FILE, blind)
    env = gymnasium.make(envs.task_id("push"))
    problem = Problem(
        task=Task(envs.task_id("push"), {}), learner="lqr_flm", state="oracle", folder=tmp_path
    )
    state = problem.lay_out(velocities=True)
    world = problem.environment(state)
    situation = look(world, 5, {}, "auto", picture=False)
    sight = Sight.of(state, situation, np.zeros((2, state.size)), ("block",), 0.3, joints=False)
    shape, condition = (blind.actor.steps, blind.actor.outputs), blind.actor.conditions[0]
    begun = carried_over(tmp_path, 0, condition, state, sight, problem.task, shape)
    vector, _ = world.reset(seed=8)
    env.reset(seed=8)
    same = make_env(blind).reset(seed=8)[0]
    blind.actor.reset()
    np.testing.assert_allclose(
        begun.mean(0, sight.see(vector.astype(float))), blind.actor.act(same[None])[0], atol=1e-5
    )
    with pytest.raises(PolicyError, match="no controller for condition 2"):
        carried_over(tmp_path, 1, condition, state, sight, problem.task, shape)
    with pytest.raises(PolicyError, match=r"condition 1 as .* give the same --seed"):
        carried_over(tmp_path, 0, situation.options, state, sight, problem.task, shape)
    with pytest.raises(PolicyError, match=r"of steps and actions \(\d+, 3\), .* be \(\d+, 7\)"):
        carried_over(tmp_path, 0, condition, state, sight, problem.task, (shape[0], 7))
    with pytest.raises(PolicyError, match=r"Push-v0, to begin with it would have to be .*Reach-v0"):
        carried_over(tmp_path, 0, condition, state, sight, Task(envs.task_id("reach"), {}), shape)


def test_an_interrupted_learning_keeps_what_it_told(tmp_path: Path) -> None:
    """Iterations whose rollouts are kept are not told again, but for the last of them."""

    class Stopped(Exception):
        """As if killed."""

    told: list[int] = []

    def log(step: int, figures: dict[str, float]) -> None:
        told.append(step)
        if told == [1, 2, 3]:
            raise Stopped

    problem = Problem(
        task=Task(envs.task_id("reach"), {}), learner="lqr_flm", state="oracle", seed=1,
        folder=tmp_path, log=log,
    )  # fmt: skip
    config = lqr_flm.Config(iterations=5, rollouts=3)
    with pytest.raises(Stopped):
        lqr_flm.learn(problem, config)
    assert len(list(tmp_path.glob("rollouts-*"))) == 3
    lqr_flm.learn(problem, config)
    assert told == [1, 2, 3, 3, 4, 5, 6]


def test_a_picture_of_the_goal_has_things_there_and_the_arm_at_its_start() -> None:
    env: Any = gymnasium.make(envs.task_id("push"))
    situation = look(_as_vectors(env), 7, {}, "auto", picture=False)
    pictured(_as_vectors(env), 7, situation.options, situation.aims)
    points = env.unwrapped.points()
    np.testing.assert_allclose(points["block"][:2], situation.aims[0].place[:2], atol=1e-3)
    assert env.unwrapped.success()


def test_an_arm_that_cannot_be_put_at_its_goal_is_shown_it_for_a_picture() -> None:
    env: Any = gymnasium.make(envs.task_id("reach"))
    led = look(_as_vectors(env), 7, {}, "auto", picture=True)
    assert led.showing is not None
    assert led.goal is not None
    np.testing.assert_array_equal(led.goal, led.showing.states[-1])
    end = led.showing.points[led.aims[0].point][-1]
    np.testing.assert_allclose(end, led.aims[0].place, atol=0.02)
    assert look(_as_vectors(env), 7, {}, "auto", picture=False).showing is None
    with pytest.raises(PolicyError, match="no reset option 'end_effector'"):
        look(_as_vectors(env), 7, {}, "aims", picture=True)


def test_a_blind_way_goes_over_the_thing_and_pushes_from_behind() -> None:
    begin, end = np.array([0.5, 0.0, 0.03]), np.array([0.5, 0.2, 0.03])
    way = blind_way(begin, end, 0.05, 100)
    assert way.shape == (101, 3)
    np.testing.assert_allclose(way[45, 0], 0.5)
    assert way[40, 1] == pytest.approx(-0.05)  # behind it
    assert way[0, 2] > 0.1 > way[40, 2]  # over it, then down
    np.testing.assert_allclose(way[-1], [0.5, 0.15, 0.03])


def test_a_task_without_aims_must_be_shown(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="give guide=shown"):
        learned(tmp_path, "scoop_bag", "oracle", guide="aims")


class _as_vectors(gymnasium.ObservationWrapper[Any, Any, Any]):
    """The observation as one vector."""

    def observation(self, observation: Any) -> np.ndarray:
        return np.concatenate(list(observation.values()))


def test_a_hook_that_stands_elsewhere_is_measured_and_the_way_moves_with_it() -> None:
    env: Any = gymnasium.make(envs.task_id("hang_loop"))
    problem = Problem(
        task=Task(envs.task_id("hang_loop"), {}), learner="lqr_flm", state="oracle", folder=Path()
    )
    state = problem.lay_out(velocities=True)
    world = problem.environment(state)
    situation = look(world, 3, {}, "auto", picture=False, spread=(0.05, 0.05, 0.05))
    assert situation.landmark is not None
    assert situation.landmark.option == "goal"
    assert "hook" in situation.landmark.objects
    assert "loop" not in situation.landmark.objects
    assert situation.showing is not None
    sight = Sight.of(state, situation, situation.showing.states, situation.moved, 0.3, joints=False)
    apart = standing(situation, sight)
    assert apart is not None
    assert apart.names == ("hook",)
    by = np.array([0.03, -0.04, 0.02])
    there = (np.array(situation.options["goal"]) + by).tolist()
    start, _ = world.reset(seed=9, options={**situation.options, "goal": there})
    seen = sight.see(start.astype(float))
    np.testing.assert_allclose(apart.matrix @ seen + apart.shift, by, atol=1e-3)
    # A hand that goes the way that was shown, moved with the hook, costs least.
    cost = objective(
        situation, sight, Seen({}, {}, apart), Weights(), len(situation.showing.actions)
    )
    path = sight.see(situation.showing.states)
    moved = path.copy()
    moved[:, sight.places["end_effector"]] += by
    for one in (path, moved):
        one[:, sight.places["hook"]] = seen[sight.places["hook"]]
    hand = cost.terms[0]
    assert hand.values(moved[None]).sum() < hand.values(path[None]).sum()
    np.testing.assert_allclose(hand.residual.away(moved[None]), 0, atol=1e-3)
    env.close()


def test_what_cannot_be_put_elsewhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="guide=shown"):
        learned(tmp_path / "push", "push", "oracle", spread=(0.05,))
    with pytest.raises(PolicyError, match="nothing that stands still"):
        learned(tmp_path / "lift", "lift_block", "oracle", spread=(0.05,))
    with pytest.raises(PolicyError, match="must be positive"):
        learned(tmp_path / "hang", "hang_loop", "oracle", spread=(0.0, 0.0))
    with pytest.raises(PolicyError, match="half-widths of 0 or more"):
        lqr_flm.Config(spread=(-0.1,))


@pytest.mark.slow
def test_a_loop_is_hung_on_a_hook_that_stands_elsewhere_each_time(tmp_path: Path) -> None:
    seeing = learned(
        tmp_path, "hang_loop", "oracle", iterations=6, rollouts=8, spread=(0.0, 0.05, 0.05)
    )
    assert seeing.actor.moves == {"goal": [0.0, 0.05, 0.05]}
    env = make_env(seeing)
    trials = evaluation.trials(seeing.actor, range(900, 910), moved=True)
    assert sum(run_episode(env, seeing.actor, trial).success for trial in trials) >= 7


def test_joints_that_torques_act_on_are_to_come_to_rest(tmp_path: Path) -> None:
    def costs(mode: str, velocity: float) -> np.ndarray:
        """Of rollouts that differ in one joint's velocity, 2 rad/s, from one in which all rest."""
        problem = Problem(
            task=Task(envs.task_id("reach"), {"action_mode": mode}), learner="lqr_flm",
            state="oracle", seed=3, folder=tmp_path,
        )  # fmt: skip
        learning = Learning(problem, lqr_flm.Config(velocity=velocity))
        controller = learning._courses[0].optimiser.controller
        actions, size = controller.offsets[None], controller.gains.shape[2]
        states = np.zeros((2, controller.steps + 1, size))
        states[1, :, min(8, size - 1)] = 2.0
        return learning._courses[0].optimiser.cost_of(
            Rollouts(states, np.concatenate([actions, actions]))
        )

    extra = costs("torque", 0.3) - costs("torque", 0.0)
    steps = np.arange(101) / 100
    np.testing.assert_allclose(extra, [0.0, np.sum(0.5 * 0.3 * steps**2 * 2.0**2)])
    np.testing.assert_array_equal(costs("cartesian", 0.3), costs("cartesian", 0.0))
