"""A restore: into an empty place only, and not open before the journal is replayed.

mark → load the database → migrate it → replay the journal, drop sign-ins, settle what was in flight → bring the objects
that rows still name → open. Killed after the loading, the same command goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from studio import db
from studio.services import journal, ledger
from studio.services.backups import loading, manifest, named, replay, shelf
from studio.services.backups.errors import Damaged, NotEmpty, WrongJournal
from studio.services.backups.manifest import About
from studio.services.storage import Storage

_THINGS = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'studio_restore')
  AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
"""


@dataclass(frozen=True)
class Target:
    """Where to: an empty database (its owner's address), an empty object store; and the journal that is replayed."""

    database_url: str
    objects: Storage
    journal: Storage


@dataclass(frozen=True)
class Restored:
    """What came of it. `missing` objects are named by rows and were deleted while the backup was made."""

    snapshot: UUID
    objects: int
    bytes: int
    missing: int
    replayed: replay.Replayed
    ledger_ok: bool


async def restore(
    target: Target,
    place: Storage,
    *,
    wanted: str,
    identities: list[str],
    journal_lost: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Restore a snapshot ("latest" or the beginning of an id) and open it.

    Raises:
        NotEmpty, NoSnapshot, WrongKey, WrongJournal, NewerRelease: nothing was changed.
        BackupError, StorageError: the database stays closed; run it again, or empty the place and start over.
    """
    snapshot = await shelf.find(place, wanted)
    about = await manifest.about(place, snapshot, identities=identities)
    loading.check_release(about)
    await _check_journal(target.journal, about, journal_lost=journal_lost)
    await _database(target, place, snapshot, about, identities, say)
    await loading.migrate(target.database_url)
    async with db.elsewhere(target.database_url) as begin:
        say("Replaying the erasure journal …")
        await replay.forget(begin)
        replayed = await replay.replay(begin, target.journal)
        say("Restoring the files …")
        objects, size, missing = await _objects(target, place, snapshot, begin, identities)
        async with begin() as session:
            checked = await ledger.check(session)
    await loading.unmark(target.database_url)
    return Restored(snapshot.id, objects, size, missing, replayed, checked.ok)


async def _check_journal(notes: Storage, about: About, *, journal_lost: bool) -> None:
    """The journal is the one that the backup knew, with at least what it held then."""
    if journal_lost or about.journal is None:
        return
    if await journal.name(store=notes) != about.journal or await journal.count(store=notes) < about.journal_entries:
        raise WrongJournal


async def _database(
    target: Target,
    place: Storage,
    snapshot: shelf.Snapshot,
    about: About,
    identities: list[str],
    say: Callable[[str], None],
) -> None:
    begun = await loading.state(target.database_url)
    if begun is not None:
        if begun[0] != str(snapshot.id):
            raise NotEmpty("A restore of another backup was begun here. Empty the place and start again.")
        if begun[1]:
            say("Going on with the restore that was begun here …")
            return
        if await _things(target.database_url):
            raise NotEmpty("A restore was cut off while the database was loaded. Empty the place and start again.")
    else:
        if await _things(target.database_url):
            raise NotEmpty("A restore goes into an empty database only, and this one is not. Nothing was changed.")
        async for _ in target.objects.list(""):
            raise NotEmpty("A restore goes into an empty file store only, and this one is not. Nothing was changed.")
        await loading.mark(target.database_url, snapshot)
    say(f"Restoring the database of {snapshot.at:%Y-%m-%d %H:%M} UTC …")
    await loading.load_database(target.database_url, place, snapshot, about, identities=identities)


async def _things(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute(_THINGS)).fetchone()
        return int(row[0]) if row else 0


async def _objects(
    target: Target, place: Storage, snapshot: shelf.Snapshot, begin: db.Transactions, identities: list[str]
) -> tuple[int, int, int]:
    async with begin() as session:
        await named.build(session)

    async def bring(entry: manifest.Entry, opened: loading.Opened, sha256: str | None) -> None:
        there = await target.objects.stat(entry.key)
        if there is not None and there.size == entry.size:  # an earlier run of this restore brought it, whole
            return
        async with opened.blocks() as blocks:
            stored = await target.objects.put(
                entry.key, blocks, content_type="application/octet-stream", size_hint=entry.size
            )
        if sha256 is not None and stored.sha256 != sha256:
            await target.objects.delete(entry.key)
            raise Damaged

    count, size = await loading.each_object(place, snapshot, begin, bring, identities=identities, all_of=False)
    async with begin() as session:
        missing = len(await named.missing(session))
    return count, size, missing
