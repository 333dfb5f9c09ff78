"""Prompts that were sent before, one step at a time: nobody needs a whole history at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor

_STEP = """
SELECT b.id, b.prompt FROM batches b
WHERE b.account_id = :account AND b.workspace_id = :workspace AND b.prompt <> :shown
  AND (CAST(:at AS uuid) IS NULL OR (b.created_at, b.id) {than}
    (SELECT p.created_at, p.id FROM batches p WHERE p.id = :at AND p.account_id = :account))
ORDER BY b.created_at {order}, b.id {order} LIMIT 1
"""


@dataclass(frozen=True)
class Earlier:
    """A prompt and the batch it belongs to, from which the next step is taken."""

    batch_id: UUID
    prompt: str


async def older(session: AsyncSession, *, actor: Actor, at: UUID | None, shown: str) -> Earlier | None:
    """The newest prompt before the batch `at` that differs from what is shown; None: there is none."""
    return await _step(session, _STEP.format(than="<", order="DESC"), actor=actor, at=at, shown=shown)


async def newer(session: AsyncSession, *, actor: Actor, at: UUID, shown: str) -> Earlier | None:
    """The oldest one after it."""
    return await _step(session, _STEP.format(than=">", order="ASC"), actor=actor, at=at, shown=shown)


async def _step(session: AsyncSession, query: str, *, actor: Actor, at: UUID | None, shown: str) -> Earlier | None:
    row = (
        await session.execute(
            text(query),
            {"account": actor.account_id, "workspace": actor.workspace_id, "at": at, "shown": shown},
        )
    ).one_or_none()
    return Earlier(batch_id=row.id, prompt=row.prompt) if row else None
