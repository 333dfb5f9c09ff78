"""The browsers an account is signed in with, as their owner sees them. No address and no agent is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.services import mail_events, sessions

LONGEST_NAME = 60


@dataclass(frozen=True)
class Device:
    """A live session; `name` is what its owner calls it, or nothing."""

    id: UUID
    name: str
    created_at: datetime
    seen_at: datetime
    current: bool


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Device]:
    """The live sessions of the account: this one first, then the most recently used."""
    rows = await session.execute(
        text(
            "SELECT s.id, coalesce(s.name, '') AS name, s.created_at, s.seen_at, s.id = :current AS current "  # noqa: S608  # a constant
            f"FROM sessions s WHERE s.account_id = :account AND {sessions._LIVE} "
            "ORDER BY s.id = :current DESC, s.seen_at DESC, s.id LIMIT 200"
        ),
        {"account": actor.account_id, "current": actor.session_id, **sessions._lives()},
    )
    return [Device(**row._mapping) for row in rows]


async def rename(session: AsyncSession, *, actor: Actor, session_id: UUID, name: str) -> None:
    """Name a session; an empty name takes it back.

    Raises:
        ValidationError: the name is too long.
        NotFound: there is no such live session of this account.
    """
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise ValidationError(f"A name has at most {LONGEST_NAME} characters. This one has {len(name)}.")
    done = await session.scalar(
        text(
            "UPDATE sessions SET name = nullif(:name, '') "
            "WHERE id = :id AND account_id = :account AND revoked_at IS NULL RETURNING true"
        ),
        {"id": session_id, "account": actor.account_id, "name": name},
    )
    if not done:
        raise NotFound("That session has ended.")


async def revoke(session: AsyncSession, *, actor: Actor, session_id: UUID) -> None:
    """End one session; its open pages close. Another than one's own asks who it is first.

    Raises:
        ReauthNeeded: the person has not proved who they are within the last ten minutes.
        NotFound: it had ended, or was never this account's.
    """
    if session_id != actor.session_id:
        await sessions.require_fresh(session, actor=actor)
    if not await sessions.revoke(session, account_id=actor.account_id, session_id=session_id):
        raise NotFound("That session has ended.")


async def revoke_all(session: AsyncSession, *, actor: Actor, but_this: bool) -> int:
    """End every session of the account, or every other one. Returns how many. Raises ReauthNeeded."""
    await sessions.require_fresh(session, actor=actor)
    if not but_this:
        return await end_all(session, account_id=actor.account_id)
    return await _end(session, account_id=actor.account_id, but=actor.session_id)


async def end_all(session: AsyncSession, *, account_id: UUID) -> int:
    """End every session of an account and tell it by mail, whoever asked: the caller has checked that they may."""
    ended = await _end(session, account_id=account_id, but=None)
    await mail_events.on_all_sessions_revoked(session, account_id=account_id)
    return ended


async def _end(session: AsyncSession, *, account_id: UUID, but: UUID | None) -> int:
    found = await session.scalars(
        text(
            "SELECT id FROM sessions WHERE account_id = :account AND revoked_at IS NULL "
            "AND id IS DISTINCT FROM CAST(:but AS uuid)"
        ),
        {"account": account_id, "but": but},
    )
    return sum([await sessions.revoke(session, account_id=account_id, session_id=each) for each in found.all()])
