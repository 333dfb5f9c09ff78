"""Accounts and invitations as operators see and change them. Every change is in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.services import accounts, audit, devices, ledger, mail_events, operators, sessions
from studio.services.ledger import dollars

PAGE = 30


@dataclass(frozen=True)
class Person:
    """An account in the list. Amounts in micro-USD are this month's; `devices` is how many browsers are signed in."""

    id: UUID
    email: str
    created_at: datetime
    restricted_at: datetime | None
    restricted_for: str | None
    cap_micros: int
    spent_micros: int
    held_micros: int
    devices: int


@dataclass(frozen=True)
class Invited:
    """An address that is let in until `expires_at`."""

    id: UUID
    email: str
    created_at: datetime
    expires_at: datetime


async def people(
    session: AsyncSession,
    *,
    actor: Actor,
    search: str = "",
    restricted: bool = False,
    before: UUID | None = None,
    limit: int = PAGE,
) -> Sequence[Person]:
    """Accounts, newest first; `search` is a part of an address or a whole id, `before` the last one seen.

    Raises NotFound for who is no operator.
    """
    await operators.require(session, actor=actor)
    rows = await session.execute(
        text(
            "SELECT a.id, a.email, a.created_at, a.restricted_at, a.restricted_for, "  # noqa: S608  # a constant
            "coalesce(b.cap_micros, a.cap_micros, :default) AS cap_micros, "
            "coalesce(b.spent_micros, 0) AS spent_micros, coalesce(b.held_micros, 0) AS held_micros, "
            f"(SELECT count(*) FROM sessions s WHERE s.account_id = a.id AND {sessions._LIVE}) AS devices "
            "FROM (SELECT * FROM accounts WHERE (:search = '' OR strpos(lower(email), :search) > 0 "
            "OR id::text = :search) AND (NOT :restricted OR restricted_at IS NOT NULL) "
            "AND (CAST(:before AS uuid) IS NULL OR (created_at, id) < "
            "(SELECT p.created_at, p.id FROM accounts p WHERE p.id = :before)) "
            "ORDER BY created_at DESC, id DESC LIMIT :limit) a "
            "LEFT JOIN budgets b ON b.account_id = a.id AND b.month = studio_month() "
            "ORDER BY a.created_at DESC, a.id DESC"
        ),
        {
            "search": search.strip().lower()[:254],
            "restricted": restricted,
            "before": before,
            "default": settings().default_cap_micros,
            "limit": max(1, min(limit, 200)),
            **sessions._lives(),
        },
    )
    return [Person(**row._mapping) for row in rows]


async def set_cap(session: AsyncSession, *, by: Actor, account_id: UUID, cap_micros: int) -> None:
    """Set an account's cap for this month and those to come, from nothing to the ceiling.

    Raises:
        NotFound: no operator, or no such account.
        ValidationError: outside the bounds.
    """
    await operators.require(session, actor=by)
    ceiling = settings().max_cap_micros
    if not 0 <= cap_micros <= ceiling:
        raise ValidationError(f"A cap here is from $0.00 to {dollars(ceiling)}.")
    found = await session.scalar(
        text("UPDATE accounts SET cap_micros = :cap WHERE id = :id RETURNING true"),
        {"id": account_id, "cap": cap_micros},
    )
    if not found:
        raise NotFound("There is no account with this id.")
    before = await ledger.budget(session, account_id=account_id)
    await session.execute(
        text("UPDATE budgets SET cap_micros = :cap WHERE account_id = :id AND month = :month"),
        {"id": account_id, "cap": cap_micros, "month": before.month},
    )
    used = before.held + before.spent
    await mail_events.on_budget_used(
        session,
        account_id=account_id,
        month=before.month,
        resets=before.resets,
        before=0 if cap_micros < before.cap else used,
        used=used,
        cap=cap_micros,
    )
    await audit.write(session, by=by, action="account.cap", subject=account_id, details={"micros": cap_micros})


async def sign_out(session: AsyncSession, *, by: Actor | None, account_id: UUID) -> int:
    """End every session of an account and tell it. Returns how many. `by` None is the command line. Raises NotFound."""
    if by is not None:
        await operators.require(session, actor=by)
    if not await session.scalar(text("SELECT true FROM accounts WHERE id = :id"), {"id": account_id}):
        raise NotFound("There is no account with this id.")
    ended = await devices.end_all(session, account_id=account_id)
    await audit.write(
        session, by=by, action="account.sessions_revoked", subject=account_id, details={"sessions": ended}
    )
    return ended


async def invitations(
    session: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int = PAGE
) -> Sequence[Invited]:
    """Invitations that were not used yet, newest first. Raises NotFound for who is no operator."""
    await operators.require(session, actor=actor)
    rows = await session.execute(
        text(
            "SELECT id, email, created_at, expires_at FROM invitations WHERE CAST(:before AS uuid) IS NULL "
            "OR (created_at, id) < (SELECT p.created_at, p.id FROM invitations p WHERE p.id = :before) "
            "ORDER BY created_at DESC, id DESC LIMIT :limit"
        ),
        {"before": before, "limit": max(1, min(limit, 200))},
    )
    return [Invited(**row._mapping) for row in rows]


async def invite(session: AsyncSession, *, by: Actor | None, email: str) -> str:
    """Let an address in for 30 days. Returns it as it is kept. `by` None is the command line.

    Raises:
        NotFound: `by` is no operator.
        ValidationError: this is not an address.
    """
    if by is not None:
        await operators.require(session, actor=by)
    kept = await accounts.invite(session, email=email)
    ident = await session.scalar(text("SELECT id FROM invitations WHERE lower(email) = :email"), {"email": kept})
    await audit.write(session, by=by, action="invitation.create", subject=ident)
    return kept


async def uninvite(session: AsyncSession, *, by: Actor, invitation_id: UUID) -> None:
    """Take an invitation back. Raises NotFound when it was used or has run out, or `by` is no operator."""
    await operators.require(session, actor=by)
    gone = await session.scalar(text("DELETE FROM invitations WHERE id = :id RETURNING true"), {"id": invitation_id})
    if not gone:
        raise NotFound("This invitation is gone: it was used, taken back or ran out.")
    await audit.write(session, by=by, action="invitation.revoke", subject=invitation_id)
