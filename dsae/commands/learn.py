"""Learn a policy on a state: the oracle's, none of the objects, or what is seen of them.

Example:
    dsae learn bc push --data runs/data/push --state runs/train/push-dsae

Learners: bc (behaviour cloning). The state is oracle, blind, the run folder of a trained encoder
(its features), or of `dsae state` (filtered feature points and velocities, of the points worth
controlling with); every state holds the end-effector pose and the commanded goal. The policy is
one file.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field

import envs
from data.dataset import Dataset
from dsae import checkpoint
from dsae.commands import environments, runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import Seed, argument, override, runtime
from dsae.encoder import Encoder
from dsae.logger import Logger
from dsae.state import artefact
from policies import learners, policy
from policies import state as states
from policies.demonstrations import demonstrations
from policies.state import Eye


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to learn, from what."""

    learner: str = argument()
    """Name of the learner."""
    task: str = argument()
    """Short name of the task, or a Gymnasium id."""
    data: Path | None = None
    """Data set of demonstrations [runs/data/TASK]."""
    state: str = "oracle"
    """oracle, blind, or the run folder of a trained encoder or of `dsae state`."""
    camera: str | None = None
    """Whose frames an encoder sees; if left out, those that it was trained on."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the episodes that are left out, as in `dsae train`."""
    seed: Seed = 0
    """Seed of weights and batches."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the learner, such as hidden=128."""
    device: str = "auto"
    """auto, cpu or cuda, for the encoder; the policy is small and learned on the CPU."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch."""
    out: Path | None = runtime(None)
    """Run folder [runs/learn/TASK-LEARNER-STATE]."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Learn and save the policy."""
    device = use_device(options.device, options.threads)
    learner = learners.module(options.learner)
    config = override(learner.Config(), options.settings, where=f"learner {options.learner}")
    options = dataclasses.replace(options, settings=vars(config))  # the resolved one is saved
    task = envs.task_id(options.task)
    task_name = environments.folder_name(options.task)
    dataset = Dataset.open(options.data or Path("runs/data") / task_name)
    recorded = dataset.meta
    if envs.task_id(str(recorded.get("task", options.task))) != task:
        raise UsageError(
            f"{dataset.folder} holds episodes of {recorded['task']}, not {options.task}"
        )
    eye = _eye(options.state, device)
    name = Path(options.state).name if eye else options.state
    folder = options.out or Path("runs/learn") / f"{task_name}-{options.learner}-{name}"
    camera: str | None = None
    cameras: tuple[str, ...] = ()
    if isinstance(eye, Encoder):
        camera = dataset.camera(options.camera or _trained_on(options.state))
        cameras = (camera,)
    elif options.camera:
        looks = "has cameras of its own" if eye else "sees no frames"
        raise UsageError(f"the state '{options.state}' {looks}: leave --camera out")
    elif eye:
        cameras = tuple(dataset.camera(name) for name in eye.perceptions)
    train_episodes, _ = dataset.split(options.held_out)
    shown, state = demonstrations(dataset, train_episodes, name, eye, camera, config.velocities)
    with runs.open_run(folder, "learn", options, overwrite=options.overwrite) as run_:
        errors: list[float] = []
        with Logger(folder) as log:

            def record(epoch: int, figures: dict[str, float]) -> None:
                log(epoch, figures)
                errors.append(figures["validation_error"])

            actor = learner.learn(shown, config, seed=options.seed, log=record)
        settings = dict(recorded.get("settings", {}))
        if cameras and "cameras" in settings:
            settings["cameras"] = list(cameras)
        made = policy.Task(task, settings, camera)
        learned = policy.Policy(state, actor, made, options.learner, name)
        policy.save(folder / policy.POLICY_FILE, learned, seed=options.seed)
        run_.finish()
    runs.say(
        f"state {name}: {state.size} numbers, {len(shown.actions)} steps of demonstrations, "
        f"validation error {min(errors):.4f}: {folder / policy.POLICY_FILE}"
    )
    return 0


def _eye(state: str, device: torch.device) -> Eye | None:
    """Load what the state looks at frames with; UsageError for the name of no state."""
    if state in states.NAMED or not Path(state).exists():
        states.named(state)
        return None
    path = Path(state)
    if path.name == artefact.STATE_FILE or (path / artefact.STATE_FILE).is_file():
        return artefact.load(path, device)
    return checkpoint.load(path, device)


def _trained_on(run_folder: str) -> str | None:
    """The camera that an encoder was trained on, as far as its run folder tells."""
    if not (Path(run_folder) / runs.CONFIG_FILE).is_file():
        return None
    camera: str | None = runs.trained_options(Path(run_folder))["camera"]
    return camera
