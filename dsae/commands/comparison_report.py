"""What a comparison leaves behind: results.json, table.md, report.html and a printed summary."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsae import plots, report
from dsae.checkpoint import write_atomically
from dsae.commands import circumstances, comparison, illustrations, runs, tables
from dsae.commands.column_groups import OVERVIEW
from dsae.commands.comparison import Outcome
from dsae.commands.encoders import summary as described
from dsae.commands.progress import Bar
from dsae.logger import read_metrics
from dsae.overlay import png_bytes

CURVE_POINTS = 300  # of a loss curve, at most
PLOTTED = (
    ("keypoint_means.probe_px", "linear probe error [px]", "keypoint_means.constant_px"),
    ("reconstruction.foreground_mse", "foreground MSE", "reconstruction.mean_image_foreground_mse"),
)
"""What is drawn against the code's size: figure, name, and the same of a constant guess."""


def write(folder: Path, facts: dict[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write results.json, table.md and report.html."""
    facts = {**facts, **circumstances.here()}
    figures = {outcome.name: comparison.as_json(outcome) for outcome in outcomes}
    runs.save_json(folder / "results.json", {**facts, "encoders": figures})
    found = tables.tables(outcomes)
    heading = f"{len(outcomes)} encoders on {facts['data']['folder']}"
    text = f"`{facts['command']}`, {facts['date']}\n\n{tables.markdown(found)}"
    write_atomically(folder / "table.md", f"# {heading}\n\n{text}".encode())
    failures = [(o.name, *failure) for o in outcomes for failure in o.failures.items()]
    report.write_report(
        folder / "report.html",
        "compare.html.j2",
        facts=facts,
        failures=failures,
        tables=found,
        kinds=tables.KINDS,
        spatial={outcome.name for outcome in outcomes if outcome.spatial},
        controls={outcome.name for outcome in outcomes if outcome.control},
        anchors={outcome.name: anchor(outcome.name) for outcome in outcomes},
        plots=list(_plots(outcomes)),
        sections=_sections(outcomes, found[0] if found else None),
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the overview as text of at most 100 columns; `*` marks what is best."""
    found = tables.table(OVERVIEW, outcomes)
    if found is None:
        return "no encoder was trained and measured"
    lines: list[list[str]] = [
        ["encoder", *(column.title for column in found.columns)],
        ["", *(column.unit for column in found.columns)],
    ]
    for row in found.rows:
        rival = row.kind in ("contestant", "failed")
        texts = [cell.text + "*" * cell.best for cell in row.cells]
        empty = [""] * (len(found.columns) - 1)
        lines.append(
            [
                row.name if rival else f"({row.name})",
                *(["failed", *empty] if row.kind == "failed" else texts),
            ]
        )
    legend = "* best of those that compete; (in brackets) what they are compared with"
    aided = [row.name for row in found.rows if tables.AIDED in row.note]
    notes = [f"{name} {tables.AIDED}: its image and foreground do not compete" for name in aided]
    return "\n".join(["", *tables.aligned(lines), legend, *notes])


def anchor(name: str) -> str:
    """Return what an encoder's section is called within the page."""
    return "encoder-" + name.replace(":", "-")


def _plots(outcomes: Sequence[Outcome]) -> list[str]:
    """Return errors against the code's size as SVG."""
    every = comparison.shared(outcomes)
    found = []
    for path, title, constant in PLOTTED:
        dots = [_dot(outcome, path) for outcome in outcomes if path in outcome.summaries]
        if not dots:
            continue
        level = ("constant guess", every[constant]) if constant in every else None
        found.append(plots.dots(dots, x="numbers in the code", y=title, reference=level))
    return found


def _dot(outcome: Outcome, path: str) -> plots.Dot:
    kind: plots.Kind = "spatial" if outcome.spatial else "other"
    if not outcome.competes(path):
        kind = "control"
    size, error = outcome.summaries["code_size"].mean, outcome.summaries[path]
    return plots.Dot(outcome.name, size, error.mean, kind, error.interval)


def _sections(outcomes: Sequence[Outcome], overview: tables.Table | None) -> list[dict[str, Any]]:
    """Return what the page says of each encoder, in the order of the tables."""
    rows = {row.name: row.cells for row in overview.rows} if overview else {}
    columns = overview.columns if overview else ()
    sections = []
    order = comparison.ranked(outcomes)
    with Bar("drawing", len(order), "encoder") as bar:
        for number, outcome in enumerate(order, start=1):
            pictures, trouble = _pictures(outcome)
            sections.append(
                {
                    "name": outcome.name,
                    "anchor": anchor(outcome.name),
                    "text": _description(outcome.name),
                    "outcome": outcome,
                    "row": list(zip(columns, rows[outcome.name], strict=True))
                    if outcome.evaluations
                    else [],
                    "curves": _curves(outcome),
                    "pictures": pictures,
                    "trouble": trouble,
                }
            )
            bar.show(number)
    return sections


def _description(name: str) -> str:
    family, preset = name.partition(":")[::2]
    return described(family) + (f" Here with {described(name)}." if preset else "")


def _pictures(outcome: Outcome) -> tuple[list[dict[str, Any]], str]:
    """Return pictures of an encoder's first seed, and what kept others from being drawn."""
    found: list[dict[str, Any]] = []
    for seed, folder in list(outcome.folders.items())[:1]:
        try:
            found += map(_embedded, illustrations.illustrate(folder, seed))
        except Exception as error:  # an encoder's fault, which must not cost the others' figures
            trouble = f"{type(error).__name__}: {error}".splitlines()[0]
            runs.say(f"{outcome.name} could not be drawn: {trouble}")
            return found, trouble
    return found, ""


def _embedded(picture: illustrations.Picture) -> dict[str, Any]:
    """Return a picture as the page takes it."""
    height, width, _ = picture.image.shape
    data = base64.b64encode(png_bytes(picture.image)).decode()
    return {
        "title": picture.title,
        "text": picture.text,
        "source": f"data:image/png;base64,{data}",
        "square": abs(height - width) < 0.2 * width,
    }


def _curves(outcome: Outcome) -> str:
    """Return the loss of every seed as SVG; nothing for an encoder that takes no steps."""
    series = []
    for seed, folder in outcome.folders.items():
        pairs = [(row["step"], row["loss"]) for row in read_metrics(folder) if "loss" in row]
        kept = pairs[:: -(-len(pairs) // CURVE_POINTS) or 1]
        if kept:
            series.append((f"seed {seed}", kept))
    return plots.curves(series, x="step", y="loss") if series else ""
