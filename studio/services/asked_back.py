"""What a person asked the provider to give up after it was sent: either answer, recorded."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import attempts, ledger
from studio.services.attempts import Work


async def given_up(session: AsyncSession, *, work: Work) -> bool:
    """running → cancelled: the provider had not begun and took it out of its queue, so nothing is charged."""
    row = await attempts.move(
        session,
        "SET state = 'cancelled', ended_at = studio_now(), charged_micros = 0, due_at = NULL, result = NULL "
        "WHERE id = :id AND state = 'running' AND attempt_id = :attempt",
        {"id": work.id, "attempt": work.attempt_id},
    )
    if row is None:
        return False
    await ledger.release(session, work.reservation)
    await attempts.wake(session)
    return True


async def runs_on(session: AsyncSession, *, work: Work) -> None:
    """The provider had begun: it cannot be given up any more, and the tile says so."""
    await attempts.move(
        session,
        "SET cancel_at = NULL, error_code = 'runs_on' WHERE id = :id AND ended_at IS NULL",
        {"id": work.id},
    )
