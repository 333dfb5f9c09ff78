"""Server-sent events, read by ourselves: the official SDK's reader stops at the first failed image (B, "SDK traps").

More forgiving than the standard where the provider's answers may need it: a last event without its blank line counts,
and lines that continue a pretty-printed JSON value without `data:` belong to it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass

MAX_EVENT_BYTES = 32_000_000
DONE = "[DONE]"
_IGNORED = ("id", "retry")


class EventTooLong(ValueError):
    """An event does not end."""


@dataclass(frozen=True)
class Event:
    """One event: its name, "message" without one, and its data, lines joined by a line feed."""

    name: str
    data: str


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Event, None]:
    """The events of a byte stream, until `[DONE]` or its end. Raises EventTooLong above 32 MB."""
    name, data = "", []
    async for line in _lines(chunks):
        if line:
            name = _take(line, name, data)
            continue
        event, name, data = _event(name, data), "", []
        if event is not None and event.data.strip() == DONE:
            return
        if event is not None:
            yield event
    event = _event(name, data)
    if event is not None and event.data.strip() != DONE:
        yield event


def _event(name: str, data: list[str]) -> Event | None:
    return Event(name or "message", "\n".join(data)) if data else None


def _take(line: str, name: str, data: list[str]) -> str:
    """Add one line to the event in hand and return its name."""
    field, colon, value = line.partition(":")
    value = value.removeprefix(" ")
    if field == "event" and colon:
        return value
    if field == "data":
        data.append(value)
    elif data and field != "" and field not in _IGNORED:
        data.append(line)
    return name


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """Text lines without their ends (LF, CRLF, CR); a byte order mark at the start is dropped."""
    rest, first = b"", True
    async for chunk in chunks:
        rest += chunk
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLong
        whole, end, rest = rest.rpartition(b"\n")
        if not end:
            continue
        for line in whole.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
            yield _text(line, first)
            first = False
    if rest:
        for line in rest.splitlines():
            yield _text(line, first)
            first = False


def _text(line: bytes, first: bool) -> str:
    text = line.decode("utf-8", errors="replace")
    return text.removeprefix("\ufeff") if first else text
