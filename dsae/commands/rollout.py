"""Roll a learned policy out on fresh seeds: success rate with its interval, and a video.

An interrupted one goes on after the episodes that it had.

Example:
    dsae rollout runs/learn/push-bc-push-dsae --episodes 100 --video push.mp4
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from dsae import overlay, panels
from dsae.commands import opengl, runs
from dsae.commands.devices import use_device
from dsae.commands.errors import UsageError
from dsae.commands.options import Seed, argument, product, runtime
from dsae.commands.progress import Bar
from dsae.panels import Panel
from dsae.state.estimator import StateEstimator
from dsae.state.goals import Goal
from dsae.state.presence import softmax_mass
from dsae.state_legend import legend
from dsae.state_overlay import Verdict, draw_state
from policies import evaluation
from policies.evaluation import Outcome, Trial, evaluate, wilson_interval
from policies.policy import POLICY_FILE, Policy, load
from policies.wrapper import StateObservation, frame_of

RESULTS_FILE = "rollout.json"
SO_FAR_FILE = "outcomes.json"
"""Outcomes of the episodes that are done, while not all are."""
FPS = 20.0
FRESH_SEED = 1_000_000  # far from the seeds that collections count from


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to roll out, how often."""

    policy: Path = argument()
    """Run folder of a learned policy, or its file."""
    episodes: Annotated[int, Field(gt=0)] = 100
    """Number of episodes."""
    seed: Seed = FRESH_SEED
    """Seed of the first episode; the others count on from it."""
    video: Path | None = product(None)
    """Write the first episodes as .mp4, .gif or .png, with what the state makes of them."""
    video_episodes: Annotated[int, Field(gt=0)] = 3
    """Episodes in the video."""
    device: str = "auto"
    """auto, cpu or cuda, for the encoder."""
    out: Path | None = runtime(None)
    """Run folder [runs/rollout/POLICY]."""
    workers: Annotated[int, Field(gt=0)] = runtime(os.cpu_count() or 1)
    """Processes."""
    overwrite: bool = runtime(False)
    """Replace a finished or different run in the folder, and an existing video."""


def run(options: Options) -> int:
    """Roll out, write the outcomes, print the rate."""
    opengl.ensure()
    if options.video and options.video.suffix not in overlay.SUFFIXES:
        endings = ", ".join(overlay.SUFFIXES)
        raise UsageError(f"cannot write '{options.video}': the endings are {endings}")
    device = use_device(options.device)
    policy = load(options.policy, device)
    evaluation.make_env(policy).close()
    name = options.policy.parent.name if options.policy.is_file() else options.policy.name
    folder = options.out or Path("runs/rollout") / name
    path = options.policy / POLICY_FILE if options.policy.is_dir() else options.policy
    seeds = range(options.seed, options.seed + options.episodes)
    trials = evaluation.trials(policy.actor, seeds)
    moved = evaluation.trials(policy.actor, seeds, moved=True) if policy.actor.moves else []
    with runs.open_run(folder, "rollout", options, overwrite=options.overwrite) as run_:
        run_.keep_to_file("policy", path)
        if options.video and not run_.resumed:
            runs.refuse_existing(options.video, overwrite=options.overwrite)
        outcomes = _outcomes(
            path, [*trials, *moved], folder / SO_FAR_FILE,
            workers=options.workers, device=str(device),
        )  # fmt: skip
        figures = summary(outcomes[: len(trials)])
        if moved:
            figures["moved"] = summary(outcomes[len(trials) :])
        runs.save_json(folder / RESULTS_FILE, {**figures, "state": policy.state_name})
        if options.video:
            shown = film(policy, trials[: options.video_episodes])
            panels.write(options.video, shown, fps=FPS)
        (folder / SO_FAR_FILE).unlink()
        run_.finish()
    runs.say(f"state {policy.state_name}: {_told(figures)}")
    if moved:
        runs.say(
            f"with {', '.join(policy.actor.moves)} standing elsewhere: {_told(figures['moved'])}"
        )
    return 0


def _outcomes(
    path: Path, trials: Sequence[Trial], so_far: Path, *, workers: int, device: str
) -> list[Outcome]:
    """Roll out once per trial, from where a call that was interrupted left `so_far`."""
    before = outcomes_in(runs.read_json(so_far)) if so_far.exists() else []
    with Bar("rolling out", len(trials), "episode", done=len(before)) as bar:

        def keep(outcomes: list[Outcome]) -> None:
            runs.save_json(so_far, [outcome._asdict() for outcome in outcomes])
            bar.show(len(outcomes))

        return evaluate(
            path.resolve(), trials, workers=workers, device=device, before=before,
            progress=keep,
        )  # fmt: skip


