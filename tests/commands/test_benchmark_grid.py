"""What a benchmark is going to do, before it does anything; and what it refuses to."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from terminal import contents

from dsae.__main__ import main
from dsae.commands import benchmark, benchmark_options, earlier, grid
from dsae.commands.benchmark_options import Options
from dsae.commands.contestants import contestants
from dsae.commands.errors import UsageError
from dsae.commands.glimpse import Glimpse, why_not
from dsae.commands.stages import Stage
from policies.learners import bc, lqr_flm, sac

PUSH = {"ee_pose": 7, "goal": 2, "object_position": 3, "object_rotation": 4, "joint_position": 7,
        "joint_velocity": 7}  # fmt: skip
EVERYTHING = frozenset({"robot", "truth"})


def glimpse(lengths: dict[str, int], known: frozenset[str] = EVERYTHING) -> Glimpse:
    return Glimpse({name: np.ones(n) for name, n in lengths.items()}, known, (64, 64, 3), 100)


def laid(
    states: str,
    tasks: tuple[str, ...] = ("push",),
    *,
    cameras: tuple[str, ...] = ("front",),
    all_filtered: str = "",
    velocities: bool = False,
    fewer: tuple[int, ...] = (),
) -> grid.Grid:
    found = contestants(states.split(","), all_filtered=all_filtered)
    by_folder = grid.by_folder(tasks)
    seen = {
        place: glimpse({k: v for k, v in PUSH.items() if place == "push" or "object" not in k})
        for place in by_folder
    }
    return grid.lay_out(
        Path("out"), by_folder, found, 2, seen, cameras=cameras, velocities=velocities,
        fewer=fewer,
    )  # fmt: skip


def planned(
    chosen: grid.Grid, learner: Any = bc, at_once: int = 1, **options: Any
) -> dict[str, Stage]:
    resolved, changed = benchmark.resolve(Options(**options), learner)
    stages = grid.plan(chosen, benchmark.orders(resolved, changed, learner, at_once))
    return {stage.name: stage for stage in stages}


def test_collections_which_take_all_processes_come_before_what_needs_none() -> None:
    stages = list(planned(laid("oracle,dsae", ("push", "lift_block")), sac, at_once=2))
    assert stages[:3] == ["collect-push", "collect-lift_block", "learn-push-oracle-s0"]


def test_data_and_encoders_are_made_once_and_shared() -> None:
    stages = planned(laid("oracle,dsae,dsae+state"))
    assert list(stages) == [
        "collect-push", "learn-push-oracle-s0", "rollout-push-oracle-s0",
        "train-push-dsae-s0", "learn-push-dsae-s0", "rollout-push-dsae-s0",
        "state-push-dsae-s0", "learn-push-dsae+state-s0", "rollout-push-dsae+state-s0",
        "learn-push-oracle-s1", "rollout-push-oracle-s1",
        "train-push-dsae-s1", "learn-push-dsae-s1", "rollout-push-dsae-s1",
        "state-push-dsae-s1", "learn-push-dsae+state-s1", "rollout-push-dsae+state-s1",
    ]  # fmt: skip
    known: set[str] = set()
    for stage in stages.values():
        assert set(stage.needs) <= known
        known.add(stage.name)
    on_state = stages["learn-push-dsae+state-s1"].arguments
    assert "out/push/encoders/dsae-s1+state" in on_state
    assert on_state[on_state.index("--seed") + 1] == "1"


def test_what_learns_from_fewer_demonstrations_has_the_same_encoder() -> None:
    every, few = planned(laid("dsae")), planned(laid("dsae", fewer=(5, 20)), fewer=(5, 20))
    more = {name: stage for name, stage in few.items() if name not in every}
    assert {name: few[name] for name in every} == every
    assert [name for name in more if "s0" in name] == [
        "learn-push-dsae-s0-n5", "rollout-push-dsae-s0-n5",
        "learn-push-dsae-s0-n20", "rollout-push-dsae-s0-n20",
    ]  # fmt: skip
    learning = more["learn-push-dsae-s0-n5"]
    assert learning.needs == ("train-push-dsae-s0",)
    words = list(every["learn-push-dsae-s0"].arguments)
    at = words.index("--state")
    words[at:at] = ["--demonstrations", "5"]
    words[-1] = "out/push/dsae-s0-n5/policy"
    assert list(learning.arguments) == words


def test_a_preset_is_part_of_what_is_made() -> None:
    stages = planned(laid("vae:beta4,vae"))
    assert stages["train-push-vae-beta4-s0"].arguments[:2] == ("train", "vae:beta4")
    assert "train-push-vae-s0" in stages


def test_a_learner_on_velocities_takes_every_encoder_filtered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages = planned(
        laid("oracle,dsae", all_filtered="for a learner on velocities", velocities=True)
    )
    assert stages["learn-push-dsae-s0"].needs == ("state-push-dsae-s0",)
    monkeypatch.setattr(bc, "NEEDS_VELOCITIES", True)
    asked = benchmark.joined(Options(states=("dsae", "dsae+state")), {})
    with pytest.raises(UsageError, match=r"dsae\+state is the same as dsae for a learner on vel"):
        benchmark.lay_out(asked, Path("out"), bc)
    with pytest.raises(UsageError, match="the state 'pixels' has no velocities"):
        laid("pixels", velocities=True)


def test_each_camera_has_its_encoder_and_the_state_is_made_of_all() -> None:
    both = ("front", "side")
    stages = planned(laid("blind,dsae", cameras=both, all_filtered="seen"), cameras=both)
    assert list(stages)[:7] == [
        "collect-push", "learn-push-blind-s0", "rollout-push-blind-s0",
        "train-push-dsae-front-s0", "train-push-dsae-side-s0", "state-push-dsae-s0",
        "learn-push-dsae-s0",
    ]  # fmt: skip
    collecting = stages["collect-push"].arguments
    assert collecting[collecting.index("--cameras") + 1] == "front,side"
    for camera in both:
        training = stages[f"train-push-dsae-{camera}-s0"].arguments
        assert training[training.index("--camera") + 1] == camera
    state = stages["state-push-dsae-s0"]
    assert state.needs == ("train-push-dsae-front-s0", "train-push-dsae-side-s0")
    assert state.arguments[1] == "out/push/encoders/dsae-front-s0"
    assert state.arguments[state.arguments.index("--also") + 1] == "out/push/encoders/dsae-side-s0"
    learning = stages["learn-push-dsae-s0"]
    assert learning.needs == (state.name,)
    assert learning.arguments[learning.arguments.index("--state") + 1] == str(state.run_folder)


def test_points_are_judged_as_the_learner_wants_them() -> None:
    """A cloned network takes them where they are seen; lqr_flm as its loop does."""
    wanted = {
        "presence=0.0 per_thing=1000": (bc, {}),
        "presence=0.3": (lqr_flm, {}),
        "": (bc, {"settings": {"velocities": True}}),
    }
    for settings, (learner, options) in wanted.items():
        state = planned(laid("dsae+state"), learner, **options)["state-push-dsae-s0"].arguments
        assert " ".join(word for word in state if "=" in word) == settings


def test_a_learner_that_acts_is_shown_no_demonstrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bc, "NEEDS_DATA", False)
    stages = planned(laid("oracle"), size="32", env={"action_mode": "torque"})
    assert "collect-push" not in stages
    assert "--data" not in stages["learn-push-oracle-s0"].arguments
    assert "action_mode=torque" in stages["learn-push-oracle-s0"].arguments
    stages = planned(laid("dsae,pixels"), size="32")
    assert "collect-push" in stages
    assert "--data" not in stages["learn-push-dsae-s0"].arguments
    assert "--size" not in stages["learn-push-dsae-s0"].arguments
    pixels = stages["learn-push-pixels-s0"].arguments
    assert pixels[pixels.index("--size") + 1] == "32"


def test_more_is_added_to_what_is_there(tmp_path: Path) -> None:
    before = {"tasks": ["push"], "states": ["oracle"], "seeds": 3, "fewer": [25]}
    asked = Options(tasks=("reach",), states=("dsae", "oracle"), seeds=2, fewer=(50, 10))
    options = benchmark.joined(asked, before)
    assert (options.tasks, options.states) == (("push", "reach"), ("oracle", "dsae"))
    assert (options.seeds, options.fewer) == (3, (10, 25, 50))
    asked = Options(tasks=("reach",), states=("dsae", "oracle"), seeds=1, fewer=(10, 50))
    assert benchmark.joined(asked, {}) == asked
    # What nobody gave is as usual at first, and later as it is there.
    options = benchmark.joined(Options(), {})
    assert (options.tasks, options.seeds, options.fewer) == (("push",), 3, ())
    assert options.states == ("oracle", "blind", "dsae", "vae", "pixels")
    before = {"tasks": ["reach"], "states": ["oracle"], "seeds": 1}
    options = benchmark.joined(Options(states=("dsae",)), before)
    assert (options.tasks, options.states, options.seeds) == (("reach",), ("oracle", "dsae"), 1)
    assert earlier.noted(tmp_path, "benchmark") == {}


def test_what_one_task_lacks_is_left_out_there_alone() -> None:
    chosen = laid("oracle_pose,blind", ("push", "reach"))
    assert set(chosen.left_out) == {("reach", "oracle_pose")}
    assert "needs the observation 'object_rotation'" in chosen.left_out["reach", "oracle_pose"]
    assert len(list(chosen.cells())) == 6
    with pytest.raises(UsageError, match=r"oracle_pose.* needs the observation 'object_rotation'"):
        laid("oracle_pose", ("reach",))


def test_an_encoder_needs_what_the_episodes_hold() -> None:
    (one,) = contestants(["supervised"])
    assert why_not(one, glimpse(PUSH), velocities=False) == ""
    bare = glimpse(PUSH, frozenset())
    assert "supervised needs the ground truth" in why_not(one, bare, velocities=False)
    (one,) = contestants(["dsae+state"])
    nameless = glimpse({"state": 4})
    assert "ee_pose" in why_not(one, nameless, velocities=False)


def test_quick_is_small_and_what_is_given_stays() -> None:
    options, changed = benchmark.resolve(Options(quick=True, settings={"hidden": 7}), bc)
    assert options.demonstrations == benchmark_options.QUICK.demonstrations
    assert options.settings["hidden"] == changed["hidden"] == 7
    assert options.settings["epochs"] == bc.SMALL.epochs
    full, none = benchmark.resolve(Options(), bc)
    assert (full.episodes, full.demonstrations, full.encoder_steps) == (200, 100, 2000)
    assert none == {}
    timed, _ = benchmark.resolve(Options(encoder_minutes=2.0), bc)
    assert timed.encoder_steps is None
    assert "--minutes" in planned(laid("dsae"), encoder_minutes=2.0)["train-push-dsae-s0"].arguments


MISTAKES = {
    "task": ("--tasks psuh", "unknown task 'psuh': the tasks are arrange_toys, .*push, reach"),
    "a task twice": ("--tasks push,envs:dsae/Push-v0", "envs:dsae/Push-v0 is named twice"),
    "state": ("--states oracel", r"unknown state 'oracel': choose from oracle, .*vae:beta4.*\+st"),
    "preset": ("--states vae:beta5", "unknown state 'vae:beta5': choose from oracle"),
    "no encoder's state": ("--states oracle+state", r"unknown state 'oracle\+state'"),
    "a state twice": ("--states vae,vae", "vae is named twice"),
    "no states": ("--states ,", "states = ',': .* at least 1"),
    "learner": ("--learner cb", "unknown learner 'cb': choose from .*bc"),
    "learner's setting": ("--set epohcs=1", "learner bc has no setting 'epohcs': it has hidden"),
    "setting's value": ("--set epochs=0", "epochs = 0: it must be at least 1"),
    "seeds": ("--seeds 0,1", "seeds = '0,1': .* valid integer"),
    "no seeds": ("--seeds 0", "seeds = '0': .* greater than 0"),
    "two budgets": ("--encoder-steps 1 --encoder-minutes 1", "give --encoder-steps or --enc"),
    "memory": ("--memory 0.1", r"one process takes about \d\.\d GB, more than the 0\.1 GB of --m"),
    "memory of a replay": (
        "--learner sac --states pixels --memory 4",
        r"one process takes about 5\.\d GB",
    ),
    "images too small to convolve": (
        "--learner sac --states pixels --size 32",
        "takes images of 36×36 at least, not 32×32",
    ),
    "camera": ("--cameras top", "camera.*top"),
    "no cameras": ("--cameras ,", "cameras = ',': .* at least 1"),
    "a camera twice": (
        "--states dsae --cameras front,front",
        "cameras is .*front.*front.*: it takes a list of",
    ),
    "an image of two cameras": ("--cameras front,side", "pixels looks through one camera"),
    "filtered twice": ("--cameras front,side --states dsae,dsae+state", "the same as dsae of sev"),
    "size": ("--size huge", "the image size 'huge' is neither like 64"),
    "task's setting": ("--env colour=red", "cannot be made: .*colour"),
    "expert without torques": ("--env action_mode=torque", "expert .*action_mode='cartesian'"),
    "target": ("--target 2", "target = '2': .* less than or equal to 1"),
    "too few demonstrations": ("--demonstrations 1", "demonstrations = '1': .* equal to 3"),
    "a state that the task lacks": ("--tasks reach --states oracle_pose", "'object_rotation'"),
    "as many": ("--fewer 5,100", "fewer = 100: there are 100 demonstrations"),
    "a number twice": ("--fewer 5,5", "fewer = 5,5: a number is there twice"),
    "no number": ("--fewer few", "fewer.* = 'few': .* valid integer"),
    "none of them": ("--fewer 0", "fewer.* = '0': .* greater than 0"),
    "shown to nobody": (
        "--learner lqr_flm --states oracle --fewer 5",
        "lqr_flm is shown no demonst",
    ),
    "device": ("--device gpu", "unknown device 'gpu'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = MISTAKES[mistake]
    assert main(["benchmark", *call.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
