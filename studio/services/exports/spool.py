"""Documents on their way into an archive: files without a name, so that a kill leaves none behind."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from studio.services.storage import Storage

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the bag: its path in the bag, its object, bytes, CRC-32 and SHA-256 (64 hex digits)."""

    path: str
    key: str
    size: int
    crc32: int
    sha256: str


class Spool:
    """Text collected on disk, with its digests taken as it passes. Closing it is what removes it."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close`, with its owner
        self._sha, self._crc, self.size = hashlib.sha256(), 0, 0

    def write(self, said: str) -> None:
        """Append; a few kilobytes to a call keep the event loop free."""
        self.write_bytes(said.encode())

    def write_bytes(self, data: bytes) -> None:
        """The same for what is no text."""
        self._file.write(data)
        self._sha.update(data)
        self._crc = zlib.crc32(data, self._crc)
        self.size += len(data)

    def lines(self) -> AsyncIterator[list[str]]:
        """What was written, a thousand lines at a time."""
        return _lines(self._file)

    async def store(self, storage: Storage, *, path: str, key: str) -> Entry:
        """Put it into the object store and let go of the file."""
        await storage.put(key, self._chunks(), content_type="application/octet-stream", size_hint=self.size)
        entry = Entry(path, key, self.size, self._crc, self._sha.hexdigest())
        self.close()
        return entry

    async def _chunks(self) -> AsyncIterator[bytes]:
        self._file.seek(0)
        while chunk := await asyncio.to_thread(self._file.read, _BLOCK):
            yield chunk

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


async def _lines(file: IO[bytes]) -> AsyncIterator[list[str]]:
    file.seek(0)

    def some() -> list[str]:
        return [line.decode() for _, line in zip(range(1000), file, strict=False)]

    while found := await asyncio.to_thread(some):
        yield found
