"""Making a backup: the database as of one instant, then every object that no earlier backup holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from studio.services import journal
from studio.services.backups import copies, crypt, manifest, shelf, tools
from studio.services.backups.errors import AlreadyRunning, WallIncomplete
from studio.services.storage import ObjectMissing, Storage

LOCK = 7305015
EXPORTS = "x/"  # archives that people asked for: gone within days, and made of what the backup holds anyway
_AT_ONCE = 4
# No time-outs: the snapshot stays open, and idle, for as long as pg_dump reads.
_OPTIONS = "-c role=studio_sys -c jit=off -c idle_in_transaction_session_timeout=0 -c statement_timeout=0"
_BLIND = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT EXISTS (
  SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
  AND 'studio_sys'::regrole = ANY(p.polroles) AND pg_get_expr(p.polqual, p.polrelid) = 'true')
"""
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
_OWNED = """
SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner) FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND pg_get_userbyid(p.proowner) IN ('studio_app', 'studio_sys')
"""


@dataclass(frozen=True)
class Source:
    """What is backed up: the database's address (its owner's), the objects, the journal that stays outside."""

    database_url: str
    objects: Storage
    journal: Storage
    secret_key: str


@dataclass(frozen=True)
class Taken:
    """A finished backup; `copied` objects were not in the place before."""

    snapshot: shelf.Snapshot
    copied: int


@dataclass(frozen=True)
class _Database:
    at: datetime
    revisions: list[str]
    server_version: int
    roles: list[str]
    owned: dict[str, str]
    counts: dict[str, int]
    sizes: copies.Seen
    stored: int


@asynccontextmanager
async def alone(database_url: str) -> AsyncIterator[None]:
    """Hold the right to write to the backup place; the database lets go of it with the connection."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
        if row is None or not row[0]:
            raise AlreadyRunning
        yield


async def take(source: Source, place: Storage, *, recipient: str, days: int, ident: UUID | None = None) -> Taken:
    """Make a snapshot that expires after `days`. Needs `alone`. Killed anywhere, it does not exist.

    Raises:
        BackupError, StorageError: nothing is visible of it; what was copied is used by the next one.
    """
    crypt.check_recipient(recipient)
    ident = ident or uuid4()
    name = await journal.name(store=source.journal, create=True)
    noted = await journal.count(store=source.journal)
    await tools.let_system_read_all(source.database_url)
    database = await _dump(source.database_url, place, ident, recipient)
    plan = await _plan(source, recipient)
    copied = await _copy(source.objects, place, plan, recipient)
    about = manifest.About(
        id=str(ident),
        at=database.at.isoformat(),
        revisions=database.revisions,
        server_version=database.server_version,
        roles=database.roles,
        owned=database.owned,
        counts=database.counts,
        dump_size=database.sizes.size,
        dump_sha256=database.sizes.sha256,
        journal=name,
        journal_entries=noted,
        objects=len(plan),
    )
    found = shelf.Snapshot(
        id=ident,
        at=database.at,
        expires=database.at + timedelta(days=days),
        bytes=database.stored + plan.size,
        objects=len(plan),
    )
    told = crypt.encrypted(manifest.lines(about, plan), recipient=recipient)
    await place.put(found.part("manifest"), told, content_type="application/octet-stream")
    await place.put(found.part("names"), _names(plan), content_type="application/octet-stream")
    await shelf.publish(place, found)
    return Taken(found, copied)


# The database


async def _dump(url: str, place: Storage, ident: UUID, recipient: str) -> _Database:
    connection = await psycopg.AsyncConnection.connect(url, options=_OPTIONS)
    async with connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        if (await _rows(connection, _BLIND))[0][0]:
            raise WallIncomplete
        ((exported, at),) = await _rows(connection, "SELECT pg_export_snapshot(), studio_now()")
        tables = [row[0] for row in await _rows(connection, _TABLES)]
        counts = {table: (await _rows(connection, f"SELECT count(*) FROM {table}"))[0][0] for table in tables}  # noqa: S608  # names from the catalogue
        revisions = [row[0] for row in await _rows(connection, "SELECT version_num FROM alembic_version")]
        roles = [
            row[0] for row in await _rows(connection, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'studio\\_%'")
        ]
        owned = {row[0]: row[1] for row in await _rows(connection, _OWNED)}
        version = connection.info.server_version
        sizes = copies.Seen()
        dumped = copies.watched(tools.dump(await tools.find(version), url, snapshot=exported), sizes)
        stored = await place.put(
            shelf.part(ident, "dump"),
            crypt.encrypted(dumped, recipient=recipient),
            content_type="application/octet-stream",
        )
    return _Database(at, revisions, version, roles, owned, counts, sizes, stored.size)


async def _rows(connection: psycopg.AsyncConnection[Any], statement: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement)).fetchall()  # type: ignore[arg-type]  # our own statements


# The objects


class Plan:
    """Every object of a snapshot in order of its copy's name, about 110 bytes of memory each."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self.size = 0

    def add(self, name: bytes, key: str, size: int) -> None:
        """Take an object in. All are added before the first is read."""
        self._rows.append(name + size.to_bytes(8, "big") + key.encode())
        self.size += size

    def sort(self) -> None:
        """Bring it in order."""
        self._rows.sort()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[manifest.Entry]:
        for row in self._rows:
            yield manifest.Entry(row[:16], int.from_bytes(row[16:24], "big"), row[24:].decode())

    def drop(self, keys: set[str]) -> None:
        """Leave out what was deleted meanwhile."""
        gone = [entry for entry in self if entry.key in keys]
        self.size -= sum(entry.size for entry in gone)
        self._rows = [row for row in self._rows if row[24:].decode() not in keys]


async def _plan(source: Source, recipient: str) -> Plan:
    namer = copies.Namer(secret_key=source.secret_key, recipient=recipient)
    plan = Plan()
    async for item in source.objects.list(""):
        if not item.key.startswith(EXPORTS):
            plan.add(namer.name(item.key), item.key, item.size)
    await asyncio.to_thread(plan.sort)
    return plan


async def _copy(objects: Storage, place: Storage, plan: Plan, recipient: str) -> int:
    """Copy what is not there. Objects that were deleted since they were listed leave the plan."""
    gone: set[str] = set()
    copied = 0
    missing = _missing(place, plan)
    lock = asyncio.Lock()

    async def work() -> None:
        nonlocal copied
        while True:
            async with lock:
                entry = await anext(missing, None)
            if entry is None:
                return
            if await _copy_one(objects, place, entry, recipient):
                copied += 1
            else:
                gone.add(entry.key)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    if gone:
        plan.drop(gone)
    return copied


async def _missing(place: Storage, plan: Plan) -> AsyncGenerator[manifest.Entry, None]:
    """What the place does not hold yet: two ordered lists side by side."""
    there = place.list(f"{copies.KIND}/")
    head = await anext(there, None)
    for entry in plan:
        wanted = copies.place(entry.name)
        while head is not None and head.key < wanted:
            head = await anext(there, None)
        if head is None or head.key != wanted:
            yield entry
    await there.aclose()


async def _copy_one(objects: Storage, place: Storage, entry: manifest.Entry, recipient: str) -> bool:
    try:
        stream = await objects.open(entry.key)
    except ObjectMissing:
        return False
    async with stream:
        sealed = crypt.encrypted(copies.wrapped(entry.key, stream), recipient=recipient)
        await place.put(
            copies.place(entry.name), sealed, content_type="application/octet-stream", size_hint=entry.size + 4096
        )
    return True


async def _names(plan: Plan) -> AsyncGenerator[bytes, None]:
    for entry in plan:
        yield entry.name
