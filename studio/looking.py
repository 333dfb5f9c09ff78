"""The public documents as anybody sees them, asked of our own routes inside this process: nothing goes over a network.

Proofs compare what a page says with the settings. This stands above both the services, which measure, and the routes,
which draw.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache

from starlette.applications import Starlette
from starlette.types import Message

from studio.services.proofs import Page

_inside: ContextVar[bool] = ContextVar("inside", default=False)


def inside() -> bool:
    """Whether this page is being looked at by a check: it must not begin another measurement then."""
    return _inside.get()


@cache
def _routes() -> Starlette:
    from studio.http.routes import application

    return application()


async def look(path: str) -> Page:
    """GET a public page without a cookie."""
    status, body, asked = 0, bytearray(), False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": None,
        "server": None,
    }
    token = _inside.set(True)
    try:
        await _routes()(scope, receive, send)
    finally:
        _inside.reset(token)
    return Page(status, body.decode("utf-8", "replace"))
