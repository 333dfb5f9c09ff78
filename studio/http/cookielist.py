"""The guard over cookies (promises C1 and C2): no answer leaves with one that is not on the list."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.services import guards

log = logging.getLogger("studio")


class CookieList:
    """Counts every cookie that an answer sets, and takes off those whose names nobody was told of."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the cookies of the list only."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def listed(message: Message) -> None:
            if any(name.lower() == b"set-cookie" for name, _ in message.get("headers", ())):
                message["headers"] = [pair for pair in message["headers"] if _passes(*pair)]
            await send(message)

        await self.app(scope, receive, listed)


def _passes(name: bytes, value: bytes) -> bool:
    if name.lower() != b"set-cookie":
        return True
    cookie = value.decode("latin-1").partition("=")[0].strip()
    passed = guards.COOKIES.judge(cookie)
    if not passed:
        log.error("Refused: an answer tried to set the cookie %s, which is on no list.", cookie[:60])
    return passed
