"""A series is several rows that one POST answers for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.services.attempts import Work


async def begin(session: AsyncSession, *, work: Work, worker_lock: int) -> Sequence[Work]:
    """queued → submitting for every row of a series that this worker leased and nobody cancelled since, in their order.

    One POST makes them all; each has an attempt id of its own, under which its picture is recorded.
    """
    rows = await session.execute(
        text(
            "UPDATE generations SET state = 'submitting', attempt_id = gen_random_uuid(), "
            "submitted_at = studio_now(), due_at = NULL "
            "WHERE batch_id = :batch AND state = 'queued' AND worker_lock = :worker RETURNING id, position, attempt_id"
        ),
        {"batch": work.batch_id, "worker": worker_lock},
    )
    found = sorted(rows.all(), key=lambda row: row.position)
    if found:
        await queue.notify(session, work.account_id, "batch", batch=work.batch_id)
    return [replace(work, id=row.id, attempt_id=row.attempt_id, state="submitting") for row in found]
