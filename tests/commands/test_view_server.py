"""`view`: whom it answers, where it listens, how it ends, and what it refuses."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Made, contents
from visitor import Page, viewing

from dsae.__main__ import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def points(made: Made) -> Iterator[Page]:
    with viewing(made.dsae) as page:
        yield page


REFUSED = {
    "/api/episodes/6": "there is no episode 6: they are 0 to 5",
    "/api/episodes/1/frames/25": "there is no frame 25: episode 1 has 0 to 24",
    "/api/episodes/9/frames/0": "there is no episode 9: they are 0 to 5",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_not_there_is_said_in_one_line(path: str, points: Page) -> None:
    answer = points.ask(path)
    assert (answer.status, answer.json) == (400, {"error": REFUSED[path]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"moved": {"32": 0.0}}, "the code has no number 32: they are 0 to 31"),
        ({"moved": {"-1": 0.0}}, "the code has no number -1: they are 0 to 31"),
        ({"moved": {"3": float("nan")}}, "number 3 of the code cannot be nan"),
        ({"moved": {"3": 1e999}}, "number 3 of the code cannot be inf"),
        ({"moved": {"x": 1}}, 'a drawing takes {"moved": {"NUMBER": VALUE, ...}}'),
        ({"moved": [1, 2]}, 'a drawing takes {"moved": {"NUMBER": VALUE, ...}}'),
        ({"points": {}}, 'a drawing takes {"moved": {"NUMBER": VALUE, ...}}'),
        ("all of it", 'a drawing takes {"moved": {"NUMBER": VALUE, ...}}'),
    ],
)
def test_a_change_that_cannot_be_is_refused(content: Any, message: str, points: Page) -> None:
    answer = points.ask("/api/episodes/1/frames/0/drawing", content)
    assert (answer.status, answer.json) == (400, {"error": message})


def test_only_this_machines_own_page_is_answered(points: Page) -> None:
    own = f"127.0.0.1:{points.port}"
    drawing, nothing = "/api/episodes/1/frames/0/drawing", {"moved": {}}
    for host in (own, f"localhost:{points.port}", "localhost:1234"):  # the last through a tunnel
        assert points.ask(drawing, nothing, host=host, origin=f"http://{host}").status == 200
    for host in ("rebound.example", f"rebound.example:{points.port}", "127.0.0.1.example", ""):
        assert points.ask("/api/run", host=host).status == 400
    for origin in ("http://elsewhere.example", "null", f"https://{own}", "http://127.0.0.1:1"):
        assert points.ask(drawing, nothing, host=own, origin=origin).status == 403


def test_it_listens_on_the_loopback_address_alone(points: Page) -> None:
    # Another address of the same machine, which a server on all addresses would answer.
    with pytest.raises(ConnectionRefusedError), socket.socket() as other:
        other.connect(("127.0.0.2", points.port))


def test_two_pages_take_two_ports_and_a_taken_one_is_refused(
    points: Page, made: Made, capsys: Capture
) -> None:
    with viewing(made.vae) as other:
        assert other.port != points.port
    assert main(["view", str(made.vae), "--port", str(points.port)]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(rf"dsae: port {points.port} cannot be used \(.*in use\): [^\n]+\n", error)


def test_it_ends_at_once_and_writes_nothing(made: Made) -> None:
    before = contents(made.dsae), contents(made.data)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with viewing(made.dsae, "--port", port, "--episode", 3) as page:
        assert page.port == port
        assert page.get("/api/run")["start"] == 3
        assert page.get("/api/episodes/3/frames/3")["maps"]  # the connection stays open
        page.process.send_signal(signal.SIGINT)
        output, errors = page.process.communicate(timeout=20)
        assert (page.process.returncode, output, errors) == (0, "\nended\n", "")
        with pytest.raises(ConnectionRefusedError), socket.socket() as other:
            other.connect(("127.0.0.1", port))
    assert (contents(made.dsae), contents(made.data)) == before


MISTAKES = {
    "no run": ("view", "view: run is missing"),
    "no encoder": ("view nowhere", "there is no encoder at nowhere"),
    "a file": ("view DSAE/encoder.safetensors", "is a file: name the run folder"),
    "data": ("view DATA", "there is no encoder at"),
    "episode": ("view DSAE --episode 6", "no episode 6: .* holds 6"),
    "camera": ("view DSAE --camera top", "no camera 'top'; available: front"),
    "another size": ("view DSAE --data SMALL", r"32×32×3, got uint8 of shape"),
    "no data": ("view DSAE --data nowhere", "nowhere is missing"),
    "no port": ("view DSAE --port 0", "port = '0': .* greater than or equal to 1"),
    "too high a port": ("view DSAE --port 65536", "port = '65536': .* less than or equal to 65535"),
    "port's form": ("view DSAE --port http", "port = 'http': .* valid integer"),
    "another host": ("view DSAE --host 0.0.0.0", "unrecognized arguments: --host 0.0.0.0"),
    "device": ("view DSAE --device gpu", "choose from auto, cpu, cuda"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = MISTAKES[mistake]
    for name, path in made._asdict().items():
        call = re.sub(rf"\b{name.upper()}\b", str(path), call)
    assert main(call.split()) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"dsae: [^\n]+\n", error), error
    assert re.search(message, error), error
    assert contents(tmp_path) == {}
