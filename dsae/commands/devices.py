"""Where torch computes, and on how many threads."""

import torch

from dsae.commands.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")


def use_device(name: str, threads: int = 0) -> torch.device:
    """Return the device of a name, after setting the number of threads (0 leaves it)."""
    if name not in DEVICES:
        raise UsageError(f"unknown device '{name}': choose from {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("this machine has no CUDA device: use --device cpu or auto")
    if threads:
        torch.set_num_threads(threads)
    cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")
