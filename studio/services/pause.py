"""Operators hold new work back: nothing more is sent to the provider until they let it go on.

What was sent goes on, what waits keeps its place and its hold, and people may cancel it.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.services import audit, operators

# Of any statement that takes new work: true while nothing may be taken.
PAUSED = "EXISTS (SELECT 1 FROM work_pauses)"


async def paused(session: AsyncSession) -> bool:
    """Whether new work is held back now."""
    return bool(await session.scalar(text(f"SELECT {PAUSED}")))


async def hold(session: AsyncSession, *, by: Actor) -> None:
    """Hold new work back. Raises NotFound for who is no operator."""
    await operators.require(session, actor=by)
    made = await session.scalar(text("INSERT INTO work_pauses DEFAULT VALUES ON CONFLICT DO NOTHING RETURNING true"))
    if made:
        await audit.write(session, by=by, action="work.pause", subject="work")


async def go_on(session: AsyncSession, *, by: Actor) -> None:
    """Take new work again. Raises NotFound for who is no operator."""
    await operators.require(session, actor=by)
    gone = await session.scalar(text("DELETE FROM work_pauses RETURNING true"))
    if gone:
        await audit.write(session, by=by, action="work.resume", subject="work")
