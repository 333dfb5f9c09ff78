"""A snapshot's database and objects, brought to where they are wanted. Restore and verification share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql

from studio import db, schema
from studio.services.backups import copies, crypt, manifest, named, tools
from studio.services.backups.errors import Damaged, NewerRelease
from studio.services.backups.manifest import About, Entry
from studio.services.backups.shelf import Snapshot
from studio.services.storage import ObjectMissing, Storage

_AT_ONCE = 4
_BATCH = 200
_ROLE = "DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"

Handle = Callable[[Entry, "Opened", str | None], Awaitable[None]]


class Opened:
    """One object of the snapshot, to be read once."""

    def __init__(self, place: Storage, entry: Entry, identities: list[str]) -> None:
        self.seen = copies.Seen()
        self._open = lambda: manifest.open_object(place, entry, self.seen, identities=identities)

    @asynccontextmanager
    async def blocks(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Its bytes; Damaged at the end unless they are the ones that were copied."""
        async with aclosing(self._open()) as stream:
            yield stream


async def mark(url: str, snapshot: Snapshot) -> None:
    """The first step: from here on nothing opens this database until `unmark`."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE SCHEMA studio_restore")
        await connection.execute(
            "CREATE TABLE studio_restore.state (snapshot uuid NOT NULL, loaded boolean NOT NULL DEFAULT false)"
        )
        await connection.execute("INSERT INTO studio_restore.state (snapshot) VALUES (%s)", (snapshot.id,))


async def state(url: str) -> tuple[str, bool] | None:
    """The snapshot a restore is about and whether its database is loaded; None when none is under way."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        try:
            row = await (await connection.execute("SELECT snapshot::text, loaded FROM studio_restore.state")).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        return (row[0], row[1]) if row else None


async def unmark(url: str) -> None:
    """The last step: the database is open."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("DROP SCHEMA studio_restore CASCADE")


def check_release(about: About) -> None:
    """Raise NewerRelease unless this release knows the snapshot's schema."""
    if not set(about.revisions) <= schema.revisions()[0]:
        raise NewerRelease


async def load_database(url: str, place: Storage, snapshot: Snapshot, about: About, *, identities: list[str]) -> None:
    """Load the dump into an empty, marked database: whole or not at all. Nothing is migrated yet."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        version = connection.info.server_version
        for role in sorted({*about.roles, "studio_app", "studio_sys"}):
            name = sql.Identifier(role)
            await connection.execute(sql.SQL(_ROLE).format(role=name))  # type: ignore[arg-type]  # composed
            await connection.execute(sql.SQL("GRANT {role} TO CURRENT_USER").format(role=name))
    seen = copies.Seen()
    async with await place.open(snapshot.part("dump")) as source:
        clear = crypt.decrypted(source, identities=identities)
        await tools.restore(await tools.find(version), url, copies.watched(clear, seen))
    if (seen.size, seen.sha256) != (about.dump_size, about.dump_sha256):
        raise Damaged
    await _give_back(url, about)


async def _give_back(url: str, about: About) -> None:
    """Functions that run as another role belong to it again: the restored ones belong to whoever restored them."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        for role in set(about.owned.values()):
            await connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        for signature, role in about.owned.items():
            # A regprocedure's own text, quoted by the server it came from; the manifest is sealed.
            change = sql.SQL("ALTER FUNCTION {} OWNER TO {}").format(sql.SQL(signature), sql.Identifier(role))  # type: ignore[arg-type]
            await connection.execute(change)
        for role in set(about.owned.values()):
            await connection.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(role)))
        await connection.execute("GRANT USAGE, CREATE ON SCHEMA studio_restore TO studio_sys")
        await connection.execute("UPDATE studio_restore.state SET loaded = true")


async def migrate(url: str) -> None:
    """Bring an older snapshot to this release's schema."""
    await asyncio.to_thread(db.migrate, url)


async def each_object(
    place: Storage, snapshot: Snapshot, begin: db.Transactions, handle: Handle, *, identities: list[str], all_of: bool
) -> tuple[int, int]:
    """Call `handle` for the objects that rows name (or for all of them), a few at once; returns (objects, bytes).

    `handle` gets the hash that a row holds, if one does. An object that it does not fail on counts as brought.
    """
    count = size = 0
    batch: list[Entry] = []

    async def flush() -> None:
        nonlocal count, size
        async with begin() as session:
            known = await named.wanted(session, [entry.key for entry in batch])
        chosen = [entry for entry in batch if all_of or entry.key in known]
        await _several(chosen, place, handle, known, identities)
        async with begin() as session:
            await named.done(session, [entry.key for entry in chosen])
        count += len(chosen)
        size += sum(entry.size for entry in chosen)
        batch.clear()

    async with aclosing(manifest.entries(place, snapshot, identities=identities)) as entries:
        async for entry in entries:
            batch.append(entry)
            if len(batch) == _BATCH:
                await flush()
    await flush()
    return count, size


async def _several(
    entries: list[Entry], place: Storage, handle: Handle, known: dict[str, Any], identities: list[str]
) -> None:
    waiting = iter(entries)

    async def work() -> None:
        for entry in waiting:
            sha256, size = known.get(entry.key, (None, None))
            if size is not None and size != entry.size:
                raise Damaged
            try:
                await handle(entry, Opened(place, entry, identities), sha256)
            except ObjectMissing:
                raise Damaged from None

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
