"""What earlier calls of a verb that runs stages left in its folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsae.commands import runs
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.stages import STAGES_FILE, Stage


def noted(folder: Path, verb: str) -> dict[str, Any]:
    """Return the options of the run of a verb that a folder holds; none if it holds none."""
    if not (folder / runs.CONFIG_FILE).is_file():
        return {}
    record = runs.read_run(folder)
    options: dict[str, Any] = record["options"] if record["verb"] == verb else {}
    return options


def missing(stages: Sequence[Stage], folder: Path) -> list[Stage]:
    """Return the stages that no earlier call finished."""
    path = folder / STAGES_FILE
    done = runs.read_json(path)["seconds"] if path.exists() else {}
    return [stage for stage in stages if stage.name not in done]


def lacking(figure: str, stages: Sequence[Stage], folder: Path) -> list[str]:
    """Return the names of the evaluations that were finished without a figure."""
    found = []
    for stage in stages:
        verb, _, slug = stage.name.partition("-")
        path = folder / slug / EVALUATION_FILE
        if verb == "evaluate" and path.exists() and figure not in runs.read_json(path):
            found.append(stage.name)
    return found


def forget(names: Sequence[str], folder: Path) -> None:
    """Have stages done again."""
    path = folder / STAGES_FILE
    if names and path.exists():
        saved = runs.read_json(path)
        seconds = {name: took for name, took in saved["seconds"].items() if name not in names}
        runs.save_json(path, {**saved, "seconds": seconds})
