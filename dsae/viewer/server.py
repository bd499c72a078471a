"""The web server of the page, on this machine's loopback address alone."""

import errno
import os
import socket
import sys
import threading
import webbrowser

import uvicorn
from starlette.types import ASGIApp

from dsae.errors import DsaeError

HOST = "127.0.0.1"
FIRST_PORT = 8080
TRIES = 100  # ports from the first on, before the system chooses one
IDLE = 600  # (seconds) that a browser's connection stays open while nobody does anything
PATIENCE = 3  # (seconds) that unfinished answers get when it ends


def claim(port: int | None) -> socket.socket:
    """Return a socket that listens on a port of the loopback address, so that nobody else can.

    It is `FIRST_PORT` or the next free one if left out. Raises DsaeError if `port` is taken or
    not for everybody.
    """
    wanted = [*range(FIRST_PORT, FIRST_PORT + TRIES), 0] if port is None else [port]
    for candidate in wanted:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # a port that was in use a moment ago is free; elsewhere: shared
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
            listener.listen()
            return listener
        except OSError as error:
            listener.close()
            if port is not None or error.errno != errno.EADDRINUSE:
                raise DsaeError(
                    f"port {candidate} cannot be used ({os.strerror(error.errno or 0).lower()}): "
                    "choose another --port, or leave it out"
                ) from error
    raise AssertionError("the system always has a port")


def address(listener: socket.socket) -> str:
    """Return what to type into a browser."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def open_browser(url: str) -> None:
    """Open a browser window where there is a screen; a browser in the terminal is none."""
    if sys.platform in ("darwin", "win32") or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer until SIGINT, which then raises KeyboardInterrupt, or SIGTERM."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=PATIENCE,
    )
    uvicorn.Server(config).run(sockets=[listener])
