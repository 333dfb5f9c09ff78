"""A Socket.IO client on the wire: it says exactly what it is told to, true or forged.

Packets are those of Engine.IO 4 inside a websocket: "0…" opens, "2" and "3" keep alive, "4…" carries Socket.IO, where
"0" connects to a namespace, "1" leaves it and "2" is an event.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, RejectConnection, Request, TextMessage

from tests.http.people import COOKIE
from tests.system import System

NAMESPACE = "/_event"
STUDIO = "reflex___state____state.studio___state___studio____studio_state"
LIBRARY = "reflex___state____state.studio___state___library____library_state"
ROOT_STATE = "reflex___state____state"
# What the built front end sends when a page opens, apart from the page's own hashes.
HYDRATE = f"{ROOT_STATE}.hydrate_and_load"


class Refused(Exception):
    """The server did not accept the websocket; `status` is what it answered."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"refused with {status}")


class Socket:
    """One open websocket. What arrives is kept in `messages` (Socket.IO) and `log` (everything)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.messages: list[Any] = []
        self.log: list[str] = []
        self.closed: int | None = None
        self.accepted = False
        self._text = ""
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def open(self, host: str, target: str, headers: list[tuple[str, str]]) -> None:
        """The handshake. Raises Refused."""
        extra = [(name.encode(), text.encode()) for name, text in headers]
        self.writer.write(self.protocol.send(Request(host=host, target=target, extra_headers=extra)))
        while not self.accepted:
            data = await self.reader.read(65_536)
            self.protocol.receive_data(data or None)
            for event in self.protocol.events():
                if isinstance(event, RejectConnection):
                    raise Refused(event.status_code)
                if isinstance(event, CloseConnection):
                    raise Refused(event.code)
                self.accepted = self.accepted or isinstance(event, AcceptConnection)
                if isinstance(event, TextMessage):
                    self._take(event)
            if not data and not self.accepted:
                raise Refused(0)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while self.closed is None:
            data = await self.reader.read(65_536)
            if not data:
                self.closed = self.closed or 1006
            else:
                self.protocol.receive_data(data)
                for event in self.protocol.events():
                    if isinstance(event, TextMessage):
                        self._take(event)
                    elif isinstance(event, CloseConnection):
                        self.closed = event.code
                    elif isinstance(event, Ping):
                        self.writer.write(self.protocol.send(event.response()))
            async with self._news:
                self._news.notify_all()

    def _take(self, event: TextMessage) -> None:
        self._text += event.data
        if not event.message_finished:
            return
        text, self._text = self._text, ""
        self.log.append(text)
        if text == "2":
            self.raw("3")
        elif text.startswith("42"):
            self.messages.append(json.loads(text[2:].removeprefix(f"{NAMESPACE},")))

    def raw(self, text: str) -> None:
        """Send a text frame as it stands."""
        self.writer.write(self.protocol.send(TextMessage(data=text)))

    def emit(self, *event: Any) -> None:
        """Send a Socket.IO event: its name and what it carries."""
        self.raw(f"42{NAMESPACE},{json.dumps(event)}")

    def call(self, handler: str, *, path: str = "/", **payload: Any) -> None:
        """Send a framework event as the front end does: `handler` is a state's full name and a method."""
        self.emit("event", {"name": handler, "payload": payload, "router_data": {"pathname": path, "asPath": path}})

    async def until(self, look: Any, *, seconds: float = 15) -> Any:
        """Wait until `look(self)` is true, and return it. Raises TimeoutError with the last messages."""
        try:
            async with asyncio.timeout(seconds), self._news:
                while not (found := look(self)):
                    if self.closed is not None:
                        raise ConnectionResetError(f"closed with {self.closed}; last: {self.log[-3:]}")
                    await self._news.wait()
                return found
        except TimeoutError:
            raise TimeoutError(f"nothing like that in: {[text[:300] for text in self.log[-5:]]}") from None

    async def until_closed(self, *, seconds: float = 15) -> int:
        """Wait for the server to hang up; returns the code."""
        async with asyncio.timeout(seconds), self._news:
            while self.closed is None:
                await self._news.wait()
        return self.closed

    @property
    def deltas(self) -> dict[str, dict[str, Any]]:
        """All that was told of each state, newest values last."""
        merged: dict[str, dict[str, Any]] = {}
        for message in self.messages:
            if message[0] == "event" and isinstance(message[1], dict):
                for state, values in (message[1].get("delta") or {}).items():
                    merged.setdefault(state, {}).update(values)
        return merged

    def known(self, name: str, state: str = STUDIO) -> Any:
        """The last value of a variable that this tab was told."""
        values = self.deltas.get(state, {})
        return next((value for key, value in values.items() if key.split("_rx_state_")[0] == name), None)

    @property
    def events(self) -> list[Any]:
        """Events the server asked the browser to run."""
        updates = [m[1] for m in self.messages if m[0] == "event" and isinstance(m[1], dict)]
        return [event for update in updates for event in update.get("events") or []]

    async def settled(self) -> None:
        """All that was sent before this has been answered: the socket's own ping goes round."""
        before = sum(message[0] == "ping" for message in self.messages)
        self.emit("ping")
        await self.until(lambda s: sum(message[0] == "ping" for message in s.messages) > before)

    async def close(self) -> None:
        """Hang up without a word, as a lost connection does."""
        if self._reading is not None:
            self._reading.cancel()
        self.writer.close()


@asynccontextmanager
async def connect(
    system: System,
    *,
    cookie: str | None = None,
    origin: str | None = "own",
    token: str | None = None,
    number: int = 0,
    namespace: bool = True,
    no_token: bool = False,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Socket]:
    """Open the event socket. `token` is the tab's own, a fresh one when none is given; `no_token` sends none."""
    url = urlsplit(system.url(number))
    sent = list((headers or {}).items())
    if origin is not None:
        sent.append(("origin", system.url(number) if origin == "own" else origin))
    if cookie is not None:
        sent.append(("cookie", f"{COOKIE}={cookie}"))
    assert url.hostname is not None
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    socket = Socket(reader, writer)
    target = f"/_event/?EIO=4&transport=websocket&token={quote(token or str(uuid4()))}"
    if no_token:
        target = target.partition("&token=")[0]
    try:
        await socket.open(url.netloc, target, sent)
        if namespace:
            socket.raw(f"40{NAMESPACE},")
            await socket.until(lambda s: any(text.startswith(f"40{NAMESPACE},") for text in s.log))
        yield socket
    finally:
        await socket.close()


async def load(socket: Socket, path: str = "/") -> None:
    """Open a page on the socket, as the front end does, until its state is there."""
    socket.call(HYDRATE, path=path)
    await socket.until(lambda s: s.known("loaded", LIBRARY if path == "/library" else STUDIO))
