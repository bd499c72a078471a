"""The replay buffer in files: each checkpoint writes what came in since the last one, and no more.

A buffer is a ring of rows, one for each step of all copies; the row of step t stands at t modulo
its size. A file holds the rows of one stretch of steps and is never changed.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer

from dsae import checkpoint
from policies.errors import PolicyError

ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def save(buffer: ReplayBuffer, folder: Path, begin: int, end: int) -> None:
    """Write the rows of the steps from `begin` up to `end`, not included; those still there."""
    rows = np.arange(max(begin, end - buffer.buffer_size), end) % buffer.buffer_size
    tensors = {name: torch.from_numpy(values[rows]) for name, values in _arrays(buffer)}
    checkpoint.write(_file(folder, end), tensors, kind="replay", begin=begin, end=end)


def restore(buffer: ReplayBuffer, folder: Path, end: int) -> None:
    """Fill the buffer as it was after `end` steps; PolicyError if files of that are missing."""
    covered = first = max(0, end - buffer.buffer_size)
    for file in _files(folder):
        if not first < _end(file) <= end:
            continue
        tensors, header = checkpoint.read(file, kind="replay")
        if header["begin"] > covered:
            break
        covered = header["end"]
        steps = np.arange(header["end"] - len(tensors["rewards"]), header["end"])
        for name, values in _arrays(buffer):
            values[steps % buffer.buffer_size] = tensors[name].numpy()
    if covered != end:
        raise PolicyError(f"{folder} lacks a part of its replay buffer: learn in another folder")
    buffer.pos, buffer.full = end % buffer.buffer_size, end >= buffer.buffer_size


def remove(folder: Path, until: int | None = None) -> None:
    """Delete the files, or those alone whose steps are all before `until`."""
    for file in _files(folder):
        if until is None or _end(file) <= until:
            file.unlink()


def _arrays(buffer: ReplayBuffer) -> Iterator[tuple[str, np.ndarray]]:
    for name in ARRAYS:
        values = getattr(buffer, name)
        if not isinstance(values, dict):
            yield name, values
            continue
        for part, inner in values.items():
            yield f"{name}.{part}", inner


def _file(folder: Path, end: int) -> Path:
    return folder / f"replay-{end:010d}.safetensors"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("replay-*.safetensors"))


def _end(file: Path) -> int:
    return int(file.stem.removeprefix("replay-"))
