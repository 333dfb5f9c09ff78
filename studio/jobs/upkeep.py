"""Housekeeping of the worker: the ledger's check, partitions ahead of time, and the end of what is over."""

from __future__ import annotations

import logging

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import SYSTEM, transaction
from studio.services import checks, guards, ledger, orphans, pictures, retention
from studio.services.eventlog import WRITER

log = logging.getLogger("studio")


class LedgerMismatchError(Exception):
    """The ledger's check found a broken chain or a budget that differs from its entries."""


async def check_ledger(session: AsyncSession) -> ledger.ChainReport:
    """Run the check; a mismatch is an error event and a line in the log, never repaired silently."""
    report = await ledger.check(session)
    figures = {"entries": report.entries, "broken": report.broken, "mismatched": report.mismatched}
    await checks.record(session, name=checks.LEDGER, checked_at=report.checked_at, ok=report.ok, figures=figures)
    if not report.ok:
        log.error("Ledger: %s broken links, %s budgets differ.", report.broken, report.mismatched)
        WRITER.error("ledger.check", LedgerMismatchError())
    return report


async def run() -> None:
    """The hourly job: tidy, then what has a transaction of its own, then see whether anything is overdue.

    Two of these at once, or one that is killed at any point, do no harm: what is over is ended once.
    """
    async with transaction(SYSTEM) as session:
        await tidy(session)
    for each in retention.TABLE:
        try:
            await _apart(each)
        except Exception as error:  # noqa: BLE001  # it must not stop the others; it is in the error events
            await retention.failed(each.what, error)
    async with transaction(SYSTEM) as session:
        await retention.watch(session)
        if await orphans.due(session):  # a job of its own: it takes its time between two looks
            await queue.defer_once(session, orphans.LOOK)


async def _apart(each: retention.Entry) -> None:
    """One entry that is not part of the tidying: a day or a year at a time, or files."""
    if each.sweep is not None and each.alone:
        more = True
        while more:
            async with transaction(SYSTEM) as session:
                more = await retention.sweep(session, what=each.what) is not None
    elif each.clear is not None:
        gone = await each.clear()
        async with transaction(SYSTEM) as session:
            await retention.note(session, what=each.what, rows=gone)


async def tidy(session: AsyncSession) -> None:
    """Make the next partitions, wake what a lost job left, and end the rows that are over (the table of retention)."""
    await session.execute(text("SELECT studio_partitions(7)"))
    await guards.sweep(session)
    await pictures.sweep(session)
    await retention.sweep_shared(session)
