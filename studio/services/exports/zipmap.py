"""Where every byte of a zip file is, known before one of them is read.

Members are stored, not compressed, with known sizes and checksums and one fixed date. So the file's length, and what
stands at any place of it, follow from the list of members alone: a build that was killed goes on in the middle, and
two builds are equal. Libraries that write zips do so from the start only. Format: PKWARE APPNOTE 6.3.10, with ZIP64
where a size, a place or the count needs it.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DATE = (1 << 5) | 1  # 1980-01-01, the earliest a zip can say
_UTF8 = 0x0800
_LIMIT = 0xFFFFFFFF
_MOST = 0xFFFF
_REGULAR = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its name in the zip, where its bytes are, how many, and their CRC-32."""

    name: str
    key: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes [start, end) of a member."""

    index: int
    start: int
    end: int


class ZipMap:
    """The plan of one zip file. Memory grows with the number of members, by some 200 bytes each."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._offsets = array("Q")
        at = 0
        for member in members:
            self._offsets.append(at)
            at += len(_local(member)) + member.size
        self._directory_at = at
        self._directory_size = sum(len(_central(m, o)) for m, o in zip(members, self._offsets, strict=True))
        self.size = at + self._directory_size + len(self._end())

    def members_before(self, place: int) -> int:
        """How many members end at or before a place of the file."""
        if place >= self._directory_at:
            return len(self.members)
        return max(bisect_right(self._offsets, place) - 1, 0)

    def slices(self, start: int, end: int) -> Iterator[bytes | Slice]:
        """What bytes [start, end) of the file are, in order: bytes of the format itself, and slices of members."""
        at = min(start, self.size)
        end = min(end, self.size)
        index = max(bisect_right(self._offsets, at) - 1, 0)
        while at < end and at < self._directory_at and index < len(self.members):
            member, base = self.members[index], self._offsets[index]
            header = _local(member)
            first = base + len(header)
            if at < first:
                piece = header[at - base : end - base]
                yield piece
                at += len(piece)
            stop = min(end, first + member.size)
            if first <= at < stop:
                yield Slice(index, at - first, stop - first)
                at = stop
            index += 1
        if at < end:
            yield from self._tail(at, end)

    def _tail(self, start: int, end: int) -> Iterator[bytes]:
        at = self._directory_at
        for member, offset in zip(self.members, self._offsets, strict=True):
            entry = _central(member, offset)
            if at < end and at + len(entry) > start:
                yield entry[max(start - at, 0) : end - at]
            at += len(entry)
        closing = self._end()
        if at < end:
            yield closing[max(start - at, 0) : end - at]

    def _end(self) -> bytes:
        count, size, at = len(self.members), self._directory_size, self._directory_at
        wide = b""
        if count > _MOST or size > _LIMIT or at > _LIMIT:
            wide = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, at)
            wide += struct.pack("<IIQI", 0x07064B50, 0, at + size, 1)
        few = min(count, _MOST)
        return wide + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, few, few, min(size, _LIMIT), min(at, _LIMIT), 0)


def _local(member: Member) -> bytes:
    name = member.name.encode()
    wide = member.size >= _LIMIT
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if wide else b""
    size = _LIMIT if wide else member.size
    version = 45 if wide else 20
    fixed = struct.pack(
        "<IHHHHHIIIHH", 0x04034B50, version, _UTF8, 0, 0, _DATE, member.crc32, size, size, len(name), len(extra)
    )
    return fixed + name + extra


def _central(member: Member, offset: int) -> bytes:
    name = member.name.encode()
    wide = [member.size, member.size] if member.size >= _LIMIT else []
    far = [offset] if offset >= _LIMIT else []
    values = wide + far
    extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    size = _LIMIT if wide else member.size
    version = 45 if values else 20
    fixed = struct.pack(
        "<IHHHHHHIIIHHHHHII",
        0x02014B50,
        0x0300 | version,
        version,
        _UTF8,
        0,
        0,
        _DATE,
        member.crc32,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _REGULAR,
        min(offset, _LIMIT),
    )
    return fixed + name + extra
