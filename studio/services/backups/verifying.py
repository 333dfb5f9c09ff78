"""Restoring the newest backup beside the running service, to see that it could be: rows, ledger, every object's hash.

The database goes into a scratch one (`scratch`). Objects are read, opened and hashed, and not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg

from studio import db
from studio.services import ledger
from studio.services.backups import loading, manifest, named, scratch, shelf
from studio.services.backups.errors import Damaged
from studio.services.storage import Storage


@dataclass(frozen=True)
class Verified:
    """What was found. `wrong_tables` have another number of rows than when the backup was made; `missing` objects are
    named by its rows, not in it, and still in the file store (deleted ones are no fault)."""

    snapshot: UUID
    objects: int
    bytes: int
    tables: int
    wrong_tables: list[str]
    missing: int
    ledger_ok: bool

    @property
    def ok(self) -> bool:
        return not self.wrong_tables and not self.missing and self.ledger_ok


async def verify(
    place: Storage, *, database_url: str, objects: Storage, identities: list[str], wanted: str = "latest"
) -> Verified:
    """Restore a snapshot into a scratch place and compare. Nothing of it stays, nor of one that was killed.

    Raises:
        WrongKey, Damaged, NoSnapshot: it could not be restored.
    """
    snapshot = await shelf.find(place, wanted)
    about = await manifest.about(place, snapshot, identities=identities)
    loading.check_release(about)
    await scratch.clear(database_url)
    async with scratch.place(database_url) as url:
        await loading.mark(url, snapshot)
        await loading.load_database(url, place, snapshot, about, identities=identities)
        wrong = await _wrong_tables(url, about.counts)
        await loading.migrate(url)
        async with db.elsewhere(url) as begin:
            async with begin() as session:
                checked = await ledger.check(session)
                await named.build(session)
            count, size = await loading.each_object(place, snapshot, begin, _read, identities=identities, all_of=True)
            async with begin() as session:
                lost = await named.missing(session)
    missing = 0
    for key in lost:
        missing += await objects.stat(key) is not None
    return Verified(snapshot.id, count, size, len(about.counts), wrong, missing, checked.ok)


async def _read(entry: manifest.Entry, opened: loading.Opened, sha256: str | None) -> None:
    del entry
    async with opened.blocks() as blocks:
        async for _ in blocks:
            pass
    if sha256 is not None and opened.seen.sha256 != sha256:
        raise Damaged


async def _wrong_tables(url: str, counts: dict[str, int]) -> list[str]:
    wrong = []
    async with await psycopg.AsyncConnection.connect(
        url, options=db.role_options("sys"), autocommit=True
    ) as connection:
        for table, expected in sorted(counts.items()):
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()  # type: ignore[arg-type]  # noqa: S608  # sealed manifest
            if row is None or row[0] != expected:
                wrong.append(table)
    return wrong
