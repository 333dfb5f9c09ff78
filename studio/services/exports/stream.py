"""The bytes of a planned zip, piece by piece from the object store, each file checked on its way."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass

from studio.errors import StudioError
from studio.services.exports.zipmap import Slice, ZipMap
from studio.services.storage import ObjectMissing, RangeNotSatisfiable, Storage

_READERS = 8  # files read at once; a library is mostly small ones


@dataclass
class FileDamaged(StudioError):
    """A file of this archive could not be read as it was stored."""

    key: str = ""
    reason: str = ""


class Assembler:
    """Pieces of one zip, asked for in order."""

    def __init__(self, storage: Storage, plan: ZipMap) -> None:
        self._storage, self._plan = storage, plan
        self._gate = asyncio.Semaphore(_READERS)
        self._begun: dict[int, tuple[int, int]] = {}  # files that go on in the next piece: place and CRC so far

    async def piece(self, start: int, end: int) -> bytes:
        """Bytes [start, end) of the zip. Raises FileDamaged for a file that is gone or changed."""
        buffer = bytearray(min(end, self._plan.size) - start)
        at, waiting = 0, []
        for part in self._plan.slices(start, end):
            size = part.end - part.start if isinstance(part, Slice) else len(part)
            if isinstance(part, Slice):
                waiting.append(self._fill(memoryview(buffer)[at : at + size], part))
            else:
                buffer[at : at + size] = part
            at += size
        await asyncio.gather(*waiting)
        return bytes(buffer)

    async def _fill(self, room: memoryview, part: Slice) -> None:
        member = self._plan.members[part.index]
        async with self._gate:
            try:
                before = await self._before(part) if part.start else 0
                await self._read(member.key, part.start, part.end, room)
            except (ObjectMissing, RangeNotSatisfiable):
                raise FileDamaged(key=member.key, reason="not in the file store") from None
            crc = await asyncio.to_thread(zlib.crc32, room, before)
        if part.end < member.size:
            self._begun[part.index] = (part.end, crc)
        elif crc != member.crc32:
            raise FileDamaged(key=member.key, reason="not as it was stored")

    async def _before(self, part: Slice) -> int:
        """The checksum of a file up to this slice; read again when a kill fell into the middle of the file."""
        place, crc = self._begun.pop(part.index, (0, 0))
        if place != part.start:
            crc = 0
            async with await self._storage.open(self._plan.members[part.index].key, start=0, end=part.start) as stream:
                async for chunk in stream:
                    crc = zlib.crc32(chunk, crc)
        return crc

    async def _read(self, key: str, start: int, end: int, room: memoryview) -> None:
        at = 0
        async with await self._storage.open(key, start=start, end=end) as stream:
            async for chunk in stream:
                room[at : at + len(chunk)] = chunk
                at += len(chunk)
        if at != end - start:
            raise FileDamaged(key=key, reason="not as long as it was stored")
