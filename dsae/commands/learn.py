"""Learn a policy on a state: the oracle's, none of the objects, or what is seen of them.

Example:
    dsae learn bc push --data runs/data/push --state runs/train/push-dsae
    dsae learn sac push --state oracle
    dsae learn lqr_flm push --encoder auto

Learners: bc (behaviour cloning); lqr_flm (trajectories optimised as in the paper, by acting); ppo,
sac (reinforcement learning, of Stable-Baselines3, by acting). The state is oracle, blind, pixels,
the run folder of a trained encoder (its features), or of `dsae state` (filtered feature points and
velocities, of the points worth controlling with); every state holds the end-effector pose and the
commanded goal. With --encoder the whole of the paper's loop is run. The policy is one file.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field

import envs
from data.dataset import Dataset
from dsae import checkpoint
from dsae.commands import environments, opengl, runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import Seed, argument, override, runtime, source
from dsae.commands.progress import Bar
from dsae.commands.vision_loop import Loop, summary
from dsae.logger import LateLogger
from dsae.state import artefact
from dsae.state.estimator import StateEstimator
from policies import learners, policy
from policies import state as states
from policies.learner import Problem, Shown
from policies.state import Eye

LOOPED = ("images", "encoder_steps", "cameras")
"""Options that mean something with `encoder` alone."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to learn, from what."""

    learner: str = argument()
    """Name of the learner."""
    task: str = argument()
    """Short name of the task, or a Gymnasium id."""
    data: Path | None = None
    """Data set of demonstrations, for a learner that needs them [runs/data/TASK]."""
    state: str = source("oracle")
    """oracle, blind, pixels, or the run folder of a trained encoder or of `dsae state`."""
    encoder: str | None = None
    """Train this encoder, NAME[:preset] or auto, within the loop: learn without vision, collect
    images, train, learn on the feature points (lqr_flm)."""
    images: Annotated[int, Field(gt=1)] = 40
    """Episodes that the loop's encoder is trained on."""
    encoder_steps: Annotated[int, Field(gt=0)] = 1500
    """Updates of the loop's encoder."""
    cameras: environments.SomeNames = ("front",)
    """Whose frames the loop sees, like front,side, an encoder for each."""
    camera: str | None = None
    """Whose frames an encoder sees; if left out, those that it was trained on."""
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the demonstrations that are left out, in the way of `dsae train`."""
    demonstrations: Annotated[int, Field(gt=0)] | None = None
    """How many of the others are learned from, the first ones [all]."""
    seed: Seed = 0
    """Seed of weights and batches."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the learner, such as hidden=128."""
    size: environments.Size | None = None
    """Image size in pixels, for a learner that acts on pixels; 64 for our own tasks."""
    env: dict[str, Any] = field(default_factory=dict)
    """Settings of the task, such as action_mode=torque, for a learner that acts in it."""
    device: str = "auto"
    """auto, cpu or cuda, for the encoder; the policy is small and learned on the CPU."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Torch threads; 0 leaves the choice to torch (in the loop: 1)."""
    out: Path | None = runtime(None)
    """Run folder [runs/learn/TASK-LEARNER-STATE]."""
    workers: Annotated[int, Field(gt=0)] = runtime(os.cpu_count() or 1)
    """Processes that act in the task, for a learner that does."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder."""


