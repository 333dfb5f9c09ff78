"""When: APScheduler, in memory, in each worker. It only enqueues; a queueing lock keeps two of them from doubling."""

from __future__ import annotations

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import text

from studio import queue
from studio.db import SYSTEM, transaction
from studio.jobs.tasks import CHECK_LEDGER, RECEIPTS, SEND, SWEEP, TIDY
from studio.services import mail_outbox

TICK_SECONDS = 1
_DUE = text("""
SELECT EXISTS (
  SELECT 1 FROM generations g WHERE g.ended_at IS NULL AND (
    (g.state IN ('running', 'unknown', 'storing') AND (g.due_at IS NULL OR g.due_at <= studio_now()))
    OR (g.state = 'queued' AND coalesce(g.due_at, g.created_at + interval '2 seconds') <= studio_now())
    OR (g.state = 'submitting' AND NOT EXISTS (
      SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND (l.classid::bigint << 32) | l.objid::bigint = g.worker_lock))))
""")


async def tick() -> None:
    """Enqueue a sweep when a row is due, and the postman when a mail is: two reads a second while nothing is."""
    async with transaction(SYSTEM) as session:
        if await session.scalar(_DUE):
            await queue.defer_once(session, SWEEP)
        if await mail_outbox.due(session):
            await queue.defer_once(session, SEND)


async def enqueue(name: str) -> None:
    """Enqueue a job unless it waits already."""
    async with transaction(SYSTEM) as session:
        await queue.defer_once(session, name)


def start() -> AsyncIOScheduler:
    """Begin; the caller shuts it down."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler.add_job(tick, "interval", seconds=TICK_SECONDS, **options)
    scheduler.add_job(enqueue, "interval", minutes=15, args=[CHECK_LEDGER], **options)
    scheduler.add_job(enqueue, "interval", hours=1, args=[TIDY], **options)
    scheduler.add_job(enqueue, "interval", hours=1, args=[RECEIPTS], **options)
    scheduler.start()
    return scheduler
