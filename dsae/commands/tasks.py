"""List the tasks: what varies in them, how often their expert succeeds, how fast they render.

Example:
    dsae tasks --pictures pictures
    dsae tasks push,lift_block --episodes 100 --page docs/tasks.md

The success rate and the frames per second are measured when you ask: fresh seeds, one core a task.
`--episodes 0` lists without measuring. Adapters' tasks are measured when they are named.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

import envs
from data.files import make_folder, write_atomically
from data.processes import spawn_pool
from dsae.commands import environments, opengl, runs, survey
from dsae.commands.environments import Names
from dsae.commands.errors import UsageError
from dsae.commands.options import argument, runtime
from dsae.commands.progress import Bar
from dsae.commands.rollout import FRESH_SEED
from dsae.commands.survey import Finding
from envs.errors import TaskError

COLUMNS = ("task", "id", "steps", "actions", "objects", "expert", "frames/s", "factors")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to list, and how closely to look."""

    names: Names = argument(())
    """Names divided by commas; all of our own tasks if left out."""
    episodes: Annotated[int, Field(ge=0)] = 20
    """Episodes in which each expert is measured; 0 measures nothing."""
    seed: Annotated[int, Field(ge=0)] = FRESH_SEED
    """Seed of the first of them; the others count on from it."""
    size: Annotated[int, Field(ge=8, le=2048)] = 64
    """Image side in pixels at which frames per second are counted."""
    pictures: Path | None = None
    """Folder for a picture strip of each task: an expert's episode, and all factors at once."""
    page: Path | None = None
    """Write the list as a Markdown page; the strips stand in a folder of its name beside it."""
    json: bool = False
    """Print the list as JSON."""
    workers: Annotated[int, Field(gt=0)] = runtime(os.cpu_count() or 1)
    """Processes."""


def run(options: Options) -> int:
    """Look at each task in a process of its own, print the list, write page and pictures."""
    opengl.ensure()
    if options.page and options.page.suffix != ".md":
        raise UsageError(f"the page is a .md, not '{options.page.name}'")
    names = options.names or envs.names()
    for name in names:  # an unknown one is said here, not by a worker
        if not environments.is_ours(envs.task_id(name)):
            raise UsageError(f"{name} is neither one of our tasks nor a suite's: leave it out")
    folder = options.pictures
    if options.page:
        folder = folder or options.page.with_suffix("")
    findings, strips = _look(names, options, pictures=folder is not None)
    for name, strip in strips.items():
        assert folder is not None
        make_folder(folder)
        write_atomically(folder / f"{_file(name)}.png", strip)
    if options.page:
        assert folder is not None
        options.page.parent.mkdir(parents=True, exist_ok=True)
        pictures = Path(os.path.relpath(folder, options.page.parent))
        text = page(findings, pictures, options)
        write_atomically(options.page, text.encode())
    if options.json:
        runs.print_json([finding._asdict() for finding in findings])
    else:
        runs.say(table(findings))
        runs.say("\n".join(["", *(_suite(adapter) for adapter in envs.adapter_names())]))
    return 0


def _look(
    names: tuple[str, ...], options: Options, *, pictures: bool
) -> tuple[list[Finding], dict[str, bytes]]:
    workers = min(options.workers, len(names))
    with spawn_pool(workers) as pool, Bar("looking", len(names), "task") as bar:
        looks = {
            name: pool.submit(survey.look, name, options.episodes, options.seed, options.size)
            for name in names
        }
        strips = {name: pool.submit(survey.strip, name, options.seed) for name in names if pictures}
        findings = []
        for name in names:
            findings.append(looks[name].result())
            bar.show(len(findings), name)
        return findings, {name: strip.result() for name, strip in strips.items()}


def table(findings: list[Finding]) -> str:
    """Return the list as plain text in columns."""
    rows = [COLUMNS, *(_cells(finding) for finding in findings)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def page(findings: list[Finding], pictures: Path, options: Options) -> str:
    """Return the list as a Markdown page with the strips in it."""
    columns = [name for name in COLUMNS if name not in ("factors", "id")]
    lines = [
        "# Tasks",
        "",
        f"Made by `dsae tasks --page {options.page}`"
        f" with `--episodes {options.episodes}`: each expert on as many fresh seeds, frames per "
        f"second of one core's time at {options.size}×{options.size} pixels, physics and expert "
        "included.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for finding in findings:
        cells = dict(zip(COLUMNS, _cells(finding), strict=True))
        lines.append("| " + " | ".join(cells[name] for name in columns) + " |")
    for finding in findings:
        lines += [
            "",
            f"## {finding.name}",
            "",
            f"`{finding.id}`. {finding.about}",
            "",
            f"![{finding.name}]({pictures / (_file(finding.name) + '.png')})",
            "",
            f"Above: {'the expert' if finding.has_expert else 'random actions'}, from the first "
            "frame to the last."
            + (" Below: first frames with every factor of variation." if finding.factors else ""),
        ]
    return "\n".join(lines) + "\n"


def _suite(adapter: str) -> str:
    """One line on a suite: its tasks' names, or what to install for them."""
    try:
        return f"{adapter}: {', '.join(envs.adapted(adapter))}"
    except TaskError as error:
        return str(error)


def _cells(finding: Finding) -> tuple[str, ...]:
    rate = "" if finding.rate is None else f"{finding.rate:.0f}"
    expert = "none" if not finding.has_expert else ""
    if finding.successes is not None:
        expert = f"{finding.successes}/{finding.episodes}"
    actions = ", ".join(f"{mode} {size}" for mode, size in finding.actions.items())
    values: tuple[Any, ...] = (
        finding.name, finding.id, finding.horizon, actions, ", ".join(finding.objects), expert,
        rate, ", ".join(finding.factors),
    )  # fmt: skip
    return tuple(map(str, values))


def _file(name: str) -> str:
    return name.replace("/", "-").replace(":", "-")
