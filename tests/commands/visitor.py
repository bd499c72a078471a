"""A person's browser on the page of a `dsae view` that runs in a process of its own."""

import base64
import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import cv2
import numpy as np
from terminal import ENVIRONMENT, command


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Page:
    """A running `dsae view` and a browser's connection to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.line = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+) shows ", self.line)
        assert found, (self.line, process.communicate(timeout=30))
        self.port = int(found[1])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, path: str, content: Any = None, **headers: str) -> Answer:
        body = None if content is None else json.dumps(content)
        self.connection.request("POST" if body else "GET", path, body, headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str) -> Any:
        answer = self.ask(path)
        assert answer.status == 200, answer.body
        return answer.json

    def drawn(self, episode: int, frame: int, moved: dict[int, float]) -> np.ndarray:
        answer = self.ask(f"/api/episodes/{episode}/frames/{frame}/drawing", {"moved": moved})
        assert answer.status == 200, answer.body
        return picture(answer.json["drawn"])


@contextmanager
def viewing(*arguments: object) -> Iterator[Page]:
    process = subprocess.Popen(
        command("view", *arguments, "--no-browser"),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        page = Page(process)
        yield page
        page.connection.close()
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def picture(uri: str) -> np.ndarray:
    head, _, encoded = uri.partition(",")
    assert head == "data:image/png;base64"
    read = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
