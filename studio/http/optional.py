"""ASGI: optional cookies on page loads. Takes back what no longer has a yes, and shows the landing page's version.

A browser without such a cookie passes through untouched, without a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.http.consent import follow, set_optional, standing, witness
from studio.services import experiments
from studio.services.consent import Standing
from studio.services.cookies import ANALYTICS, EXPERIMENTS
from studio.services.experiments import LANDING, Assignment, Event

LANDINGS = ("/welcome", "/welcome/")
_START = re.compile(r"/auth/[^/]+/start")
_HTML = b'<html lang="en"'


class OptionalCookies:
    """Looks at GET requests that bring an optional cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; add to an answer that is a page, or the way to a provider."""
        request = Request(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if request is None or not {ANALYTICS, EXPERIMENTS} & set(request.cookies):
            await self.app(scope, receive, send)
            return
        if scope["path"] in LANDINGS:  # its text may be added to, so it must come as text, not packed nor as a file
            plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
            scope = {**scope, "headers": plain, "extensions": {}}
        answer = _Answer(request, send)
        await self.app(scope, receive, answer.send)


class _Answer:
    """One answer on its way: its headers are added to, and the landing page is held until it is whole."""

    def __init__(self, request: Request, send: Send) -> None:
        self.request, self.onward = request, send
        self.arm: str | None = None
        self.start: Message | None = None
        self.body = b""

    async def send(self, message: Message) -> None:
        """Called in place of the server's own."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self.start is None:
            await self.onward(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish()

    async def _begin(self, message: Message) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in message["headers"]}
        page = headers.get(b"content-type", "").startswith("text/html")
        path = self.request.url.path
        landing = page and path in LANDINGS and message["status"] == 200
        started = bool(_START.fullmatch(path)) and message["status"] == 303 and _leaves(headers)
        if page or started:
            now = await standing(self.request)
            extra = Response()
            await self._taken_back(extra, now)
            if landing or started:
                await self._counted(extra, now, "view" if landing else "start", shown=landing)
            cookies = [(n, v) for n, v in extra.raw_headers if n == b"set-cookie"]
            message["headers"] = [*message["headers"], *cookies]
        if self.arm is not None and self.request.method == "GET":
            self.start = message
        else:
            await self.onward(message)

    async def _taken_back(self, extra: Response, now: Standing) -> None:
        """Cookies whose yes ran out, was given to another text, or is overruled by the browser's signal."""
        held = {"analytics": ANALYTICS, "experiments": EXPERIMENTS}
        gone = [key for key, name in held.items() if name in self.request.cookies and key not in now.allowed]
        if gone:
            await follow(self.request, extra, now)

    async def _counted(self, extra: Response, now: Standing, event: Event, *, shown: bool) -> None:
        known = experiments.read(self.request.cookies.get(EXPERIMENTS))
        if known is None or known.experiment != LANDING.key or "experiments" not in now.allowed:
            return
        self.arm = known.arm if shown and known.arm != LANDING.arms[0][0] else None
        after: Assignment | None = None
        if self.request.method == "GET" and experiments.countable(known, event):
            async with transaction(SYSTEM) as session:
                if await witness(session, self.request, "experiments"):
                    after = await experiments.note(session, assignment=known, event=event)
        if after is not None:
            set_optional(extra, EXPERIMENTS, after.value, now.seconds)

    async def _finish(self) -> None:
        """The page with the arm named on its root element; the stylesheet shows that arm's words."""
        assert self.start is not None
        body = self.body.replace(_HTML, _HTML + f' data-landing="{self.arm}"'.encode(), 1)
        headers = [(n, v) for n, v in self.start["headers"] if n.lower() != b"content-length"]
        self.start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await self.onward(self.start)
        await self.onward({"type": "http.response.body", "body": body})


def _leaves(headers: Mapping[bytes, str]) -> bool:
    """Whether a redirect leads to a provider, and not back to a page of ours."""
    target = headers.get(b"location", "")
    return target.startswith(("http://", "https://")) and not target.startswith(settings().public_url)
