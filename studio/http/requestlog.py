"""Names every answer with a request id and notes path template, status and latency. Nothing else is kept."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from uuid import uuid4

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.links import KINDS
from studio.services.eventlog import WRITER

_DOCUMENT = "|".join(KINDS)
# Longest first. What matches none is "other": a path a person typed is not a template.
TEMPLATES = (
    (re.compile(r"/media/[^/]+/(original|256|512|1024)"), r"/media/{asset}/\1"),
    (re.compile(r"/download/[^/]+"), "/download/{asset}"),
    (re.compile(r"/zip/[^/]+"), "/zip/{selection}"),
    (re.compile(r"/exports/[^/]+/[^/]+"), "/exports/{export}/{part}"),
    (re.compile(r"/signin/[^/]+"), "/signin/{token}"),
    (re.compile(r"/auth/[^/]+/(start|callback)"), r"/auth/{provider}/\1"),
    (re.compile(r"/address/(confirm|undo)/[^/]+"), r"/address/\1/{token}"),
    (re.compile(r"/assets/.+"), "/assets/{file}"),
    (re.compile(rf"/({_DOCUMENT})/versions/[^/]+(/diff)?/?"), r"/\1/versions/{version}\2"),
    (re.compile(rf"/(?:{_DOCUMENT})(?:/versions)?/?"), r"\g<0>"),
    (
        re.compile(
            r"/(?:api/(?:uploads|theme|usage|workspace|picture)|healthz|signout|join|library|welcome|_event)?/?"
        ),
        r"\g<0>",
    ),
    (
        re.compile(r"/operator(?:/(?:queue|workers|errors|mail|invitations|accounts|requests|audit|analytics))?/?"),
        r"\g<0>",
    ),
    (
        re.compile(
            r"/(?:settings(?:/(?:profile|privacy|spend|sessions|appearance|keyboard|workspaces))?|compare|spend\.csv|reauth)/?"
        ),
        r"\g<0>",
    ),
    (re.compile(r"/(?:cookies/(?:choices|state)|account/picture)/?"), r"\g<0>"),
    (re.compile(r"/privacy/proof(?:\.json)?/?"), r"\g<0>"),
)


def template(path: str) -> str:
    """The route a path belongs to, without anything that names a thing or a person."""
    for pattern, replacement in TEMPLATES:
        if match := pattern.fullmatch(path):
            return match.expand(replacement).rstrip("/") or "/"
    return "other"


class RequestLogger:
    """Outermost: times every answer, names it with a request id, and turns what nobody caught into a sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then note."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id, status = time.perf_counter(), uuid4(), 500
        begun = False

        async def noting(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", str(request_id).encode())]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:  # the border: nothing of an error's text may reach a browser
            reference = WRITER.error("http", error)
            if begun:
                raise
            sentence = f"Something went wrong on our side. Your work is safe. Reference {reference}"
            await PlainTextResponse(sentence, 500)(scope, receive, noting)
        finally:
            WRITER.requests.append(
                {
                    "id": request_id,
                    "at": datetime.now(UTC),
                    "path": template(scope["path"]),
                    "status": status,
                    "latency": round((time.perf_counter() - started) * 1000),
                }
            )
