"""How much memory a training or an evaluation takes, before it is begun."""

import math
import os
from pathlib import Path

from data.windows import MEMORY_LIMIT
from dsae.encoder import ENCODE_CHUNK

GB = 1e9
LIBRARIES = 0.6 * GB  # bytes of a process that has loaded torch and the metrics and done nothing
ACTIVATIONS = 128  # bytes per pixel of an image while a chunk of images passes through a network
CLONED = 3 * 4  # bytes per number of an image that is cloned from: three arrays of floats
REPLAYED = 2  # bytes per number of an image that is replayed: as what is seen before and after


def process_bytes(frames: int, image_shape: tuple[int, int, int]) -> float:
    """Return about how much a process takes that trains or evaluates on so many frames.

    The frames themselves (beyond `MEMORY_LIMIT` they lie on disk), the libraries, and the
    activations of one chunk of images.
    """
    height, width, channels = image_shape
    held = min(frames * height * width * channels, MEMORY_LIMIT)
    return LIBRARIES + held + ENCODE_CHUNK * height * width * ACTIVATIONS


def looking_bytes(
    image_shape: tuple[int, int, int], *, cloned: int = 0, replayed: int = 0
) -> float:
    """Return about how much a learner that looks at images itself holds of them.

    `cloned` images are demonstrations, `replayed` ones lie in a replay buffer.
    """
    return math.prod(image_shape) * (CLONED * cloned + REPLAYED * replayed)


def available_bytes(root: Path = Path("/")) -> float:
    """Return the memory that is free for new processes, as far as machine and container tell.

    `root` holds `proc` and `sys`.
    """
    free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    machine, container = root / "proc/meminfo", root / "sys/fs/cgroup"
    if machine.exists():
        free = 1024.0 * int(_table(machine)["MemAvailable:"])
    limit = container / "memory.max"
    if limit.exists() and (most := limit.read_text().strip()).isdecimal():
        free = min(free, int(most) - _taken(container))
    return max(0.0, free)


def _taken(container: Path) -> int:
    """Return the bytes that a container cannot give back: files last read long ago are no loss."""
    current, parts = container / "memory.current", container / "memory.stat"
    taken = int(current.read_text()) if current.exists() else 0
    given_back = int(_table(parts).get("inactive_file", 0)) if parts.exists() else 0
    return max(0, taken - given_back)


def _table(file: Path) -> dict[str, str]:
    """Return the first value of each line of a file of the kernel by its name."""
    return {words[0]: words[1] for line in file.read_text().splitlines() if (words := line.split())}