def run(options: Options) -> int:
    """Learn and save the policy."""
    device = use_device(options.device, options.threads)
    learner = learners.module(options.learner)
    learner.check(options.state)
    config = override(learner.Config(), options.settings, where=f"learner {options.learner}")
    if options.encoder:
        return _loop(options, learner)
    options = dataclasses.replace(options, settings=vars(config))  # the resolved one is saved
    _refuse_unused(options, learner)
    draws = (options.state == states.PIXELS or options.state not in states.NAMED) and (
        not learner.NEEDS_DATA or options.settings.get("rollouts")
    )
    if draws:
        opengl.ensure()
    eye = _eye(options.state, device)
    name = _run_folder(options.state).name if eye else options.state
    if options.camera and (isinstance(eye, StateEstimator) or not (eye or name == states.PIXELS)):
        looks = "has cameras of its own" if eye else "sees no frames"
        raise UsageError(f"the state '{options.state}' {looks}: leave --camera out")
    shown = _shown(options) if learner.NEEDS_DATA else None
    task = _task_of(options, eye, shown)
    if draws:
        environments.env_factory(task.id, task.settings)  # what cannot be drawn is said here
    folder = options.out or Path("runs/learn") / (
        f"{environments.folder_name(options.task)}-{options.learner}-{name}"
    )
    with runs.open_run(folder, "learn", options, overwrite=options.overwrite) as run_:
        if shown:
            run_.keep_to_data(shown.dataset.fingerprint)
        if eye:
            run_.keep_to_file("state", _file(options.state))
        begin = policy.file_of(options.settings.get("begin") or "")
        if begin.is_file():
            run_.keep_to_file("policy to begin with", begin)
        with (
            LateLogger(folder) as log,
            Bar(f"learning {options.learner}", 100, "%", late=True) as bar,
        ):
            learned = learner.learn(
                Problem(
                    task=task,
                    learner=options.learner,
                    state=name,
                    eye=eye,
                    shown=shown,
                    seed=options.seed,
                    folder=folder,
                    workers=options.workers,
                    log=log,
                    progress=lambda share, word: bar.show(round(100 * share), word),
                ),
                config,
            )
        policy.save(folder / policy.POLICY_FILE, learned, seed=options.seed)
        run_.finish()
    runs.say(f"state {name}: {learned.state.size} numbers: {folder / policy.POLICY_FILE}")
    return 0


def _refuse_unused(options: Options, learner: Any) -> None:
    """UsageError for a flag that nothing would come of."""
    for name in LOOPED:
        if getattr(options, name) != getattr(Options, name):
            camera = " (of one state's encoder: --camera)" if name == "cameras" else ""
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} is the loop's: give --encoder, too{camera}")
    if learner.NEEDS_DATA and options.size:
        raise UsageError("the images are those of the demonstrations: leave --size out")
    if not learner.NEEDS_DATA and (options.data or options.held_out or options.demonstrations):
        raise UsageError(
            f"{options.learner} learns by acting in the task: leave --data, --held-out and "
            "--demonstrations out"
        )


def _loop(options: Options, learner: Any) -> int:
    """Learn the encoder within the loop, too (`vision_loop`)."""
    assert options.encoder is not None
    if not hasattr(learner, "FIRST"):
        raise UsageError(
            f"{options.learner} learns no encoder on the way: leave --encoder out, and give --state"
        )
    given = (options.data, options.camera, options.held_out, options.demonstrations)
    if options.state != Options.state or any(given):
        raise UsageError(
            "with --encoder the loop makes data and state: leave --data, --state, --camera, "
            "--held-out and --demonstrations out"
        )
    task = environments.folder_name(options.task)
    folder = options.out or Path("runs/learn") / f"{task}-{options.learner}-loop"
    loop = Loop(
        learner=options.learner, task=options.task, encoder=options.encoder, first=learner.FIRST,
        seen=learner.SEEN,
        settings=options.settings, images=options.images, steps=options.encoder_steps,
        size=options.size, cameras=options.cameras, env=options.env, seed=options.seed,
        device=options.device, threads=options.threads or 1, workers=options.workers,
        folder=folder,
    )  # fmt: skip
    opengl.ensure()
    settings = environments.task_settings(
        options.task, options.size, options.cameras, (), options.env
    )
    # What is wrong with names is said before anything is made.
    loop.stages()
    environments.env_factory(envs.task_id(options.task), settings)
    with runs.open_run(folder, "learn", options, overwrite=options.overwrite) as run_:
        counts = loop.run()
        run_.finish()
    runs.say(f"{summary(counts)}: {folder / policy.POLICY_FILE}")
    return 0


