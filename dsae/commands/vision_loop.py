"""The paper's loop: learn without vision, collect images with that, train an encoder, learn to see.

A first controller reaches the neighbourhood by the robot's own state. With exploration noise, and
with things put a little elsewhere each time, it collects the images that an encoder is trained on;
its feature points, filtered, and an image of the goal are what the second controller learns with
(Finn et al. 2016, Sections III and V). Each step is a stage in its own process, so that an
interrupted loop goes on where it stopped.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.dataset import Dataset
from dsae import encoders
from dsae.commands import runs
from dsae.commands.command_line import pairs
from dsae.commands.errors import UsageError
from dsae.commands.stages import Stage, Stages
from dsae.logger import read_metrics
from policies.policy import POLICY_FILE

AUTO = "auto"
LOOP_FILE = "loop.json"
NOISE = 0.3
"""Of the actions while images are collected, as a share of half their range."""
PRESENCE = 0.3
"""Share of its usual softmax mass below which a point is absent: less than by default, since what
the hand half hides is better seen badly than extrapolated for seconds."""
FIRST_SEED, SEED_STRIDE, SEED_SPAN = 2**31, 1000, 2_000_000_000
"""The images' episodes have seeds from 2³¹ on, where nothing is evaluated, 1,000 for each loop."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One loop."""

    learner: str
    task: str
    encoder: str
    """NAME[:preset], or auto for the recommended one."""
    first: Mapping[str, Any]
    """Settings of the learner without vision; `settings` are stronger."""
    seen: Mapping[str, Any]
    """Settings of the learner on what is seen; likewise."""
    settings: Mapping[str, Any]
    images: int
    """Episodes to train the encoder on."""
    steps: int
    """Of the encoder's training."""
    size: str | None
    cameras: tuple[str, ...]
    """Whose frames are seen, each camera's by an encoder of its own."""
    env: Mapping[str, Any]
    seed: int
    device: str
    """Of the encoders' trainings and of `dsae state`; what acts is small and on the CPU."""
    threads: int
    """Likewise."""
    workers: int
    folder: Path

    def run(self) -> dict[str, Any]:
        """Run what is not finished; the policy comes to lie in the folder, the counts are returned.

        Raises UsageError with what a failing stage said.
        """
        stages = self.stages()
        work = Stages(stages, self.folder, self.workers)
        seconds = work.run()
        shutil.copyfile(self.folder / "control" / POLICY_FILE, self.folder / POLICY_FILE)
        counts = {
            "rollouts": {
                "blind": _rollouts(self.folder / "blind"),
                "images": len(Dataset.open(self.folder / "data")),
                "control": _rollouts(self.folder / "control"),
            },
            "seconds": {stage.name: seconds[stage.name] for stage in stages},
            "total_seconds": work.elapsed,
        }
        runs.save_json(self.folder / LOOP_FILE, counts)
        return counts

    def stages(self) -> list[Stage]:
        """Return the steps, each waiting for the one before."""
        folder, seed = self.folder, str(self.seed)
        name = "dsae" if self.encoder == AUTO else self.encoder
        encoders.config(name)  # refused here if there is none of that name
        size = ("--size", self.size) if self.size else ()
        eyes = self._trainings(name)
        first_eye, *others = (str(eye.run_folder) for eye in eyes)
        also = ("--also", ",".join(others)) if others else ()
        world = pairs("--env", self.env)
        learn = ("learn", self.learner, self.task, *world, "--seed", seed, "--workers",
                 str(self.workers), "--device", "cpu")  # fmt: skip
        first = {**self.first, **self.settings}
        seen = {**self.seen, **self.settings, "begin": str(folder / "blind")}
        return [
            self._stage("blind", "learning without vision", (
                *learn, "--state", "blind", *pairs("--set", first))),
            self._stage("data", "collecting images", (
                "collect", self.task, "--controller", str(folder / "blind"), "--noise", str(NOISE),
                "--episodes", str(self.images), "--seed", str(self.image_seed), *size,
                "--cameras", ",".join(self.cameras), *pairs("--set", self.env), "--workers",
                str(self.workers)), "blind"),
            *eyes,
            self._stage("state", "choosing points, fitting filters", (
                "state", first_eye, *also, *self._looking, "--set", f"presence={PRESENCE}"),
                *(eye.name for eye in eyes)),
            self._stage("control", "learning on what is seen", (
                *learn, "--state", str(folder / "state"), *pairs("--set", seen)),
                "state"),
        ]  # fmt: skip

    @property
    def image_seed(self) -> int:
        """The seed of the first episode that images are collected in."""
        return FIRST_SEED + SEED_STRIDE * self.seed % SEED_SPAN

    @property
    def _looking(self) -> tuple[str, ...]:
        return ("--device", self.device, "--threads", str(self.threads))

    def _trainings(self, encoder: str) -> list[Stage]:
        """One for each camera, side by side."""
        several = len(self.cameras) > 1
        return [
            self._stage(
                f"encoder-{camera}" if several else "encoder",
                f"training {encoder}" + (f", camera {camera}" if several else ""),
                ("train", encoder, str(self.folder / "data"), "--steps", str(self.steps), "--seed",
                 str(self.seed), *self._looking, *(("--camera", camera) if several else ())),
                "data",
                slots=1,
            )
            for camera in self.cameras
        ]  # fmt: skip

    def _stage(
        self, name: str, title: str, arguments: tuple[str, ...], *needs: str, slots: int = 0
    ) -> Stage:
        run_folder = self.folder / name
        return Stage(
            name=name,
            title=title,
            arguments=(*arguments, "--out", str(run_folder)),
            needs=needs,
            slots=slots or self.workers,
            run_folder=run_folder,
        )


def summary(counts: Mapping[str, Any]) -> str:
    """Return a line that says what a loop took."""
    rollouts = counts["rollouts"]
    return (
        f"{sum(rollouts.values())} rollouts ({rollouts['blind']} without vision, "
        f"{rollouts['images']} for images, {rollouts['control']} on what is seen), "
        f"{counts['total_seconds'] / 60:.1f} minutes"
    )


def _rollouts(folder: Path) -> int:
    rows = read_metrics(folder)
    if not rows:
        raise UsageError(f"{folder} has no log: delete it and run the same command again")
    return int(rows[-1]["rollouts"])
