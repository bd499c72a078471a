"""An algorithm of Stable-Baselines3 in safetensors files, to be gone on with.

What SB3 itself saves is unpickled when it is loaded, and could run code.
"""

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from dsae import checkpoint
from policies.errors import PolicyError
from policies.reinforcement import replay
from policies.reinforcement.normalisation import statistics

ALPHA = "log_ent_coef"
"""SAC's log α, a parameter that belongs to no network."""


def save(
    folder: Path, model: BaseAlgorithm, env: VecNormalize, learning: dict[str, Any], since: int
) -> None:
    """Write how far the algorithm is: networks, optimisers, statistics and replay buffer.

    `learning` is JSON that says what is learned, `since` at how many steps this was called last.
    The file that the rest goes by comes last: killed in between, the checkpoint before is whole.
    """
    file = folder / checkpoint.CHECKPOINT_FILE
    buffer = getattr(model, "replay_buffer", None)
    rows = model.num_timesteps // model.n_envs
    if buffer:
        replay.save(buffer, folder, since // model.n_envs, rows)
    tensors = _tensors(model) | {
        f"{name}/{key}": torch.as_tensor(getattr(seen, key), dtype=torch.float64)
        for name, seen in statistics(env).items()
        for key in ("mean", "var", "count")
    }
    checkpoint.write(
        file, tensors, kind="reinforcement", steps=model.num_timesteps, learning=learning
    )
    if buffer:
        replay.remove(folder, until=rows - buffer.buffer_size)


def restore(
    folder: Path, model: BaseAlgorithm, env: VecNormalize, learning: dict[str, Any], until: int
) -> None:
    """Set the algorithm to where the checkpoint in `folder` left it, if there is one.

    The replay buffer is left empty if it took `until` steps already: nothing is learned any more.
    Raises PolicyError if it is of something else than `learning`, CheckpointError if it is damaged.
    """
    file = folder / checkpoint.CHECKPOINT_FILE
    if not file.exists():
        replay.remove(folder)  # what was written before a first checkpoint was whole
        return
    tensors, header = checkpoint.read(file, kind="reinforcement")
    if header["learning"] != json.loads(json.dumps(learning)):
        raise PolicyError(f"{file} was written by a learning of another configuration")
    model.num_timesteps = header["steps"]
    for name in model.get_parameters():
        part = attrgetter(name)(model)
        if isinstance(part, torch.optim.Optimizer):
            checkpoint.restore_optimizer(part, checkpoint.part(tensors, f"{name}/"))
        else:
            part.load_state_dict(_part(tensors, name))
    if getattr(model, ALPHA, None) is not None:
        getattr(model, ALPHA).data.copy_(tensors[ALPHA])
    for name, seen in statistics(env).items():
        part = _part(tensors, name)
        seen.mean, seen.var = part["mean"].numpy(), part["var"].numpy()
        seen.count = float(part["count"])
    buffer = getattr(model, "replay_buffer", None)
    if buffer and model.num_timesteps < until:
        replay.restore(buffer, folder, model.num_timesteps // model.n_envs)


def _tensors(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, values in model.get_parameters().items():
        part = attrgetter(name)(model)
        if isinstance(part, torch.optim.Optimizer):
            memory = checkpoint.describe_optimizer(part)
            tensors |= {f"{name}/{key}": value for key, value in memory.items()}
        else:
            # Clones: networks for pixels go by several names, and safetensors knows one a tensor.
            tensors |= {f"{name}/{key}": value.clone() for key, value in values.items()}
    if getattr(model, ALPHA, None) is not None:
        tensors[ALPHA] = getattr(model, ALPHA)
    return tensors


def _part(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