def _shown(options: Options) -> Shown:
    """Return the demonstrations; UsageError if they are of another task or too few."""
    folder = options.data or Path("runs/data") / environments.folder_name(options.task)
    dataset = Dataset.open(folder)
    recorded = str(dataset.meta.get("task", options.task))
    if envs.task_id(recorded) != envs.task_id(options.task):
        raise UsageError(f"{dataset.folder} holds episodes of {recorded}, not {options.task}")
    every = tuple(range(len(dataset)))
    shown = dataset.split(options.held_out)[0] if options.held_out else every
    if options.demonstrations and options.demonstrations > len(shown):
        raise UsageError(
            f"demonstrations = {options.demonstrations}: {dataset.folder} has {len(shown)} to "
            "learn from"
        )
    return Shown(dataset, tuple(shown[: options.demonstrations]))


def _task_of(options: Options, eye: Eye | None, shown: Shown | None) -> policy.Task:
    """Return the environment to act in: that of the demonstrations, or as the options say.

    It draws through the cameras that the state looks through alone.
    """
    task = envs.task_id(options.task)
    camera: str | None = None
    cameras: tuple[str, ...] = ()
    if isinstance(eye, StateEstimator):
        cameras = tuple(eye.perceptions)
    elif eye or options.state == states.PIXELS:
        camera = options.camera or (_trained_on(options.state) if eye else None)
        cameras = (camera,) if camera else ()
    if shown:
        cameras = tuple(shown.dataset.camera(name) for name in cameras)
        if not cameras and (eye or options.state == states.PIXELS):
            cameras = (shown.dataset.camera(None),)
        camera = cameras[0] if cameras and not isinstance(eye, StateEstimator) else None
        settings = dict(shown.dataset.meta.get("settings", {}))
        if options.env:
            raise UsageError("the settings of the task are those of the demonstrations: no --env")
    else:
        settings = environments.task_settings(
            options.task, _size_of(options, eye), cameras or ("front",), (), options.env
        )
    if cameras and "cameras" in settings:
        settings["cameras"] = list(cameras)
    return policy.Task(task, settings, camera)


def _size_of(options: Options, eye: Eye | None) -> str | None:
    """Return the image size that the eye takes, or what the options say where nothing looks."""
    if eye is None:
        return options.size
    if options.size:
        raise UsageError("the state's encoder says how large images are: leave --size out")
    encoders = (
        [seen.encoder for seen in eye.perceptions.values()]
        if isinstance(eye, StateEstimator)
        else [eye]
    )
    height, width, _ = encoders[0].image_shape
    return f"{height}x{width}"


def _eye(state: str, device: torch.device) -> Eye | None:
    """Load what the state looks at frames with; UsageError for the name of no state."""
    if state in states.NAMED or not Path(state).exists():
        states.named(state)
        return None
    file = _file(state)
    return (artefact if file.name == artefact.STATE_FILE else checkpoint).load(file, device)


def _file(state: str) -> Path:
    """Return the file of an encoder or of a state, where its run folder is named or it itself."""
    path = Path(state)
    if not path.is_dir():
        return path
    made = path / artefact.STATE_FILE
    return made if made.is_file() else path / checkpoint.ENCODER_FILE


def _run_folder(state: str) -> Path:
    """Return the run folder of an encoder or of a state, if it is or its file lies in one."""
    path = Path(state)
    lies = path.is_file() and (path.parent / runs.CONFIG_FILE).is_file()
    return path.parent if lies else path


def _trained_on(state: str) -> str | None:
    """The camera that an encoder was trained on, as far as its run folder tells."""
    folder = _run_folder(state)
    if not (folder / runs.CONFIG_FILE).is_file():
        return None
    camera: str | None = runs.trained_options(folder)["camera"]
    return camera
