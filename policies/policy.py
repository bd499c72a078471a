"""A learned policy as one file: encoder, state layout, normalisation, weights and task."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from dsae import checkpoint, versions
from dsae.errors import DsaeError
from dsae.state import artefact
from dsae.state.layout import Part
from policies import learners
from policies.actor import Actor
from policies.errors import PolicyError
from policies.state import RATE, Eye, State

POLICY_FILE = "policy.safetensors"


class Task(NamedTuple):
    """The environment that a policy was learned for."""

    id: str
    """Gymnasium id."""
    settings: dict[str, Any]
    """Keyword arguments of `gymnasium.make`, the image size among them."""
    camera: str | None = None
    """The camera that the policy sees through, where the environment has a choice."""


class Policy(NamedTuple):
    """A state, and what to do in it."""

    state: State
    actor: Actor
    task: Task
    learner: str
    state_name: str


def save(path: Path, policy: Policy, **extra: Any) -> None:
    """Write the policy, its encoder or state estimator included, as one safetensors file.

    Its header tells the versions that it was learned with.
    """
    tensors = {f"actor.{name}": value for name, value in policy.actor.state_dict().items()}
    encoder, estimator = policy.state.encoder, policy.state.estimator
    if encoder:
        tensors |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    described = None
    if estimator:
        arrays, described = artefact.describe(estimator)
        tensors |= {f"estimator.{name}": value for name, value in arrays.items()}
    checkpoint.write(
        path,
        tensors,
        kind="policy",
        learner=policy.learner,
        actor=policy.actor.description(),
        layout=[list(part) for part in policy.state.layout],
        state=policy.state_name,
        encoder=checkpoint.describe_encoder(encoder) if encoder else None,
        estimator=described,
        task=policy.task._asdict(),
        image_shape=policy.state.image_shape,
        rate=policy.state.rate,
        versions=versions.installed(),
        **extra,
    )


def load(path: str | Path, device: str | torch.device = "cpu") -> Policy:
    """Read a policy from its file or from the run folder that holds one, its encoders on `device`.

    Raises CheckpointError if there is none or it is damaged, PolicyError if its learner is unknown
    or has changed since.
    """
    file = file_of(path)
    tensors, header = checkpoint.read(file, kind="policy")
    try:
        policy = _restore(tensors, header)
    except (DsaeError, PolicyError):
        raise
    except KeyError as error:
        raise PolicyError(f"{file} is damaged: its header lacks {error}") from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise PolicyError(f"{file} does not fit this version of the learner") from error
    policy.state.to(device)
    return policy


def file_of(path: str | Path) -> Path:
    """Return a policy's file, where its run folder is named or it itself."""
    path = Path(path)
    return path / POLICY_FILE if path.is_dir() else path


def _restore(tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> Policy:
    eye: Eye | None = None
    if header["encoder"]:
        eye = checkpoint.restore_encoder(
            checkpoint.part(tensors, "encoder."), header["encoder"]
        ).eval()
    elif header.get("estimator"):  # older files know none
        eye = artefact.restore(checkpoint.part(tensors, "estimator."), header["estimator"])
    actor = learners.module(header["learner"]).Actor(**header["actor"])
    actor.load_state_dict(checkpoint.part(tensors, "actor."))
    layout = tuple(Part(name, size) for name, size in header["layout"])
    shape = header.get("image_shape")  # older files know neither it nor a rate
    state = State(
        layout, eye, image_shape=tuple(shape) if shape else None, rate=header.get("rate", RATE)
    )
    return Policy(state, actor.eval(), Task(**header["task"]), header["learner"], header["state"])
