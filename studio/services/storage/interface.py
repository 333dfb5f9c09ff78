"""What every object store offers, the shape of its keys and the errors it raises."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from studio.errors import NotFound, StudioError

Source = AsyncIterator[bytes] | bytes

# A kind letter, a shard and 32 random hex digits; derived objects add a suffix ("….w512"). Nothing else can be
# written, so a key can neither leave its root nor say whose object it is.
_KEY = re.compile(r"[a-z]/[0-9a-f]{2}/[0-9a-f]{32}(?:\.[a-z0-9]{1,32})?", re.ASCII)
_PREFIX = re.compile(
    r"(?:[a-z](?:/(?:[0-9a-f]{0,2}|[0-9a-f]{2}/[0-9a-f]{0,31}|[0-9a-f]{2}/[0-9a-f]{32}(?:\.[a-z0-9]{0,32})?))?)?",
    re.ASCII,
)


class StorageError(StudioError):
    """The file store could not do that."""

    code = "storage"
    status = 500


class StorageUnavailable(StorageError):
    """The file store cannot be reached right now. What is stored is safe; try again in a minute."""

    code = "storage_unavailable"
    status = 503


class StorageRefused(StorageError):
    """The file store refused this. Its credentials or their rights need a look by whoever runs Studio."""

    code = "storage_refused"
    status = 503


class StorageFull(StorageError):
    """The file store is full. Nothing was kept of this file; everything stored before is safe."""

    code = "storage_full"
    status = 507


class BucketMissing(StorageError):
    """The file store has no such bucket."""

    code = "storage_bucket"
    status = 503


class ObjectMissing(NotFound):
    """This file is not in the file store. It was deleted, or never arrived."""

    code = "object_missing"


class ObjectExists(StorageError):
    """A file with this key is already stored, and it is one that is written once only."""

    code = "object_exists"
    status = 409


class ObjectDamaged(StorageError):
    """This file changed on its way, so its bytes do not match their checksum. Try again."""

    code = "object_damaged"
    status = 502


class RangeNotSatisfiable(StorageError):
    """That part of the file does not exist."""

    code = "range"
    status = 416


class KeyRefused(StorageError):
    """That is not the name of a stored file."""

    code = "storage_key"
    status = 404


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: `size` in bytes; `sha256` (64 hex digits) and `crc32` (unsigned) are known at `put` only.

    `at`, by the clock of whoever keeps it, is when it was written; a list tells it.
    """

    key: str
    size: int
    sha256: str | None = None
    crc32: int | None = None
    at: datetime | None = field(default=None, compare=False)


class ObjectStream:
    """Bytes [start, end) of an object of `size` bytes, as an async iterator of chunks.

    Use it as `async with`, or iterate to the end, or call `aclose`; each releases the file or connection.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]],
        close: Callable[[], Awaitable[None]],
        *,
        size: int,
        start: int,
        end: int,
        content_type: str | None = None,
    ) -> None:
        """`read` returns the next chunk, empty at the end; `close` runs exactly once."""
        self.size, self.start, self.end, self.content_type = size, start, end, content_type
        self._read, self._close, self._closed = read, close, False

    @property
    def length(self) -> int:
        """Bytes this stream will yield."""
        return self.end - self.start

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        try:
            chunk = await self._read()
        except BaseException:  # whatever ends the read, a cancellation too, must release the file or connection
            await self.aclose()
            raise
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Release the file or connection; safe to call twice."""
        if not self._closed:
            self._closed = True
            await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Upload(Protocol):
    """An object that arrives in parts over a long time. Nothing is visible under its key until `complete`."""

    @property
    def token(self) -> str:
        """Finds this upload again after the process that began it is gone."""
        ...

    async def arrived(self) -> int:
        """How many parts are safely there, counted from the first without a gap."""
        ...

    async def add(self, number: int, data: bytes) -> None:
        """Send part `number` (from 1, in order, none left out). All but the last have the agreed size."""
        ...

    async def complete(self) -> None:
        """Make the object appear, whole."""
        ...

    async def abort(self) -> None:
        """Forget the parts; one that is gone is fine."""
        ...


