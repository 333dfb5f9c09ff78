"""Rows without objects, and objects without rows: looked for once a day, in both directions.

An object may be a moment older than its row, so only what is still alone at a second look is an orphan. One that is a
day old by then was left by a process that was killed between the two, and may be of somebody who is gone: it is deleted
like what is noted for it, and told of all the same. Objects that are older than this database, or very many, are told
of and never touched: then the database is more likely the wrong one. So is every object of a store in which another
database looked since: each scan leaves a mark there, and one that does not find its own deletes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import checks, purge
from studio.services.storage import Storage, StoredObject, key_for

AT_ONCE = 1000
MOST_REMOVED = 1000  # at a time: a process that was killed leaves a few
DUE_HOURS = 23
LOOK = "orphans.look"
KINDS = ("o/", "t/", "p/", "x/")
MARK = "m"
# What names an object of each kind, by the key itself.
_NAMED = """
SELECT k.key FROM unnest(CAST(:keys AS text[])) AS k(key) WHERE
  EXISTS (SELECT 1 FROM assets a WHERE a.object_key = k.key)
  OR EXISTS (SELECT 1 FROM assets a WHERE k.key LIKE 't/%'
    AND CAST(split_part(substr(k.key, 6), '.', 1) AS uuid) IN (a.id, a.generation_id))
  OR EXISTS (SELECT 1 FROM generations g WHERE (k.key LIKE 'o/%' OR k.key LIKE 't/%')
    AND g.id = CAST(split_part(substr(k.key, 6), '.', 1) AS uuid) AND g.ended_at IS NULL)
  OR EXISTS (SELECT 1 FROM accounts a WHERE k.key LIKE 'p/%' AND (a.picture_key = k.key OR k.key = ANY(a.picture_gone)))
  OR EXISTS (SELECT 1 FROM exports e WHERE k.key LIKE 'x/%'
    AND e.id = CAST(split_part(substr(k.key, 6), '.', 1) AS uuid) AND e.plan IS NOT NULL)
  OR EXISTS (SELECT 1 FROM object_removals r WHERE r.key = k.key)
"""


@dataclass(frozen=True)
class Orphans:
    """What a scan found: objects that no row names, and ids of files whose object is not there."""

    objects: Sequence[str]
    rows: Sequence[str]


async def pages(storage: Storage, kind: str) -> AsyncIterator[list[StoredObject]]:
    """The objects of one kind, a thousand at a time."""
    page: list[StoredObject] = []
    async for item in storage.list(kind):
        page.append(item)
        if len(page) == AT_ONCE:
            yield page
            page = []
    if page:
        yield page


async def unnamed(session: AsyncSession, *, objects: Sequence[StoredObject]) -> list[StoredObject]:
    """Those of the objects that no row names."""
    named = set(await session.scalars(text(_NAMED), {"keys": [each.key for each in objects]}))
    return [each for each in objects if each.key not in named]


async def remove(session: AsyncSession, *, objects: Sequence[StoredObject], before: datetime) -> int:
    """Have those deleted that were alone at both looks, written before that moment, and are alone now.

    None when they are too many, and none from before this database. Returns how many.
    """
    begun: datetime | None = await session.scalar(text("SELECT min(registered_at) FROM policy_versions"))
    if begun is None or len(objects) > MOST_REMOVED:
        return 0
    left = [each for each in objects if each.at is not None and begun < each.at < before]
    keys = [each.key for each in await unnamed(session, objects=left)]
    await purge.note_removals(session, keys=keys)
    return len(keys)


async def marks(storage: Storage) -> list[str]:
    """Every mark that a scan left in the store: one, unless a scan was killed or another database looks here too."""
    return [each.key async for each in storage.list(f"{MARK}/")]


async def own_mark(session: AsyncSession) -> str | None:
    """The mark that this database left last."""
    last = await checks.last(session, name=checks.MARK)
    return key_for(MARK, UUID(int=last.figures["mark"])) if last is not None else None


async def note_mark(session: AsyncSession, *, mark: UUID) -> None:
    """Remember the mark of a scan."""
    now = await session.scalar(text("SELECT studio_now()"))
    await checks.record(session, name=checks.MARK, checked_at=now, ok=True, figures={"mark": mark.int})


async def objects_without_rows(session: AsyncSession, *, storage: Storage) -> list[str]:
    """Every object that no row names."""
    found: list[str] = []
    for kind in KINDS:
        async for page in pages(storage, kind):
            found += [each.key for each in await unnamed(session, objects=page)]
    return found


async def rows_without_objects(session: AsyncSession, *, storage: Storage) -> list[str]:
    """Ids of files whose original is not in the store."""
    rows = await session.execute(text("SELECT id, object_key FROM assets ORDER BY object_key"))
    return [str(row.id) for row in rows if await storage.stat(row.object_key) is None]


async def scan(session: AsyncSession, *, storage: Storage) -> Orphans:
    """Both directions. Reads everything: for a daily job and for tests."""
    return Orphans(
        objects=await objects_without_rows(session, storage=storage),
        rows=await rows_without_objects(session, storage=storage),
    )


async def due(session: AsyncSession) -> bool:
    """Whether the daily scan is due."""
    last = await checks.last(session, name=checks.ORPHANS)
    return last is None or bool(
        await session.scalar(
            text("SELECT CAST(:at AS timestamptz) < studio_now() - make_interval(hours => :hours)"),
            {"at": last.checked_at, "hours": DUE_HOURS},
        )
    )


async def named(session: AsyncSession, *, after: str, limit: int = AT_ONCE) -> Sequence[tuple[str, str]]:
    """Id and object of the next files by the names of their objects, of which `after` was the last."""
    rows = await session.execute(
        text("SELECT id, object_key FROM assets WHERE object_key > :after ORDER BY object_key LIMIT :limit"),
        {"after": after, "limit": limit},
    )
    return [(str(row.id), row.object_key) for row in rows]


async def record(session: AsyncSession, found: Orphans, *, removed: int = 0) -> bool:
    """Keep what a scan found, and how much of it was removed; whether it found nothing."""
    ok = not found.objects and not found.rows
    await checks.record(
        session,
        name=checks.ORPHANS,
        checked_at=await session.scalar(text("SELECT studio_now()")),
        ok=ok,
        figures={"objects": len(found.objects), "rows": len(found.rows), "removed": removed},
    )
    return ok
