"""When and where figures were made, for the results and the page."""

import platform
from datetime import datetime
from importlib.metadata import version
from typing import Any

from dsae.commands import doctor


def here() -> dict[str, Any]:
    """Return the date and what is to be known of the machine."""
    return {
        "date": datetime.now().astimezone().isoformat(timespec="minutes"),
        "machine": {
            "cores": doctor.processor(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "torch": version("torch"),
            "mujoco": version("mujoco"),
        },
    }
