"""The page and its questions over HTTP, for this machine's own browser alone."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dsae.errors import DsaeError
from dsae.viewer.viewer import Viewer

PAGE = Path(__file__).parent / "page"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
HOSTS = ("127.0.0.1", "localhost")
HEADERS = {
    # The browser itself sees to it that the page asks nobody else for anything.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",  # another run may be looked at through the same port tomorrow
}


def application(viewer: Viewer) -> Starlette:
    """Return the app: the page at `/`, what it asks under `/api`.

    A question that cannot be answered gets status 400 and `{"error": one line}`. Whatever names
    another host than this machine (DNS rebinding), or comes from another site's page, is refused.
    """

    def describe(request: Request) -> Response:
        return JSONResponse(viewer.describe())

    def episode(request: Request) -> Response:
        return JSONResponse(viewer.episode(request.path_params["number"]))

    def frame(request: Request) -> Response:
        place = request.path_params
        return JSONResponse(viewer.frame(place["number"], place["frame"]))

    async def draw(request: Request) -> Response:
        place = request.path_params
        moved = _moved(await request.body())
        drawing = await run_in_threadpool(viewer.draw, place["number"], place["frame"], moved)
        return JSONResponse(drawing)

    of_frame = "/api/episodes/{number:int}/frames/{frame:int}"
    return Starlette(
        routes=[
            *_page(),
            Route("/api/run", describe),
            Route("/api/episodes/{number:int}", episode),
            Route(of_frame, frame),
            Route(of_frame + "/drawing", draw, methods=["POST"]),
        ],
        middleware=[
            Middleware(_Headers),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(_SameOrigin),
        ],
        exception_handlers={DsaeError: _explain},
    )


def _page() -> list[Route]:
    """Return a route for every file of the page, read once."""

    def answer(path: Path) -> Callable[[Request], Response]:
        content, media_type = path.read_bytes(), MEDIA_TYPES[path.suffix]
        return lambda request: Response(content, media_type=media_type)

    files = [path for path in sorted(PAGE.iterdir()) if path.suffix in MEDIA_TYPES]
    return [
        Route("/" if path.name == "index.html" else f"/{path.name}", answer(path)) for path in files
    ]


def _moved(body: bytes) -> dict[int, float]:
    """Return which numbers of a code are to be which; DsaeError for anything else."""
    try:
        given: Any = json.loads(body)["moved"]
        moved = {int(index): float(value) for index, value in given.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DsaeError('a drawing takes {"moved": {"NUMBER": VALUE, ...}}') from error
    for index, value in moved.items():
        if not math.isfinite(value):
            raise DsaeError(f"number {index} of the code cannot be {value}")
    return moved


async def _explain(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


class _Headers:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _SameOrigin:
    """Refuses what a page of another origin asks; TrustedHostMiddleware has seen to the host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers.get('host')}":
            answer: ASGIApp = JSONResponse({"error": "asked by another site"}, status_code=403)
        else:
            answer = self._app
        await answer(scope, receive, send)
