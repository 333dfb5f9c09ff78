"""The worker's and the operator's side of the outbox: claim (transaction) → SMTP (none open) → record (transaction)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.errors import NotFound
from studio.services.workers import ALIVE

Ending = Literal["sent", "bounced", "failed", "later"]
GIVE_UP_HOURS = 48
EMPTY_DAYS, DELETE_DAYS = 30, 92

_COLUMNS = (
    "id, account_id, recipient, template, category, data, message_id, state, tries, code, reason, created_at, "
    "due_at, ended_at"
)


@dataclass(frozen=True)
class Mail:
    """A row of the outbox."""

    id: UUID
    account_id: UUID | None
    recipient: str
    template: str
    category: str
    data: Mapping[str, Any]
    message_id: str
    state: str
    tries: int
    code: int | None
    reason: str | None
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Outcome:
    """How one try ended. `code` is the server's, `reason` ours. `server` says that no mail would get through now."""

    ending: Ending
    code: int | None = None
    reason: str | None = None
    server: bool = False


def _mail(row: Row[Any]) -> Mail:
    return Mail(**row._mapping)


async def due(session: AsyncSession) -> bool:
    """Whether there is something to send, or to take over from a worker that died."""
    return bool(
        await session.scalar(
            text(
                "SELECT EXISTS (SELECT 1 FROM mails WHERE state = 'queued' AND due_at <= studio_now()) "  # noqa: S608
                "OR EXISTS (SELECT 1 FROM mails WHERE state = 'sending' "
                f"AND worker_lock NOT IN ({ALIVE}))"  # a constant
            )
        )
    )


async def take_back(session: AsyncSession, *, worker_lock: int) -> int:
    """sending → queued, for workers that are gone and for this one, which asks while it sends nothing.

    Nobody knows whether such a mail was accepted; it is sent again under the same Message-ID. Returns how many.
    """
    rows = await session.execute(
        text(
            "UPDATE mails SET state = 'queued', worker_lock = NULL, due_at = studio_now() "  # noqa: S608  # a constant
            f"WHERE state = 'sending' AND (worker_lock = :own OR worker_lock NOT IN ({ALIVE})) RETURNING id"
        ),
        {"own": worker_lock},
    )
    return len(rows.all())


async def claim(session: AsyncSession, *, worker_lock: int) -> Mail | None:
    """queued → sending for the next mail that is due. News whose reader withdrew meanwhile are dropped instead."""
    while True:
        row = (
            await session.execute(
                text(
                    "UPDATE mails SET state = 'sending', worker_lock = :worker, tries = tries + 1 WHERE id = ("  # noqa: S608
                    "SELECT id FROM mails WHERE state = 'queued' AND due_at <= studio_now() "
                    "ORDER BY rank, due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) "
                    f"RETURNING {_COLUMNS}"  # a constant
                ),
                {"worker": worker_lock},
            )
        ).one_or_none()
        if row is None:
            return None
        dropped = await session.scalar(
            text(
                "UPDATE mails m SET state = 'dropped', worker_lock = NULL, data = '{}', reason = 'withdrawn', "
                "ended_at = studio_now() WHERE m.id = :id AND m.category = 'marketing' AND NOT EXISTS ("
                "SELECT 1 FROM mail_optins o WHERE o.account_id = m.account_id AND o.withdrawn_at IS NULL) "
                "RETURNING true"
            ),
            {"id": row.id},
        )
        if not dropped:
            return _mail(row)


