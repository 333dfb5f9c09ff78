"""Error events as operators see them: what kind, where, how often, and by the reference a person was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.services import operators

PAGE = 30


@dataclass(frozen=True)
class Group:
    """Errors of one kind at one place, over the 30 days that they are kept."""

    source: str
    kind: str
    location: str
    count: int
    first_at: datetime
    last_at: datetime
    reference: UUID


@dataclass(frozen=True)
class Event:
    """One error."""

    reference: UUID
    at: datetime
    source: str
    kind: str
    location: str


async def groups(
    session: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int = PAGE
) -> Sequence[Group]:
    """Kinds of errors, the most recent first; `before` is the reference of the last one seen. Raises NotFound."""
    await operators.require(session, actor=actor)
    rows = await session.execute(
        text("""
        WITH g AS (
          SELECT source, kind, location, count(*) AS count, min(at) AS first_at, max(at) AS last_at,
            (array_agg(reference ORDER BY at DESC, reference DESC))[1] AS reference
          FROM error_events GROUP BY source, kind, location)
        SELECT * FROM g WHERE CAST(:before AS uuid) IS NULL OR (last_at, reference) < (
          SELECT e.at, e.reference FROM error_events e WHERE e.reference = :before ORDER BY e.at DESC LIMIT 1)
        ORDER BY last_at DESC, reference DESC LIMIT :limit
        """),
        {"before": before, "limit": max(1, min(limit, 200))},
    )
    return [Group(**row._mapping) for row in rows]


async def find(session: AsyncSession, *, actor: Actor, reference: UUID) -> Event | None:
    """The error behind a reference. Raises NotFound for who is no operator."""
    await operators.require(session, actor=actor)
    row = (
        await session.execute(
            text(
                "SELECT reference, at, source, kind, location FROM error_events WHERE reference = :reference "
                "ORDER BY at DESC LIMIT 1"
            ),
            {"reference": reference},
        )
    ).one_or_none()
    return Event(**row._mapping) if row is not None else None
