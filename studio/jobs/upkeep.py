"""Housekeeping of the worker: the ledger's check, partitions ahead of time, sessions and jobs that are over."""

from __future__ import annotations

import logging

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import (
    abuse,
    addresses,
    checks,
    consent,
    guards,
    ledger,
    mail_outbox,
    pictures,
    requests,
    sessions,
    usage,
)
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


async def tidy(session: AsyncSession) -> None:
    """Make the next partitions; delete sessions that ended and jobs whose worker died (rows hold the truth)."""
    await session.execute(text("SELECT studio_partitions(7)"))
    await sessions.sweep(session)
    await abuse.forget(session)
    await consent.sweep(session)
    await usage.aggregate(session)
    await mail_outbox.sweep(session)
    await addresses.sweep(session)
    await pictures.sweep(session)
    await session.execute(text("SELECT studio_audit_retire()"))
    await guards.sweep(session)
    await requests.sweep(session)
    await session.execute(
        text(
            "DELETE FROM procrastinate_jobs j WHERE j.status = 'doing' AND NOT EXISTS (SELECT 1 FROM "
            "procrastinate_workers w WHERE w.id = j.worker_id AND w.last_heartbeat > now() - interval '2 minutes')"
        )
    )
    await session.execute(text("DELETE FROM procrastinate_jobs WHERE status IN ('failed', 'cancelled', 'aborted')"))
