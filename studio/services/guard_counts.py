"""The rows that guards leave: how often each let something pass and refused, by day and kind of process."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Process = Literal["web", "worker", "backup", "proofs"]


async def write(session: AsyncSession, *, guard: str, process: Process, allowed: int, refused: int) -> None:
    """Add to today's row of a guard."""
    await session.execute(
        text(
            "INSERT INTO guard_counts AS c (guard, process, day, allowed, refused, reported_at) "
            "VALUES (:guard, :process, (studio_now() AT TIME ZONE 'UTC')::date, :allowed, :refused, studio_now()) "
            "ON CONFLICT (guard, process, day) DO UPDATE SET allowed = c.allowed + excluded.allowed, "
            "refused = c.refused + excluded.refused, reported_at = excluded.reported_at"
        ),
        {"guard": guard, "process": process, "allowed": allowed, "refused": refused},
    )