class Storage(Protocol):
    """An object store. Every method raises a `StudioError` subclass of this module and nothing of a vendor's."""

    async def put(
        self,
        key: str,
        source: Source,
        *,
        content_type: str,
        size_hint: int | None = None,
        create_only: bool = False,
    ) -> StoredObject:
        """Store a whole object or nothing, replacing what was there unless `create_only` (then `ObjectExists`).

        An error raised by `source` comes out unchanged and leaves nothing. `size_hint` (bytes) sizes the parts.
        """
        ...

    async def upload(self, key: str, *, part_size: int, token: str | None = None) -> Upload:
        """Begin an upload in parts of `part_size` bytes (5 MiB at least), or go on with the one of `token`.

        Raises `ObjectMissing` when that one is gone: swept, aborted or completed.
        """
        ...

    async def open(self, key: str, *, start: int = 0, end: int | None = None) -> ObjectStream:
        """Read bytes [start, end); an end past the object is cut. Raises `ObjectMissing`, `RangeNotSatisfiable`."""
        ...

    async def stat(self, key: str) -> StoredObject | None:
        """The object's size, or None if there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object, all its versions and their delete markers; nothing there is fine."""
        ...

    def list(self, prefix: str, *, after: str | None = None) -> AsyncGenerator[StoredObject, None]:
        """Every object whose key starts with `prefix` and sorts after `after`, in order of key."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Remove everything under a prefix that names at least a kind ("o/"), versions and unfinished uploads too.

        Returns how many objects, versions and markers were removed; a pass that finds nothing ends it.
        """
        ...

    async def sweep(self, *, older_than: timedelta) -> int:
        """Remove what killed processes left half-written before that age; returns how many."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The object as a readable file of this machine, for sendfile; None if it is not one."""
        ...

    async def check(self) -> None:
        """Raise with a sentence for the operator if the store cannot be used."""
        ...

    async def close(self) -> None:
        """Wait for running work and let go of threads and connections."""
        ...


def new_key(kind: str) -> str:
    """A fresh random key such as "o/ab/<32 hex>"; `kind` is one lower-case letter."""
    return _shape(kind, secrets.token_hex(16))


def key_for(kind: str, ident: UUID, *, suffix: str = "") -> str:
    """The key that belongs to a random id (version 4), for objects that must be found again without a row."""
    return _shape(kind, ident.hex) if not suffix else check_key(f"{_shape(kind, ident.hex)}.{suffix}")


def _shape(kind: str, digits: str) -> str:
    return check_key(f"{kind}/{digits[:2]}/{digits}")


def check_key(key: str) -> str:
    """The key itself, if it has the one allowed shape; raises `KeyRefused`."""
    if not _KEY.fullmatch(key):
        raise KeyRefused
    return key


def is_key(key: str) -> bool:
    """Whether a listed name is one of ours."""
    return _KEY.fullmatch(key) is not None


def check_prefix(prefix: str, *, delete: bool = False) -> str:
    """The prefix itself, if keys can start with it; a deletion must name at least a kind. Raises `KeyRefused`."""
    if not _PREFIX.fullmatch(prefix) or (delete and "/" not in prefix):
        raise KeyRefused
    return prefix


def resolve_range(size: int, *, start: int, end: int | None) -> tuple[int, int]:
    """Clamp [start, end) to an object of `size` bytes; an empty result is an error unless the whole was asked for."""
    stop = size if end is None else min(end, size)
    if start < 0 or (start >= stop and (start, end) != (0, None)):
        raise RangeNotSatisfiable
    return start, stop


class Digest:
    """SHA-256 and CRC32 of a stream, taken as it passes."""

    def __init__(self) -> None:
        self._sha, self._crc, self._size = hashlib.sha256(), 0, 0

    def update(self, block: bytes) -> None:
        """Take the next block; call it off the event loop."""
        self._sha.update(block)
        self._crc = zlib.crc32(block, self._crc)
        self._size += len(block)

    @property
    def sha256(self) -> bytes:
        """The raw digest so far."""
        return self._sha.digest()

    @property
    def crc32(self) -> int:
        """The unsigned CRC so far."""
        return self._crc

    def stored(self, key: str) -> StoredObject:
        """What was seen so far, as the object `key`."""
        return StoredObject(key, self._size, self._sha.hexdigest(), self._crc)


async def blocks(source: Source, size: int) -> AsyncGenerator[bytes, None]:
    """The source regrouped into blocks of exactly `size` bytes, the last one shorter; nothing for an empty source."""
    if isinstance(source, bytes):
        for at in range(0, len(source), size):
            yield source[at : at + size]
        return
    held = bytearray()
    async for chunk in source:
        held += chunk
        while len(held) >= size:
            with memoryview(held) as view:
                block = bytes(view[:size])
            del held[:size]
            yield block
            del block  # or it would live beside the next one
    if held:
        yield bytes(held)
