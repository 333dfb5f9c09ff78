"""The daily comparison of the store with the database, a thousand at a time and with no transaction open in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.runtime import storage
from studio.services import orphans
from studio.services.eventlog import WRITER
from studio.services.orphans import Orphans
from studio.services.storage import StoredObject, key_for

SECOND_LOOK_SECONDS = 60.0  # an object is a moment older than its row
OLD = timedelta(days=1)  # nothing is on its way for that long
READERS = 8  # requests to the object store at once
log = logging.getLogger("studio")


class OrphansError(Exception):
    """The daily scan found a file that no row names, or a row whose file is not there."""


async def look_for_orphans(*, seconds: float = SECOND_LOOK_SECONDS, old: timedelta = OLD) -> Orphans:
    """What is alone now and was a minute ago: it is told of, and deleted if it is `old` and the store is ours alone."""
    mark, ours = await _mark()
    objects, rows = await _objects(), await _rows()
    if objects or rows:
        await asyncio.sleep(seconds)
        before = set(rows)
        objects, rows = await _still_unnamed(objects), [each for each in await _rows() if each in before]
    found = Orphans(objects=[each.key for each in objects], rows=rows)
    ours = ours and await orphans.marks(storage()) == [mark]
    async with transaction(SYSTEM) as session:
        going = objects if ours else []
        before = min(datetime.now(UTC), await session.scalar(text("SELECT studio_now()"))) - old
        removed = await orphans.remove(session, objects=going, before=before)
        ok = await orphans.record(session, found, removed=removed)
    if not ok:
        log.error(
            "Orphans: %s files without a row, of which %s are deleted now; %s rows without a file.",
            len(found.objects),
            removed,
            len(found.rows),
        )
        WRITER.error("orphans", OrphansError())
    return found


async def _mark() -> tuple[str, bool]:
    """Leave a new mark in the store; whether the only one there was the last of this database."""
    there, mark = await orphans.marks(storage()), uuid4()
    async with transaction(SYSTEM) as session:
        last = await orphans.own_mark(session)
    await storage().put(key_for(orphans.MARK, mark), b"studio", content_type="text/plain")
    async with transaction(SYSTEM) as session:
        await orphans.note_mark(session, mark=mark)
    for each in there:
        await storage().delete(each)
    return key_for(orphans.MARK, mark), there == [last]


async def _objects() -> list[StoredObject]:
    found: list[StoredObject] = []
    for kind in orphans.KINDS:
        async for page in orphans.pages(storage(), kind):
            async with transaction(SYSTEM) as session:
                found += await orphans.unnamed(session, objects=page)
    return found


async def _still_unnamed(objects: Sequence[StoredObject]) -> list[StoredObject]:
    async with transaction(SYSTEM) as session:
        left = await orphans.unnamed(session, objects=objects)
    return [each for each in left if await storage().stat(each.key) is not None]


async def _rows() -> list[str]:
    gate = asyncio.Semaphore(READERS)

    async def missing(key: str) -> bool:
        async with gate:
            return await storage().stat(key) is None

    found: list[str] = []
    after = ""
    while True:
        async with transaction(SYSTEM) as session:
            page = await orphans.named(session, after=after)
        if not page:
            return found
        gone = await asyncio.gather(*(missing(key) for _, key in page))
        found += [ident for (ident, _), lost in zip(page, gone, strict=True) if lost]
        after = page[-1][1]