def outcomes_in(rows: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Return the outcomes that a JSON file of ours holds, in which NaN is null."""
    return [
        Outcome(**{**row, "distance": math.nan if row["distance"] is None else row["distance"]})
        for row in rows
    ]


def _told(figures: dict[str, Any]) -> str:
    """Return a summary as a line."""
    low, high = figures["interval95"]
    distance = figures["median_distance_m"]
    return (
        f"success {figures['successes']} of {figures['episodes']} = "
        f"{figures['success_rate']:.1%} (95 % interval {low:.1%} to {high:.1%})"
        + (f", median distance {distance * 100:.1f} cm" if np.isfinite(distance) else "")
    )


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the figures of a set of episodes under plain names."""
    successes = sum(outcome.success for outcome in outcomes)
    return {
        "episodes": len(outcomes),
        "successes": successes,
        "success_rate": successes / len(outcomes),
        "interval95": wilson_interval(successes, len(outcomes)),
        "median_distance_m": float(np.median([outcome.distance for outcome in outcomes])),
        "outcomes": [outcome._asdict() for outcome in outcomes],
    }


def film(policy: Policy, trials: Sequence[Trial]) -> list[Panel]:
    """Roll the policy out once per trial and return what it saw, enlarged, a panel for each camera.

    An encoder's feature points are drawn in; of a state estimator, all that it believes of them.
    """
    env = evaluation.make_env(policy, render=True)
    cameras = tuple(policy.state.image_shapes) or (None,)
    episodes = [_filmed(env, policy, trial, cameras) for trial in trials]
    env.close()
    if policy.state.estimator:
        goals = [policy.actor.goals[t.condition] if policy.actor.goals else {} for t in trials]
        return [
            _believed(
                policy.state.estimator,
                camera,
                [shots[camera] for shots in episodes],
                [goal.get(camera) for goal in goals],
            )
            for camera in policy.state.estimator.perceptions
        ]
    pictures = np.concatenate([shots[cameras[0]] for shots in episodes])
    encoder = policy.state.encoder
    encoding = encoder.encode(pictures) if encoder else None
    if encoder is None or encoding is None or encoding.points is None or encoding.maps is None:
        return [Panel(overlay.enlarge(pictures))]
    mass = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
    points = encoding.points.cpu().numpy()
    return [Panel(overlay.draw_points(pictures, points, mass.cpu().numpy()))]


def _filmed(
    env: StateObservation, policy: Policy, trial: Trial, cameras: Sequence[str | None]
) -> dict[str | None, np.ndarray]:
    """Roll out once; return the frames, uint8 (T, H, W, 3), by camera, None being the policy's."""
    shots: dict[str | None, list[np.ndarray]] = {camera: [] for camera in cameras}

    def keep(frame: np.ndarray) -> None:
        for camera, film in shots.items():
            film.append(frame if camera is None else np.asarray(frame_of(env.render(), camera)))

    evaluation.run_episode(env, policy.actor, trial, on_frame=keep)
    return {camera: np.stack(film) for camera, film in shots.items()}


def _believed(
    estimator: StateEstimator,
    camera: str,
    episodes: list[np.ndarray],
    goals: Sequence[Goal | None],
) -> Panel:
    """Draw what an estimator believes of a camera's points, in episodes one after the other.

    With the goal of each, where there is one.
    """
    perception = estimator.perceptions[camera]
    if not perception.has_presence:
        return Panel(overlay.enlarge(np.concatenate(episodes)), camera)
    alone = StateEstimator({camera: perception}, (), estimator.rate)
    seen = [alone.run(frames).seen[camera] for frames in episodes]
    verdicts = [Verdict(perception.kept, goal=goal) for goal in goals]
    told = list(zip(episodes, seen, verdicts, strict=True))
    drawn = [draw_state(frames, one, verdict) for frames, one, verdict in told]
    size = episodes[0].shape[1:3]
    entries = {e.text: e for _, one, verdict in told for e in legend(one, verdict, *size)}
    title = f"camera {camera}" if len(estimator.perceptions) > 1 else ""
    return Panel(np.concatenate(drawn), title, list(entries.values()))
