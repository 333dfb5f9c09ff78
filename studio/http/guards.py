"""ASGI guards that run before Reflex and before every route: where a request comes from, and whose tab it is."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.http.access import workspace_cookie
from studio.http.socket import bound, cookie_token
from studio.services import sessions
from studio.services.cookies import WORKSPACE

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Reflex mounts these; the product has its own upload route, health check and no editor.
CLOSED = ("/_upload", "/_health", "/_all_routes", "/auth-codespace")
# A mail program posts here for its reader (RFC 8058), from anywhere: the signed path is the permission.
ONE_CLICK = "/mail/unsubscribe/"
SETTINGS = ("profile", "privacy", "spend", "sessions", "appearance", "keyboard", "workspaces")
GATED = frozenset({"/", "/library", "/compare", *(f"/settings/{name}" for name in SETTINGS)})
OPERATOR = "/operator"
NOWHERE = "/nothing/here"  # no page has this address, so it answers as every wrong one does
MOVED = {"/settings": "/settings/profile"}


def header(scope: Scope, name: bytes) -> str | None:
    """A request header, or None."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


class OriginGuard:
    """Sockets and unsafe requests must come from our own pages; a missing Origin is refused as well."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse before anything is accepted or read."""
        if scope["type"] == "lifespan" or self._allowed(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            refusal = PlainTextResponse("This request came from another site. Open Studio and try there.", 403)
            await refusal(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            # Long polling would be a second way in to the socket; only websockets are served.
            return not scope["path"].startswith("/_event")
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(ONE_CLICK):
            return True
        return header(scope, b"origin") in settings().origins


class BindToken:
    """Rewrites the tab token so that it only means something together with the session cookie beside it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the socket's query; close the framework's routes that the product does not use."""
        if scope["type"] == "http" and scope["path"].startswith(CLOSED):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            cookie = cookie_token(scope["headers"])
            query = [
                (key, bound(value, cookie) if key == "token" else value)
                for key, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            ]
            scope = {**scope, "query_string": urlencode(query).encode()}
        await self.app(scope, receive, send)


def mirrored(scope: Scope, send: Send, workspace_id: UUID | None) -> Send:
    """`send`, with the workspace's cookie set to what the session's row says where the browser has another."""
    if HTTPConnection(scope).cookies.get(WORKSPACE) == (str(workspace_id) if workspace_id else None):
        return send

    async def with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", workspace_cookie(workspace_id))
        await send(message)

    return with_cookie


class PageGate:
    """Sends whoever is not signed in to the welcome page, and finds prerendered pages without a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only page loads are looked at: the socket and the routes check for themselves."""
        if scope["type"] != "http" or scope["method"] not in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") or "/"
        if path in MOVED:
            await RedirectResponse(MOVED[path], 303)(scope, receive, send)
            return
        if path == OPERATOR or path.startswith(f"{OPERATOR}/"):
            async with transaction(SYSTEM) as session:
                known = await sessions.identify(session, token=cookie_token(scope["headers"]))
            allowed = known is not None and known.operator
            scope = {**scope, "path": f"{path}/" if allowed else NOWHERE}
        elif path in GATED or path == "/welcome":
            async with transaction(SYSTEM) as session:
                known = await sessions.identify(session, token=cookie_token(scope["headers"]))
            if (known is None) == (path in GATED):
                target = "/welcome" if known is None else "/"
                answer = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
                await answer(scope, receive, send)
                return
            send = mirrored(scope, send, known.workspace_id if known else None)
            scope = {**scope, "path": path if path == "/" else f"{path}/"}
        await self.app(scope, receive, send)
