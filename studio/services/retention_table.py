"""The table of what is kept how long. `studio.services.retention` runs it and looks after it.

Whoever adds a kind of data that ends adds an `Entry`: how it ends, and a query that says when the row that has waited
longest should have been gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.services import (
    abuse,
    addresses,
    consent,
    ledger,
    leftovers,
    logs,
    mail_outbox,
    provider_records,
    selections,
    sessions,
    trash,
    usage,
)
from studio.services import requests as data_requests
from studio.services.exports import archives

LEDGER_YEARS = 7
RUN_DAYS = 90

Sweep = Callable[[AsyncSession], Awaitable[int | None]]


@dataclass(frozen=True)
class Entry:
    """One kind of data that ends by time.

    `what` is its name in `retention_runs`; `label` and `ends` are for people. `days` it is kept from `since` on;
    `setting` names what changes that, within the promise. `tables` are those it empties.

    Rows end by `sweep`, in the transaction of the hourly tidying. With `alone` it has a transaction of its own and is
    called again until it returns None, because it takes a lock that others wait for. What is no row ends by `clear`,
    with no transaction open. With neither, it is ended elsewhere and only looked after here.

    `due` selects when the row that waited longest should have been gone, or nothing; `oldest` says since when the
    oldest thing that is no row is there. From `grace_hours` after that on it is overdue.
    """

    what: str
    label: str
    days: Callable[[], float]
    since: str
    ends: str
    tables: tuple[str, ...] = ()
    setting: str | None = None
    sweep: Sweep | None = None
    alone: bool = False
    clear: Callable[[], Awaitable[int]] | None = None
    due: str | None = None
    oldest: Callable[[], Awaitable[datetime | None]] | None = None
    grace_hours: int = 24

    @property
    def swept(self) -> bool:
        return self.sweep is not None or self.clear is not None


def _fixed(days: float) -> Callable[[], float]:
    return lambda: days


async def _jobs(session: AsyncSession) -> int:
    """Delete jobs that ended badly or whose worker died: rows hold the truth, and a sweep finds what is due in them."""
    gone = await session.execute(
        text(
            "DELETE FROM procrastinate_jobs j WHERE j.status = 'doing' AND NOT EXISTS (SELECT 1 FROM "
            "procrastinate_workers w WHERE w.id = j.worker_id AND w.last_heartbeat > now() - interval '2 minutes') "
            "OR j.status IN ('failed', 'cancelled', 'aborted') RETURNING 1"
        )
    )
    return len(gone.all())


async def _runs(session: AsyncSession) -> int:
    gone = await session.execute(
        text("DELETE FROM retention_runs WHERE at < studio_now() - make_interval(days => :days) RETURNING 1"),
        {"days": RUN_DAYS},
    )
    return len(gone.all())


async def _audit(session: AsyncSession) -> int:
    return int((await session.execute(text("SELECT studio_audit_retire()"))).scalar_one())


TABLE: tuple[Entry, ...] = (
    Entry(
        "requests",
        "Request log",
        lambda: settings().log_days,
        "the day of the request",
        "Added up by hour, route, kind of answer and duration; what fewer than 10 share is merged or discarded",
        tables=("request_log",),
        setting="STUDIO_LOG_DAYS",
        sweep=logs.retire_requests,
        alone=True,
        due="SELECT min(at) + make_interval(days => :days) FROM request_log",
        grace_hours=0,
    ),
    Entry(
        "errors",
        "Error events",
        lambda: settings().log_days,
        "the day of the error",
        "Added up by hour and type; what fewer than 10 share is merged or discarded",
        tables=("error_events",),
        setting="STUDIO_LOG_DAYS",
        sweep=logs.retire_errors,
        alone=True,
        due="SELECT min(at) + make_interval(days => :days) FROM error_events",
        grace_hours=0,
    ),
    Entry(
        "ledger",
        "Ledger and monthly totals",
        _fixed(LEDGER_YEARS * 365),
        "the end of the calendar year",
        "Added up by year, kind and currency, without accounts",
        tables=("ledger_entries", "ledger_heads", "ledger_checkpoints", "budgets"),
        sweep=ledger.retire,
        alone=True,
        due="SELECT make_timestamptz(extract(year FROM least((SELECT min(month) FROM ledger_entries), "
        "(SELECT min(month) FROM budgets)))::integer + 8, 1, 1, 0, 0, 0, 'UTC')",
    ),
    Entry(
        "sessions",
        "Sessions",
        lambda: settings().session_absolute_days,
        "the sign-in, or sooner when unused",
        "Deleted",
        tables=("sessions",),
        setting="STUDIO_SESSION_DAYS",
        sweep=sessions.sweep,
        due="SELECT min(least(created_at + make_interval(days => :days), seen_at + make_interval(days => :idle), "
        "revoked_at, CASE WHEN account_id IS NULL THEN attempt_until END)) FROM sessions s WHERE NOT EXISTS "
        "(SELECT 1 FROM consents c WHERE c.session_id = s.id AND c.kept_until > studio_now())",
    ),
    Entry(
        "signin_links",
        "One-time sign-in links",
        _fixed(0),
        "their end, 10 minutes after they were asked for",
        "Deleted",
        tables=("signin_links",),
        sweep=sessions.sweep,
        due="SELECT min(expires_at) FROM signin_links",
    ),
    Entry(
        "invitations",
        "Invitations",
        _fixed(30),
        "the invitation",
        "Deleted, or when they are used",
        tables=("invitations",),
        sweep=sessions.sweep,
        due="SELECT min(expires_at) FROM invitations",
    ),
    Entry(
        "mail_contents",
        "Addresses and contents of mails",
        _fixed(mail_outbox.EMPTY_DAYS),
        "the mail going out",
        "Emptied",
        tables=("mails",),
        sweep=mail_outbox.sweep,
        due="SELECT min(ended_at) + make_interval(days => :days) FROM mails WHERE recipient <> ''",
    ),
    Entry(
        "mails",
        "Which mails went out",
        _fixed(mail_outbox.DELETE_DAYS),
        "the mail going out",
        "Deleted; at once where no account is named",
        tables=("mails",),
        sweep=mail_outbox.sweep,
        due="SELECT min(ended_at + CASE WHEN account_id IS NULL THEN interval '0' ELSE make_interval(days => :days) "
        "END) FROM mails",
    ),
    Entry(
        "address_changes",
        "Changes of address",
        _fixed(7),
        "the confirmation; not confirmed, a day",
        "Deleted",
        tables=("address_changes",),
        sweep=addresses.sweep,
        due="SELECT min(coalesce(undo_until, expires_at)) FROM address_changes",
    ),
    Entry(
        "rate_counts",
        "Counts of how often somebody tried",
        _fixed(1),
        "the beginning of the window, or sooner with its end",
        "Deleted, with the salt that made them",
        tables=("rate_counts", "rate_salts"),
        sweep=abuse.forget,
        due="SELECT least((SELECT min(ends_at) FROM rate_counts), (SELECT min(ends_at) FROM rate_salts))",
    ),
    Entry(
        "jobs",
        "Jobs that failed or were cancelled",
        _fixed(0),
        "their end",
        "Deleted; all others are when they are done",
        tables=("procrastinate_jobs", "procrastinate_events"),
        sweep=_jobs,
        due="SELECT min(e.at) FROM procrastinate_events e JOIN procrastinate_jobs j ON j.id = e.job_id "
        "WHERE j.status IN ('failed', 'cancelled', 'aborted')",
    ),
    Entry(
        "audit",
        "Acts of operators",
        _fixed(730),
        "the act",
        "Deleted",
        tables=("audit_entries",),
        sweep=_audit,
        due="SELECT min(at) + make_interval(days => :days) FROM audit_entries",
    ),
    Entry(
        "privacy_requests",
        "Requests about people's data",
        _fixed(data_requests.KEEP_DAYS),
        "the answer",
        "Deleted",
        tables=("privacy_requests",),
        sweep=data_requests.sweep,
        due="SELECT min(closed_at) + make_interval(days => :days) FROM privacy_requests",
    ),
    Entry(
        "consents",
        "Cookie choices of who has no account",
        _fixed(consent.MONTHS * 365 // 12 + 1),
        "the choice; those of an account stay as long as it does",
        "Deleted",
        tables=("consents",),
        sweep=consent.sweep,
        due="SELECT min(kept_until) FROM consents WHERE account_id IS NULL AND session_id IS NOT NULL",
    ),
    Entry(
        "usage",
        "Counts of pages and features, for who allowed them",
        _fixed(usage.DAYS),
        "the day",
        "Added up by day and name, without the random number",
        tables=("usage_counts",),
        sweep=usage.aggregate,
        due="SELECT (min(day) + make_interval(days => CAST(:days AS integer) + 1)) AT TIME ZONE 'UTC' "
        "FROM usage_counts",
    ),
    Entry(
        "exports",
        "Archives that people asked for",
        _fixed(archives.DAYS),
        "the archive being ready, or sooner when it is taken back",
        "Their files are deleted",
        due="SELECT min(expires_at) FROM exports WHERE state = 'ready'",
    ),
    Entry(
        "trash",
        "What you put into the trash",
        lambda: settings().trash_days,
        "the deletion",
        "Erased for good, unless it is restored before; an account that is restricted keeps it",
        setting="STUDIO_TRASH_DAYS",
        clear=trash.empty,
        due=trash.DUE,
    ),
    Entry(
        "provider_removals",
        "Which records the provider is to delete",
        _fixed(provider_records.KEPT_DAYS),
        "the deletion here, or sooner when the provider has done it",
        "Deleted; the provider keeps no record for longer than 7 days",
        tables=("provider_removals",),
        sweep=provider_records.sweep,
        due="SELECT min(asked_at) + make_interval(days => :days) FROM provider_removals",
    ),
    Entry(
        "selections",
        "Which files were picked for a download",
        _fixed(selections.HOURS / 24),
        "the click",
        "Deleted",
        tables=("selections",),
        sweep=selections.sweep,
        due=selections.DUE,
    ),
    Entry(
        "retention_runs",
        "Records of these sweeps",
        _fixed(RUN_DAYS),
        "the sweep",
        "Deleted",
        tables=("retention_runs",),
        sweep=_runs,
        due="SELECT min(at) + make_interval(days => :days) FROM retention_runs",
    ),
    Entry(
        "temporary_files",
        "Half-made files",
        _fixed(1),
        "the last write",
        "Deleted when they are done; those of a process that was killed, after a day",
        clear=leftovers.clear_temporary,
        oldest=leftovers.oldest_temporary,
    ),
    Entry(
        "pages",
        "What an open page shows",
        _fixed(1),
        "the last use",
        "Deleted an hour after the last use and at sign-out; what a process that was killed left, after a day",
        clear=leftovers.clear_pages,
        oldest=leftovers.oldest_page,
    ),
    Entry(
        "simulator",
        "What the simulator was asked for",
        _fixed(7),
        "the request",
        "Forgotten by the simulator",
        oldest=leftovers.oldest_simulated,
    ),
)
