"""The command as a person calls it, and what is in a folder before and after."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("doctor", "tasks", "collect", "import", "inspect", "encoders", "train", "evaluate",
         "compare", "overlay", "view", "sample", "traverse", "filters", "state", "goal", "export",
         "learn", "rollout", "benchmark", "demo")  # fmt: skip
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


class Made(NamedTuple):
    """Folders that the verbs made."""

    data: Path
    """Six episodes of Push, 25 steps each, 32×32."""
    small: Path
    """Two episodes of Push, 24×40."""
    dsae: Path
    """A spatial autoencoder, trained for a few steps."""
    vae: Path
    policy: Path
    """A blind policy."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dsae", *map(str, arguments)]


def dsae(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def with_package(package: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Call it in a folder whose packages go before ours."""
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)])}
    return subprocess.run(
        command(*arguments), cwd=package, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder and its bytes; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
