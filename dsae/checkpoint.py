"""Encoders and training states in safetensors files: weights and JSON, no code."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from dsae import encoders
from dsae.encoder import Encoder
from dsae.errors import CheckpointError

FORMAT_VERSION = 1
ENCODER_FILE = "encoder.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"


def load(path: str | Path, device: str | torch.device = "cpu") -> Encoder:
    """Load a trained encoder from its file, or from the run folder that holds one, ready for use.

    Raises CheckpointError if there is none, or if the file is damaged or of another format.
    """
    path = Path(path)
    file = path / ENCODER_FILE if path.is_dir() else path
    tensors, header = read(file, kind="encoder")
    return restore_encoder(tensors, header["encoder"]).to(device).eval()


def save(path: str | Path, encoder: Encoder, **extra: Any) -> None:
    """Write an encoder as one file; `extra` is JSON that comes along in the header."""
    write(path, encoder.state_dict(), kind="encoder", encoder=describe_encoder(encoder), **extra)


def describe_encoder(encoder: Encoder) -> dict[str, Any]:
    """Return what `restore_encoder` needs beside the weights, as JSON."""
    values = dataclasses.asdict(encoder.config)
    return {
        "family": encoders.family_of(encoder),
        "config": {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()},
        "image_shape": list(encoder.image_shape),
        "sizes": encoder.sizes,
    }


def restore_encoder(tensors: dict[str, torch.Tensor], description: dict[str, Any]) -> Encoder:
    """Build the described encoder and give it its weights."""
    try:
        height, width, channels = description["image_shape"]
        encoder = encoders.restore(
            description["family"],
            description["config"],
            (height, width, channels),
            description.get("sizes", {}),  # older files have none
        )
        encoder.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"the encoder does not fit this version of dsae: {reason}") from error
    return encoder


def write(path: str | Path, tensors: dict[str, torch.Tensor], *, kind: str, **header: Any) -> None:
    """Write tensors and a JSON header under a temporary name, flush it to disk, then rename it."""
    path = Path(path)
    meta = json.dumps({"format": FORMAT_VERSION, "kind": kind, **header}, sort_keys=True)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, to_bytes(plain, {"dsae": meta}))


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that after a crash there is the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """Return what an optimiser remembers of its parameters, by names that begin with `prefix`."""
    return {
        f"{prefix}{index}.{key}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], prefix: str
) -> None:
    """Give an optimiser what `optimizer_tensors` returned, out of `tensors`; rates stay as is."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, _, key = name.removeprefix(prefix).partition(".")
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def read(path: Path, *, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors and the header of a file of the given kind."""
    if not path.is_file():
        raise CheckpointError(f"there is no {kind} at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("dsae", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error
    if header.get("format") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {header.get('format')}, this version reads {FORMAT_VERSION}"
        )
    if header.get("kind") != kind:
        raise CheckpointError(f"{path} is of kind '{header.get('kind')}', not '{kind}'")
    return tensors, header
