"""The event socket: who is on the other end, and how a change reaches the right tabs.

Three things are private API of Reflex and python-socketio, pinned exactly and tested (facts: a client can forge the
namespace's own connect and disconnect hooks; a duplicated tab gets a token that nobody bound; headers and addresses
would land in the framework's state files).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from uuid import UUID

import reflex as rx
from reflex.app import EventNamespace

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import TooMany
from studio.services import abuse, sessions

CLIENT_EVENTS = frozenset({"event", "ping", "client_error"})
SESSION_HEADER = "x-studio-session"


@dataclass(frozen=True)
class Tab:
    """An open socket of a signed-in person."""

    sid: str
    account_id: UUID
    session_id: UUID


def cookie_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The session cookie's value among ASGI headers, or ''."""
    for name, value in headers:
        if name.lower() == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(settings().cookie_name)
            except CookieError:
                return ""
            if morsel is not None:
                return morsel.value
    return ""


def bound(token: str, cookie: str) -> str:
    """A tab token that means something only together with the session cookie it was first shown with."""
    mac = hmac.new(settings().secret_key.encode(), f"{cookie}|{token}".encode(), hashlib.sha256)
    return f"tok-{mac.hexdigest()}"


class StudioNamespace(EventNamespace):
    """Knows which account each socket belongs to. Reflex's own identity, the tab token, is not one."""

    def __init__(self, namespace: str, app: rx.App) -> None:
        super().__init__(namespace, app)
        self.tabs: dict[str, Tab] = {}
        self.by_account: dict[UUID, set[str]] = defaultdict(set)
        self._cookies: dict[str, str] = {}

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Check the cookie once, here; every event checks again that its session still lives."""
        scope = environ.get("asgi.scope", {})
        cookie = cookie_token(scope.get("headers", []))
        async with transaction(SYSTEM) as session:
            identity = await sessions.identify(session, token=cookie)
        if identity is None:
            await self._count_stranger(scope)
        self._cookies[sid] = cookie
        if identity is not None:
            self.tabs[sid] = Tab(sid, identity.account_id, identity.session_id)
            self.by_account[identity.account_id].add(sid)
        await super().on_connect(sid, environ, auth)

    async def _count_stranger(self, scope: Mapping[str, Any]) -> None:
        """Each tab of somebody who is not signed in leaves a state behind; a machine could leave any number."""
        try:
            async with transaction(SYSTEM) as session:
                await abuse.count(session, what="socket", address=(scope.get("client") or ("",))[0])
        except TooMany:
            raise ConnectionRefusedError from None

    def on_disconnect(self, sid: str, reason: Any = None) -> Any:  # python-socketio passes a reason
        """Forget the socket."""
        self._cookies.pop(sid, None)
        tab = self.tabs.pop(sid, None)
        if tab is not None:
            self.by_account[tab.account_id].discard(sid)
            if not self.by_account[tab.account_id]:
                del self.by_account[tab.account_id]
        return super().on_disconnect(sid)

    def _build_static_router_data(self, sid: str, environ: dict[str, Any]) -> dict[str, Any]:
        """What Reflex writes to its state store: the session's id in place of headers, address and agent."""
        tab = self.tabs.get(sid)
        return {
            "sid": sid,
            "headers": {SESSION_HEADER: str(tab.session_id)} if tab else {},
            "ip": "",
        }

    async def link_token_to_sid(self, sid: str, token: str, *, update_state: bool = True) -> None:
        """Link, and bind the fresh token that a duplicated tab is given."""
        await super().link_token_to_sid(sid, token, update_state=update_state)
        fresh = self.sid_to_token.get(sid)
        if fresh and fresh != token:
            await self._token_manager.disconnect_token(fresh, sid)
            await super().link_token_to_sid(sid, bound(fresh, self._cookies.get(sid, "")), update_state=update_state)

    async def on_event(self, sid: str, data: Any) -> None:
        """Pass on what our own pages send: an object, from a tab with a token, and never `setvar`.

        Reflex would also read an object from text, would write what it refuses to its log, and gives every state a
        handler that sets variables.
        """
        known = isinstance(data, dict) and isinstance(data.get("payload", {}), dict) and sid in self.sid_to_token
        if not known or str(data.get("name", "")).endswith(".setvar"):
            return
        await super().on_event(sid, data)

    def tokens_of(self, account_id: UUID) -> list[str]:
        """The bound tokens of an account's open tabs in this process."""
        return [token for sid in self.by_account.get(account_id, ()) if (token := self.sid_to_token.get(sid))]

    def tokens_of_session(self, session_id: UUID) -> list[str]:
        """The same of one session."""
        sids = [tab.sid for tab in self.tabs.values() if tab.session_id == session_id]
        return [token for sid in sids if (token := self.sid_to_token.get(sid))]

    async def close_session(self, session_id: UUID) -> None:
        """Send a revoked session's tabs to the signed-out page and drop their sockets."""
        assert self.app.sio is not None
        for tab in [tab for tab in self.tabs.values() if tab.session_id == session_id]:
            leave = {"name": "_redirect", "payload": {"path": "/welcome", "external": False, "replace": True}}
            await self.emit("event", {"delta": {}, "events": [leave], "final": True}, to=tab.sid)
            await self.app.sio.disconnect(tab.sid, namespace=self.namespace)


class StudioApp(rx.App):
    """Reflex's app with our namespace, and with the framework's three client events only."""

    def _setup_state(self) -> None:
        super()._setup_state()
        if self.sio is None or self._event_namespace is None:
            return
        self._event_namespace = StudioNamespace(self._event_namespace.namespace, self)
        self.sio.register_namespace(self._event_namespace)
        handle = self.sio._handle_event

        async def only_client_events(eio_sid: str, namespace: str | None, id: Any, data: Any) -> None:  # noqa: A002  # its name there
            if isinstance(data, list) and data and data[0] in CLIENT_EVENTS:
                await handle(eio_sid, namespace, id, data)

        self.sio._handle_event = only_client_events

    @property
    def tabs(self) -> StudioNamespace:
        """The namespace, as what it is."""
        assert isinstance(self._event_namespace, StudioNamespace)
        return self._event_namespace
