"""A report as a browser takes it apart."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps sources, anchors and the text."""

    VOID = {"meta", "img", "br", "link", "circle", "polyline", "polygon"}  # noqa: RUF012

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.identities: list[str] = []
        self.words = ""
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources += [str(values[key]) for key in ("src", "href") if key in values]
        self.identities += [str(values["id"])] if "id" in values else []
        assert not any(key.startswith("on") for key in values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            # A list's or table's inner end tags are all written out.
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
