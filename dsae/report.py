"""A report as one self-contained HTML file: pictures and videos lie inside it."""

import base64
from pathlib import Path
from typing import Any

import jinja2

from dsae.checkpoint import write_atomically

MEDIA_TYPES = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}


def embed(path: Path) -> str:
    """Return the content of a picture or video as a data URI."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    return f"data:{MEDIA_TYPES[path.suffix]};base64,{encoded}"


def write_report(path: Path, template: str, **values: Any) -> None:
    """Fill a template of `dsae/templates` with values and write the page, whole or not at all.

    A value that the template names and nobody gives is an error, not a gap in the page.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dsae"), undefined=jinja2.StrictUndefined, autoescape=True
    )
    page = environment.get_template(template).render(**values)
    write_atomically(path, page.encode())
