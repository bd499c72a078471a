"""Rollouts as files, from which an interrupted learning goes on."""

from pathlib import Path

import numpy as np
import torch

from dsae import checkpoint
from policies.trajectory.sampling import Rollout


def write(file: Path, rolled: list[list[Rollout]]) -> None:
    """Write the rollouts of each condition, as many of one as of another."""
    flat = [rollout for rollouts in rolled for rollout in rollouts]
    columns = {
        name: torch.from_numpy(np.stack([np.asarray(getattr(one, name)) for one in flat]))
        for name in Rollout._fields
    }
    checkpoint.write(file, columns, kind="rollouts", conditions=len(rolled))


def read(file: Path) -> list[list[Rollout]]:
    """Return what `write` wrote."""
    tensors, header = checkpoint.read(file, kind="rollouts")
    columns = [tensors[name].numpy() for name in Rollout._fields]
    flat = [
        Rollout(states, actions, int(steps), float(cut), float(distance), bool(success))
        for states, actions, steps, cut, distance, success in zip(*columns, strict=True)
    ]
    count = len(flat) // header["conditions"]
    return [flat[i : i + count] for i in range(0, len(flat), count)]
