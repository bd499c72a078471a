"""What earlier calls of `dsae compare` left in its folder."""

from collections.abc import Sequence
from pathlib import Path

from dsae.commands import runs
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.stages import STAGES_FILE, Stage

ALL = "all"


def recorded(folder: Path) -> tuple[list[str], list[int]]:
    """Return encoders and seeds of the comparison that a folder holds, if it does."""
    if not (folder / runs.CONFIG_FILE).is_file():
        return [], []
    record = runs.read_run(folder)
    if record["verb"] != "compare":
        return [], []
    options = record["options"]
    # A comparison that ended before its encoders were noted still says `all`.
    return [name for name in options["encoders"] if name != ALL], [*map(int, options["seeds"])]


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