async def record(session: AsyncSession, *, mail: Mail, worker_lock: int, outcome: Outcome) -> str | None:
    """sending → sent, bounced, failed, or queued again; returns the new state, None if another worker took it over.

    A later try waits twice as long each time, up to an hour; after two days of that the mail has failed. What it
    said is emptied with its end, except of one that failed, which the operator may send again.
    """
    return await session.scalar(
        text("""
        WITH o AS (SELECT CASE WHEN :ending = 'later' AND created_at < studio_now() - make_interval(hours => :hours)
          THEN 'failed' ELSE :ending END AS ending FROM mails WHERE id = :id)
        UPDATE mails SET
          state = CASE o.ending WHEN 'later' THEN 'queued' ELSE o.ending END,
          worker_lock = NULL, code = :code, reason = :reason,
          data = CASE WHEN o.ending IN ('sent', 'bounced') THEN '{}' ELSE data END,
          due_at = CASE o.ending WHEN 'later'
            THEN studio_now() + make_interval(secs => least(15 * 2 ^ least(tries, 12), 3600) * (1 + random() / 4))
            ELSE due_at END,
          ended_at = CASE o.ending WHEN 'later' THEN NULL ELSE studio_now() END
        FROM o WHERE id = :id AND state = 'sending' AND worker_lock = :worker RETURNING state
        """),
        {
            "id": mail.id,
            "worker": worker_lock,
            "ending": outcome.ending,
            "code": outcome.code,
            "reason": outcome.reason,
            "hours": GIVE_UP_HOURS,
        },
    )


async def show(session: AsyncSession, *, limit: int = 20) -> Sequence[Mail]:
    """queued → shown, where there is no mail server: each is handed out once, and stays readable in its row."""
    rows = await session.execute(
        text(
            "UPDATE mails SET state = 'shown', ended_at = studio_now() WHERE id IN ("  # noqa: S608  # a constant
            "SELECT id FROM mails WHERE state = 'queued' AND due_at <= studio_now() "
            f"ORDER BY rank, due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}"
        ),
        {"limit": limit},
    )
    return sorted((_mail(row) for row in rows), key=lambda mail: mail.created_at)


async def sweep(session: AsyncSession) -> int:
    """Empty addresses and facts 30 days after the end, delete rows after 92; without an account, at the next sweep.

    The empty row stays that long because its dedupe key must outlive the month it speaks of. Returns how many rows.
    """
    gone = await session.execute(
        text(
            "DELETE FROM mails WHERE account_id IS NULL AND ended_at IS NOT NULL "
            "OR ended_at < studio_now() - make_interval(days => :days) RETURNING 1"
        ),
        {"days": DELETE_DAYS},
    )
    emptied = await session.execute(
        text(
            "UPDATE mails SET recipient = '', data = '{}' "
            "WHERE ended_at < studio_now() - make_interval(days => :days) AND recipient <> '' RETURNING 1"
        ),
        {"days": EMPTY_DAYS},
    )
    return len(gone.all()) + len(emptied.all())


# For the operator


async def listed(session: AsyncSession, *, state: str | None = None, limit: int = 100) -> Sequence[Mail]:
    """The newest mails, of one state or of all."""
    rows = await session.execute(
        text(
            f"SELECT {_COLUMNS} FROM mails WHERE CAST(:state AS text) IS NULL OR state = :state "  # noqa: S608  # a constant
            "ORDER BY created_at DESC, id DESC LIMIT :limit"
        ),
        {"state": state, "limit": limit},
    )
    return [_mail(row) for row in rows]


async def counts(session: AsyncSession) -> Mapping[str, int]:
    """How many mails are in each state."""
    rows = await session.execute(text("SELECT state, count(*) AS n FROM mails GROUP BY state"))
    return {row.state: row.n for row in rows}


async def load(session: AsyncSession, *, mail_id: UUID) -> Mail:
    """One mail. Raises NotFound."""
    row = (
        await session.execute(text(f"SELECT {_COLUMNS} FROM mails WHERE id = :id"), {"id": mail_id})  # noqa: S608
    ).one_or_none()
    if row is None:
        raise NotFound
    return _mail(row)


async def send_again(session: AsyncSession, *, mail_id: UUID) -> None:
    """failed → queued, under the same Message-ID, with two more days to get through. Raises NotFound."""
    moved = await session.scalar(
        text(
            "UPDATE mails SET state = 'queued', tries = 0, created_at = studio_now(), due_at = studio_now(), "
            "ended_at = NULL WHERE id = :id AND state = 'failed' AND recipient <> '' RETURNING true"
        ),
        {"id": mail_id},
    )
    if not moved:
        raise NotFound("There is no failed mail with this id.")
