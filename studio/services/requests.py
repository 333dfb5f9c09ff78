"""The register of what people ask about their data (promise G4): due within a month, and operators are reminded.

Requests come by mail to the privacy contact, so somebody writes them down here. They name an account, or the address
of somebody who has none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import alarms, audit, mail, operators

Kind = Literal["access", "correction", "deletion", "objection", "restriction"]
Outcome = Literal["done", "refused", "withdrawn"]
KINDS: tuple[str, ...] = get_args(Kind)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
LONGEST_NOTE = 1_000
KEEP_DAYS = 365
REMIND_DAYS = (7, 1)  # before the date
PAGE = 50
log = logging.getLogger("studio")


@dataclass(frozen=True)
class Request:
    """One request. `who` is the address of its account, or the one they wrote from."""

    id: UUID
    kind: str
    account_id: UUID | None
    who: str
    received_at: datetime
    due_at: datetime
    note: str
    outcome: str | None
    closed_at: datetime | None
    overdue: bool


_SELECT = (
    "SELECT r.id, r.kind, r.account_id, coalesce(a.email, r.address) AS who, r.received_at, r.due_at, r.note, "
    "r.outcome, r.closed_at, r.closed_at IS NULL AND r.due_at < studio_now() AS overdue "
    "FROM privacy_requests r LEFT JOIN accounts a ON a.id = r.account_id "
)


def _note(value: str) -> str:
    note = value.strip()
    if len(note) > LONGEST_NOTE or not all(letter.isprintable() or letter == "\n" for letter in note):
        raise ValidationError(f"A note is plain text of at most {LONGEST_NOTE:,} characters.")
    return note


async def add(
    session: AsyncSession,
    *,
    kind: str,
    who: str,
    received_at: datetime | None = None,
    note: str = "",
    by: Actor | None = None,
) -> Request:
    """Write a request down; due a calendar month after it came in. `who` is an address. Runs as `sys`.

    `by` None is the command line.

    Raises:
        NotFound: `by` is no operator.
        ValidationError: no such kind, no address, a date that is not in the past year, or too long a note.
    """
    if by is not None:
        await operators.require(session, actor=by)
    if kind not in KINDS:
        raise ValidationError(f"A request is one of: {', '.join(KINDS)}.")
    address = mail.clean_recipient(who).lower()
    if received_at is not None:
        fits = await session.scalar(
            text("SELECT CAST(:at AS timestamptz) BETWEEN studio_now() - interval '1 year' AND studio_now()"),
            {"at": received_at},
        )
        if not fits:
            raise ValidationError("The day a request came in lies in the past, and not more than a year ago.")
    account_id = await session.scalar(
        text("SELECT id FROM accounts WHERE lower(email) = :address"), {"address": address}
    )
    made = uuid4()
    await session.execute(
        text(
            "INSERT INTO privacy_requests (id, kind, account_id, address, note, received_at, due_at) "
            "SELECT :id, :kind, CAST(:account AS uuid), :address, :note, r.at, r.at + interval '1 month' "
            "FROM (SELECT coalesce(CAST(:at AS timestamptz), studio_now()) AS at) r"
        ),
        {
            "id": made,
            "kind": kind,
            "account": account_id,
            "address": None if account_id else address,
            "note": _note(note),
            "at": received_at,
        },
    )
    await audit.write(session, by=by, action="request.add", subject=made, details={"kind": kind})
    return await get(session, request_id=made)


async def get(session: AsyncSession, *, request_id: UUID) -> Request:
    """One request. Raises NotFound."""
    row = (await session.execute(text(f"{_SELECT} WHERE r.id = :id"), {"id": request_id})).one_or_none()
    if row is None:
        raise NotFound("There is no request with this id.")
    return Request(**row._mapping)


async def listed(
    session: AsyncSession, *, open_only: bool = False, limit: int = PAGE, by: Actor | None = None
) -> Sequence[Request]:
    """Open requests, the most urgent first, then closed ones, the newest first. Runs as `sys`.

    `by` None is the command line. Raises NotFound when `by` is no operator.
    """
    if by is not None:
        await operators.require(session, actor=by)
    rows = await session.execute(
        text(
            f"{_SELECT} WHERE r.closed_at IS NULL OR NOT :open_only "
            "ORDER BY r.closed_at IS NOT NULL, CASE WHEN r.closed_at IS NULL THEN r.due_at END, r.closed_at DESC, r.id "
            "LIMIT :limit"
        ),
        {"open_only": open_only, "limit": max(1, min(limit, 500))},
    )
    return [Request(**row._mapping) for row in rows]


async def close(
    session: AsyncSession, *, request_id: UUID, outcome: str = "done", note: str = "", by: Actor | None = None
) -> Request:
    """Note how a request ended; a note given now is added to the one there is. Runs as `sys`.

    `by` None is the command line.

    Raises:
        ValidationError: no such outcome, or too long a note.
        NotFound: no such request, or `by` is no operator.
        Conflict: it is closed already.
    """
    if by is not None:
        await operators.require(session, actor=by)
    if outcome not in OUTCOMES:
        raise ValidationError(f"A request ends as one of: {', '.join(OUTCOMES)}.")
    before = await get(session, request_id=request_id)
    whole = _note("\n".join(part for part in (before.note, note.strip()) if part))
    done = await session.scalar(
        text(
            "UPDATE privacy_requests SET outcome = :outcome, closed_at = studio_now(), note = :note "
            "WHERE id = :id AND closed_at IS NULL RETURNING true"
        ),
        {"id": request_id, "outcome": outcome, "note": whole},
    )
    if not done:
        raise Conflict("This request is closed already.")
    await audit.write(session, by=by, action="request.close", subject=request_id, details={"outcome": outcome})
    return await get(session, request_id=request_id)


async def remind(session: AsyncSession) -> int:
    """Mail the operators about requests due in 7 days, in 1 day, or overdue: once each. Returns how many mails."""
    rows = await session.execute(
        text(
            "SELECT id, kind, due_at, due_at < studio_now() AS overdue, "
            "ceil(extract(epoch FROM due_at - studio_now()) / 86400)::int AS days FROM privacy_requests "
            "WHERE closed_at IS NULL AND due_at < studio_now() + make_interval(days => :most) ORDER BY due_at"
        ),
        {"most": max(REMIND_DAYS)},
    )
    written = 0
    for row in rows.all():
        step = "overdue" if row.overdue else str(min(days for days in REMIND_DAYS if row.days <= days))
        when = "overdue" if row.overdue else f"due on {row.due_at.day} {row.due_at:%B}"
        written += await alarms.tell(
            session,
            key=f"request:{row.id}:{step}",
            title=f"A request about {row.kind} is {when}",
            what="Somebody asked about their data. The law gives a month to answer.",
            link="/operator/requests",
        )
    return written


async def sweep(session: AsyncSession) -> int:
    """Delete requests that were closed a year ago. Returns how many."""
    gone = await session.execute(
        text("DELETE FROM privacy_requests WHERE closed_at < studio_now() - make_interval(days => :days) RETURNING 1"),
        {"days": KEEP_DAYS},
    )
    return len(gone.all())
