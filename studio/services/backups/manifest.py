"""What belongs to a snapshot: a first line about the database, then a line for each object. Encrypted as one stream."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from uuid import UUID

from studio.services.backups import copies, crypt
from studio.services.backups.errors import Damaged
from studio.services.backups.shelf import Snapshot
from studio.services.storage import Storage, check_key

_FORMAT = 1
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class About:
    """The database as it was dumped, and the journal that belongs to it."""

    id: str
    at: str
    revisions: list[str]
    server_version: int
    roles: list[str]
    owned: dict[str, str]
    """Functions of another owner than whoever restores: their signature and that role."""
    counts: dict[str, int]
    dump_size: int
    dump_sha256: str
    journal: str | None
    journal_entries: int
    objects: int
    """How many objects follow; a list that ends early is noticed."""


@dataclass(frozen=True)
class Entry:
    """One object: where its copy is, how many bytes it has, and its key in the studio."""

    name: bytes
    size: int
    key: str


async def lines(about: About, entries: Iterable[Entry]) -> AsyncGenerator[bytes, None]:
    """The stream."""
    yield json.dumps({"format": _FORMAT, **asdict(about)}).encode() + b"\n"
    for entry in entries:
        yield f"{entry.name.hex()} {entry.size} {entry.key}\n".encode()


async def about(shelf: Storage, snapshot: Snapshot, *, identities: list[str]) -> About:
    """Only the first line."""
    async with aclosing(_decrypted_lines(shelf, snapshot, identities)) as stream:
        async for line in stream:
            return _about(line, snapshot.id)
    raise Damaged


async def entries(shelf: Storage, snapshot: Snapshot, *, identities: list[str]) -> AsyncGenerator[Entry, None]:
    """Every object. Raises Damaged at the end unless all were there."""
    expected, count = -1, 0
    async with aclosing(_decrypted_lines(shelf, snapshot, identities)) as stream:
        async for line in stream:
            if expected < 0:
                expected = _about(line, snapshot.id).objects
                continue
            count += 1
            yield _entry(line)
    if count != expected or count != snapshot.objects:
        raise Damaged


def _about(line: bytes, ident: UUID) -> About:
    try:
        told = json.loads(line)
        if told.pop("format") != _FORMAT or told["id"] != str(ident):
            raise Damaged
        return About(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged from error


def _entry(line: bytes) -> Entry:
    try:
        name, size, key = line.decode().split(" ")
        return Entry(bytes.fromhex(name), int(size), check_key(key))
    except ValueError as error:
        raise Damaged from error


async def _decrypted_lines(shelf: Storage, snapshot: Snapshot, identities: list[str]) -> AsyncGenerator[bytes, None]:
    rest = b""
    async with await shelf.open(snapshot.part("manifest")) as source:
        stream = crypt.decrypted(source, identities=identities)
        async with aclosing(stream):
            async for block in stream:
                *whole, rest = (rest + block).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    raise Damaged
                for line in whole:
                    yield line
    if rest:
        raise Damaged


async def open_object(
    shelf: Storage, entry: Entry, seen: copies.Seen, *, identities: list[str]
) -> AsyncGenerator[bytes, None]:
    """An object's bytes, checked against the hash that was taken when it was copied. Raises Damaged, ObjectMissing."""
    async with await shelf.open(copies.place(entry.name)) as source:
        stream: AsyncIterator[bytes] = crypt.decrypted(source, identities=identities)
        async for block in copies.unwrapped(entry.key, stream, seen):
            yield block
    if seen.size != entry.size:
        raise Damaged
