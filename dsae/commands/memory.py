"""How much memory a training or an evaluation takes, before it is begun."""

import os
from pathlib import Path

from data.windows import MEMORY_LIMIT
from dsae.encoder import ENCODE_CHUNK

GB = 1e9
LIBRARIES = 0.6 * GB  # bytes of a process that has loaded torch and the metrics and done nothing
ACTIVATIONS = 128  # bytes per pixel of an image while a chunk of images passes through a network
MEMORY_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/proc/meminfo"))


def process_bytes(frames: int, image_shape: tuple[int, int, int]) -> float:
    """Return about how much a process takes that trains or evaluates on so many frames.

    The frames themselves (beyond `MEMORY_LIMIT` they lie on disk), the libraries, and the
    activations of one chunk of images.
    """
    height, width, channels = image_shape
    held = min(frames * height * width * channels, MEMORY_LIMIT)
    return LIBRARIES + held + ENCODE_CHUNK * height * width * ACTIVATIONS


def available_bytes() -> float:
    """Return the memory that is free for new processes, as far as the machine tells."""
    container, machine = MEMORY_FILES
    free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if machine.exists():
        lines = dict(line.split(":") for line in machine.read_text().splitlines() if ":" in line)
        free = 1024.0 * int(lines["MemAvailable"].split()[0])
    if container.exists() and (limit := container.read_text().strip()).isdecimal():
        free = min(free, float(limit))
    return free
