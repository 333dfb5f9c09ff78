"""Restricted accounts: data is kept and nothing is done with it (promise G4).

Reading, export, deletion, signing in and out and unsubscribing go on. What is refused is refused in one place, by a
trigger on the tables that work and settings live in (migration 0007); `db.transaction` turns that into `Restricted`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import Conflict, NotFound, Restricted, ValidationError
from studio.services import audit, journal, ledger, mail_events, operators

REASONS = Restricted.REASONS


@dataclass(frozen=True)
class Done:
    """What a restriction did: how many outputs that waited were cancelled, and their hold in micro-USD."""

    account_id: UUID
    cancelled: int
    released_micros: int


def sentence(reason: str) -> str:
    """What the person reads; empty when there is no restriction."""
    return Restricted(reason).message if reason else ""


async def check(session: AsyncSession, *, actor: Actor) -> None:
    """For work that would begin before its row is written, such as reading an upload. Raises Restricted."""
    reason = await session.scalar(
        text(
            "SELECT coalesce(restricted_for, (SELECT 'leaving' FROM erasures e WHERE e.account_id = a.id "
            "AND e.state IN ('waiting', 'purging'))) FROM accounts a WHERE id = :account"
        ),
        {"account": actor.account_id},
    )
    if reason:
        raise Restricted(reason)


async def restrict(session: AsyncSession, *, by: Actor | None, account_id: UUID, reason: str) -> Done:
    """Restrict an account: at whose request is one of `REASONS`. Cancels what waits; tells the person. Runs as `sys`.

    Raises:
        ValidationError: there is no such reason.
        NotFound: no such account, or `by` is no operator.
        Conflict: it is restricted already.
    """
    if by is not None:
        await operators.require(session, actor=by)
    if reason not in REASONS:
        raise ValidationError(f"A restriction is made at the request of one of: {', '.join(REASONS)}.")
    done = await session.scalar(
        text(
            "UPDATE accounts SET restricted_at = studio_now(), restricted_for = :reason "
            "WHERE id = :id AND restricted_at IS NULL RETURNING true"
        ),
        {"id": account_id, "reason": reason},
    )
    if not done:
        await _known(session, account_id)
        raise Conflict("This account is restricted already.")
    cancelled, released = await cancel_waiting(session, account_id)
    await audit.write(
        session,
        by=by,
        action="account.restrict",
        subject=account_id,
        details={"reason": reason, "cancelled": cancelled},
    )
    await mail_events.on_restricted(session, account_id=account_id, request=REASONS[reason])
    return Done(account_id=account_id, cancelled=cancelled, released_micros=released)


async def unrestrict(session: AsyncSession, *, by: Actor | None, account_id: UUID) -> None:
    """Lift a restriction and tell the person. Runs as `sys`.

    Raises:
        NotFound: no such account, or `by` is no operator.
        Conflict: it is not restricted.
    """
    if by is not None:
        await operators.require(session, actor=by)
    done = await session.scalar(
        text(
            "UPDATE accounts SET restricted_at = NULL, restricted_for = NULL "
            "WHERE id = :id AND restricted_at IS NOT NULL RETURNING true"
        ),
        {"id": account_id},
    )
    if not done:
        await _known(session, account_id)
        raise Conflict("This account is not restricted.")
    await audit.write(session, by=by, action="account.unrestrict", subject=account_id)
    await mail_events.on_unrestricted(session, account_id=account_id)


async def note(account_id: UUID, *, restricted: bool) -> None:
    """Note it in the journal, so that a restored backup ends in the same state. Raises StorageError.

    Call it before a restriction is committed and after one was lifted: what is cut off in between stays restricted.
    """
    await journal.write("restrict" if restricted else "unrestrict", account_id, number=time.time_ns() // 1_000_000)


async def _known(session: AsyncSession, account_id: UUID) -> None:
    if not await session.scalar(text("SELECT true FROM accounts WHERE id = :id"), {"id": account_id}):
        raise NotFound("There is no account with this id.")


async def cancel_waiting(session: AsyncSession, account_id: UUID) -> tuple[int, int]:
    """Cancel what was not sent and give its holds back.

    The month's budget is locked first: a submit holds it from its reservation to its commit, so whatever was let in
    before the restriction is here to be cancelled, and what comes after is refused.
    """
    await ledger.budget(session, account_id=account_id)
    await session.execute(text("SELECT 1 FROM budgets WHERE account_id = :id FOR UPDATE"), {"id": account_id})
    rows = await session.execute(
        text(
            "UPDATE generations SET state = 'cancelled', ended_at = studio_now(), charged_micros = 0 "
            "WHERE account_id = :id AND state = 'queued' RETURNING id, batch_id, month, kind, reserved_micros"
        ),
        {"id": account_id},
    )
    gone = rows.all()
    for row in gone:
        await ledger.release(session, ledger.Reservation(row.id, account_id, row.month, row.kind, row.reserved_micros))
    for batch_id in {row.batch_id for row in gone}:
        await queue.notify(session, account_id, "batch", batch=batch_id)
    return len(gone), sum(row.reserved_micros for row in gone)
