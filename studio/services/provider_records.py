"""Records at the provider whose rows are gone here: asked for until the provider has deleted them, or dropped them.

The database notes each in the transaction that deletes the row that named it (migration 0023), without the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

KEPT_DAYS = 8  # the provider says 7
AT_ONCE = 50


async def came_too_late(session: AsyncSession, *, attempt_id: UUID, task_id: str) -> None:
    """A task that came too late: its row was closed meanwhile and names it all the same, or is gone with its account.

    In both cases the provider is asked to delete its record in the end.
    """
    known = {"attempt": attempt_id, "task": task_id}
    await session.execute(
        text(
            "UPDATE generations SET task_id = :task "
            "WHERE attempt_id = :attempt AND task_id IS NULL AND ended_at IS NOT NULL"
        ),
        known,
    )
    await session.execute(
        text(
            "INSERT INTO provider_removals (task_id) SELECT :task "
            "WHERE NOT EXISTS (SELECT 1 FROM generations WHERE attempt_id = :attempt) ON CONFLICT DO NOTHING"
        ),
        known,
    )


async def due(session: AsyncSession) -> Sequence[str]:
    """Records that the provider is to be asked to delete now, those that were asked for least often first."""
    rows = await session.scalars(
        text(
            "SELECT task_id FROM provider_removals WHERE due_at <= studio_now() "
            "ORDER BY tries, asked_at, task_id LIMIT :most"
        ),
        {"most": AT_ONCE},
    )
    return list(rows)


async def gone(session: AsyncSession, *, task_id: str) -> None:
    """The provider has no record of it any more."""
    await session.execute(text("DELETE FROM provider_removals WHERE task_id = :task"), {"task": task_id})


async def put_off(session: AsyncSession, *, task_ids: Sequence[str]) -> None:
    """Ask again later: it is being made, or the provider does not answer."""
    await session.execute(
        text(
            "UPDATE provider_removals SET tries = tries + 1, "
            "due_at = studio_now() + make_interval(secs => least(30 * 2 ^ least(tries, 10), 6 * 3600)) "
            "WHERE task_id = ANY(:tasks)"
        ),
        {"tasks": list(task_ids)},
    )


async def sweep(session: AsyncSession) -> int:
    """What the provider has dropped by itself by now. Returns how many."""
    dropped = await session.execute(
        text("DELETE FROM provider_removals WHERE asked_at < studio_now() - make_interval(days => :days) RETURNING 1"),
        {"days": KEPT_DAYS},
    )
    return len(dropped.all())
