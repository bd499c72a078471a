"""How many processes may run at the same time, and how much memory the largest took."""

import os
import resource

from dsae.commands import memory
from dsae.commands.errors import UsageError


def fit(
    verb: str, each: float, wanted: int | None, threads: int, limit: float | None
) -> tuple[int, str]:
    """Return how many processes of `each` GB fit, and a line that says why.

    `wanted` is how many a person asks for (else as many as there are cores for their threads),
    `limit` the GB that all may take (else what is free). UsageError if not even one fits.
    """
    most = limit or memory.available_bytes() / memory.GB
    if each > most:
        raise UsageError(
            f"{verb}: one process takes about {each:.1f} GB, more than the {most:.1f} GB "
            + ("of --memory" if limit else "that are free")
        )
    asked = wanted or max(1, (os.cpu_count() or 1) // threads)
    slots = min(asked, int(most / each))
    held = " (for lack of memory)" if slots < asked else ""
    return slots, (
        f"{slots} at a time{held}, {threads} thread{'s' * (threads > 1)} each; "
        f"about {each:.1f} GB each of {most:.1f} GB"
    )


def largest_process_gb() -> float | None:
    """Return the most memory that one stage of this call took, in GB, where the system tells."""
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(kilobytes * 1024 / memory.GB, 2) if kilobytes else None
