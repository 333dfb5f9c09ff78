"""When: APScheduler, in memory, in each worker. It only enqueues; a queueing lock keeps two of them from doubling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from studio import queue
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.jobs.tasks import BACKUP, CHECK_LEDGER, PROVE, RECEIPTS, SEND, SWEEP
from studio.services import attempts, erasure, mail_outbox
from studio.services.exports import archives
from studio.services.policies import LOOK_AFTER
from studio.services.retention import TIDY

TICK_SECONDS = 1
FIRST_PROOF_MINUTES = 2


async def tick() -> None:
    """Enqueue a sweep when a row is due, and the postman when a mail is: four reads a second while nothing is."""
    async with transaction(SYSTEM) as session:
        if await attempts.sweep_due(session):
            await queue.defer_once(session, SWEEP)
        if await mail_outbox.due(session):
            await queue.defer_once(session, SEND)
        if await archives.due(session):
            await queue.defer_once(session, archives.BUILD)
        if await erasure.due(session):
            await queue.defer_once(session, erasure.PURGE)


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
    scheduler.add_job(enqueue, "interval", minutes=1, args=[LOOK_AFTER], **options)
    soon = datetime.now(UTC) + timedelta(minutes=FIRST_PROOF_MINUTES)  # the first page comes first
    scheduler.add_job(enqueue, "interval", hours=1, args=[PROVE], next_run_time=soon, **options)
    if settings().backup is not None:
        scheduler.add_job(enqueue, "interval", minutes=15, args=[BACKUP], **options)
    scheduler.start()
    return scheduler
