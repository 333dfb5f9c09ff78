"""An object's copy: what it is called, and what is inside once it is opened.

The name is a keyed hash of recipient and object key: the same object has the same name in every backup, and the name
tells nothing to who does not hold the service's secret. Inside: the key and a line feed, the bytes, their SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator
from uuid import UUID

from studio.services.backups.errors import Damaged
from studio.services.storage import key_for

KIND = "d"
_HASH = 32


class Namer:
    """Names copies: 16 bytes each."""

    def __init__(self, *, secret_key: str, recipient: str) -> None:
        self._key = hmac.digest(secret_key.encode(), f"backup:{recipient}".encode(), "sha256")

    def name(self, key: str) -> bytes:
        """The name of an object's copy."""
        return hmac.digest(self._key, key.encode(), "sha256")[:16]


def place(name: bytes) -> str:
    """Where a copy lies."""
    return key_for(KIND, UUID(bytes=name))


def name_at(place: str) -> bytes:
    """The name of the copy at a place."""
    return bytes.fromhex(place[-32:])


class Seen:
    """What passed by: length in bytes and SHA-256."""

    def __init__(self) -> None:
        self.size, self._sha = 0, hashlib.sha256()

    def update(self, block: bytes) -> None:
        """Take the next block."""
        self.size += len(block)
        self._sha.update(block)

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return self._sha.hexdigest()


async def watched(source: AsyncIterator[bytes], seen: Seen) -> AsyncGenerator[bytes, None]:
    """The same stream, counted and hashed as it passes."""
    async for block in source:
        await asyncio.to_thread(seen.update, block)
        yield block


async def wrapped(key: str, source: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The inside of a copy."""
    yield f"{key}\n".encode()
    seen = Seen()
    async for block in watched(source, seen):
        yield block
    yield bytes.fromhex(seen.sha256)


async def unwrapped(key: str, source: AsyncIterator[bytes], seen: Seen) -> AsyncGenerator[bytes, None]:
    """The bytes of the object `key` from the inside of its copy.

    Raises:
        Damaged: it is another object's, or its bytes are not those that were copied.
    """
    head, held = f"{key}\n".encode(), b""
    started = False
    async for block in source:
        held += block
        if not started and len(held) >= len(head):
            if not held.startswith(head):
                raise Damaged
            held, started = held[len(head) :], True
        if started and len(held) > _HASH:
            ready, held = held[:-_HASH], held[-_HASH:]
            await asyncio.to_thread(seen.update, ready)
            yield ready
    if not started or held.hex() != seen.sha256:
        raise Damaged
