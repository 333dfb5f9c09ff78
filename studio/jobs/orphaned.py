"""The daily comparison of the store with the database, a thousand at a time and with no transaction open in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from studio.db import SYSTEM, transaction
from studio.runtime import storage
from studio.services import orphans
from studio.services.eventlog import WRITER
from studio.services.orphans import Orphans

SECOND_LOOK_SECONDS = 60.0  # an object is a moment older than its row
READERS = 8  # requests to the object store at once
log = logging.getLogger("studio")


class OrphansError(Exception):
    """The daily scan found a file that no row names, or a row whose file is not there."""


async def look_for_orphans(*, seconds: float = SECOND_LOOK_SECONDS) -> Orphans:
    """What is alone now and was a minute ago. It is told of, and never removed by a machine."""
    found = Orphans(objects=await _objects(), rows=await _rows())
    if found.objects or found.rows:
        await asyncio.sleep(seconds)
        before = set(found.rows)
        found = Orphans(
            objects=await _still_unnamed(found.objects), rows=[each for each in await _rows() if each in before]
        )
    async with transaction(SYSTEM) as session:
        ok = await orphans.record(session, found)
    if not ok:
        log.error("Orphans: %s files without a row, %s rows without a file.", len(found.objects), len(found.rows))
        WRITER.error("orphans", OrphansError())
    return found


async def _objects() -> list[str]:
    found: list[str] = []
    for kind in orphans.KINDS:
        async for page in orphans.pages(storage(), kind):
            async with transaction(SYSTEM) as session:
                found += await orphans.unnamed(session, keys=page)
    return found


async def _still_unnamed(keys: Sequence[str]) -> list[str]:
    async with transaction(SYSTEM) as session:
        left = await orphans.unnamed(session, keys=keys)
    return [key for key in left if await storage().stat(key) is not None]


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
