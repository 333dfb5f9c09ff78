"""What lives as long as its account, and how many rows of it a transaction changed: the database's own count (R1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import registry

# What goes with the file or the workspace that it belongs to, and is not counted apart from it.
_PARTS = frozenset({"asset_labels", "batch_inputs", "batches", "drafts", "generations", "presets"})


class LiveContentError(Exception):
    """A sweep would have changed live content; it was rolled back."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


def live_tables() -> tuple[str, ...]:
    """The tables whose rows live as long as their account: content, and who the person is. No sweep may change them."""
    content = {
        each.table for each in registry.entities() if any(h.category == "content" for h in each.columns.values())
    }
    return tuple(sorted(content | {"accounts", "identities", "agreements", "mail_optins", "ledger_pseudonyms"}))


async def changed(session: AsyncSession) -> int:
    """Rows of live content that this connection changed or deleted, and has not reported to the statistics yet."""
    found = await session.scalar(
        text(
            "SELECT coalesce(sum(pg_stat_get_xact_tuples_updated(c) + pg_stat_get_xact_tuples_deleted(c)), 0) "
            "FROM (SELECT to_regclass(t)::oid AS c FROM unnest(CAST(:tables AS text[])) AS t) AS live"
        ),
        {"tables": list(live_tables())},
    )
    return int(found or 0)


async def _deleted(session: AsyncSession) -> dict[str, int]:
    rows = await session.execute(
        text(
            "SELECT t, pg_stat_get_xact_tuples_deleted(to_regclass(t)::oid) FROM unnest(CAST(:tables AS text[])) AS t"
        ),
        {"tables": [each for each in live_tables() if each not in _PARTS]},
    )
    return {table: int(count or 0) for table, count in rows}


@asynccontextmanager
async def only(session: AsyncSession, due: Mapping[str, int]) -> AsyncIterator[None]:
    """Within this, no more rows of a table may be deleted than are due; `due` has none of the tables it does not name.

    Raises:
        LiveContentError: more were. The transaction must be rolled back.
    """
    before = await _deleted(session)
    yield
    undue = sum(max(0, count - before[table] - due.get(table, 0)) for table, count in (await _deleted(session)).items())
    if undue:
        raise LiveContentError(undue)
