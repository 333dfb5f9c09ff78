"""The guard over cookies (promises C1 and C2): no answer leaves with one that is not on the list."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import inf

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.services import guards

log = logging.getLogger("studio")


class CookieList:
    """Counts every cookie that an answer sets, and takes off those of whose name or life nobody was told."""

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
    cookie, *attributes = value.decode("latin-1").split(";")
    name_of, found = cookie.partition("=")[0].strip(), {}
    for each in attributes:
        key, _, said = each.partition("=")
        found[key.strip().lower()] = said.strip()
    passed = guards.COOKIES.judge(name_of, seconds=_seconds(found))
    if not passed:
        log.error("Refused: an answer tried to set the cookie %s, not listed or not for so long.", name_of[:60])
    return passed


def _seconds(attributes: Mapping[str, str]) -> float:
    """How long a browser keeps it: 0 where it ends with the browser, and for ever where only a date says when."""
    try:
        return int(attributes.get("max-age", "inf" if "expires" in attributes else "0"))
    except ValueError:
        return inf
