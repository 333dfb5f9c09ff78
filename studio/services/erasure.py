"""Delete my account: asked for, 72 hours to think, then gone (promise G3). What is gone stays gone: see `purge`.

waiting → purging → done; or cancelled. Each step is one conditional update, so cancel and the end of the countdown
have exactly one winner, and a purge that was killed goes on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.config import settings
from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import audit, journal, mail_events, operators, restriction, sessions
from studio.services.workers import ALIVE

HOURS = 72
PURGE = "erasure.purge"
OVERDUE_DAYS = 30
_DUE = (
    "((state = 'waiting' AND due_at <= studio_now()) OR (state = 'purging' "  # constants
    "AND (retry_at IS NULL OR retry_at <= studio_now()))) "
    f"AND (worker_lock IS NULL OR worker_lock NOT IN ({ALIVE}))"
)


@dataclass(frozen=True)
class Countdown:
    """A deletion that was asked for. `files` and `size_bytes` are what would go."""

    asked_at: datetime
    due_at: datetime
    now: datetime
    running: int


@dataclass(frozen=True)
class Holding:
    """How much an account has."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class Fired:
    """A deletion whose countdown is over. From here on there is no way back."""

    id: UUID
    account_id: UUID
    tries: int


async def holding(session: AsyncSession, *, actor: Actor) -> Holding:
    """How many files and bytes would go."""
    row = (
        await session.execute(
            text("SELECT count(*) AS files, coalesce(sum(size_bytes), 0) AS size FROM assets WHERE account_id = :id"),
            {"id": actor.account_id},
        )
    ).one()
    return Holding(files=row.files, size_bytes=int(row.size))


async def countdown(session: AsyncSession, *, account_id: UUID) -> Countdown | None:
    """The deletion that waits for its time, or None."""
    row = (
        await session.execute(
            text(
                "SELECT asked_at, due_at, studio_now() AS now, (SELECT count(*) FROM generations g "
                "WHERE g.account_id = e.account_id AND g.ended_at IS NULL) AS running "
                "FROM erasures e WHERE account_id = :id AND state = 'waiting'"
            ),
            {"id": account_id},
        )
    ).one_or_none()
    return Countdown(**row._mapping) if row else None


async def request(session: AsyncSession, *, actor: Actor, typed: str) -> datetime:
    """Start the countdown; returns its end. What waits in the queue is cancelled. Runs as `sys`, for the actor.

    Raises:
        ReauthNeeded: the sign-in is too long ago.
        ValidationError: the address that was typed is not the account's.
        Conflict: the countdown runs already.
    """
    await sessions.require_fresh(session, actor=actor)
    email = await session.scalar(text("SELECT email FROM accounts WHERE id = :id"), {"id": actor.account_id})
    if email is None:
        raise NotFound
    if typed.strip().lower() != email.lower():
        raise ValidationError(f"Type {email} to confirm that this is the account you mean.")
    try:
        async with session.begin_nested():
            due: datetime = (
                await session.execute(
                    text(
                        "INSERT INTO erasures (id, account_id, due_at) "
                        "VALUES (:id, :account, studio_now() + make_interval(hours => :hours)) RETURNING due_at"
                    ),
                    {"id": uuid4(), "account": actor.account_id, "hours": HOURS},
                )
            ).scalar_one()
    except IntegrityError:
        raise Conflict("Your account is going to be deleted already.") from None
    await restriction.cancel_waiting(session, actor.account_id)
    await mail_events.on_deletion_started(session, account_id=actor.account_id, due=due)
    await queue.notify(session, actor.account_id, "account")
    return due


async def cancel(session: AsyncSession, *, actor: Actor) -> datetime:
    """Keep the account; returns when. Raises Conflict when no countdown runs: it was cancelled, or its end came.

    Its end, not the worker that notices it, is the point of no return: what the operator ended stays ended.
    """
    kept: datetime | None = await session.scalar(
        text(
            "UPDATE erasures SET state = 'cancelled', ended_at = studio_now() "
            "WHERE account_id = :account AND state = 'waiting' AND due_at > studio_now() RETURNING ended_at"
        ),
        {"account": actor.account_id},
    )
    if kept is None:
        raise Conflict("There is no countdown to stop any more.")
    await mail_events.on_deletion_cancelled(session, account_id=actor.account_id)
    await queue.notify(session, actor.account_id, "account")
    return kept


async def note_leaving(account_id: UUID, *, due: datetime) -> None:
    """Note a request in the journal before it is committed, so that it stands again after a restore.

    Raises StorageError. What is cut off in between only begins anew, with a mail and its full time.
    """
    await _note("leaving", account_id, due - timedelta(hours=HOURS))


async def note_staying(account_id: UUID, *, at: datetime) -> None:
    """Note in the journal that the account stays, after that was committed. Raises StorageError."""
    await _note("staying", account_id, at)


async def _note(kind: Literal["leaving", "staying"], account_id: UUID, at: datetime) -> None:
    await journal.write(kind, account_id, number=round(at.timestamp() * 1_000_000), at=at)


async def ask_at_once(session: AsyncSession, *, by: Actor | None, account_id: UUID) -> None:
    """The operator's way for a reported account (promise K1): the countdown ends now. Runs as `sys`.

    `by` None is the command line. Raises NotFound: no such account, or `by` is no operator.
    """
    if by is not None:
        await operators.require(session, actor=by)
    if not await session.scalar(text("SELECT true FROM accounts WHERE id = :id"), {"id": account_id}):
        raise NotFound("There is no account with this id.")
    done = await session.execute(
        text("UPDATE erasures SET due_at = studio_now() WHERE account_id = :account AND state = 'waiting' RETURNING 1"),
        {"account": account_id},
    )
    if not done.all():
        await session.execute(
            text(
                "INSERT INTO erasures (id, account_id, due_at) VALUES (:id, :account, studio_now()) "
                "ON CONFLICT DO NOTHING"  # it is being deleted already
            ),
            {"id": uuid4(), "account": account_id},
        )
        await restriction.cancel_waiting(session, account_id)
    await audit.write(session, by=by, action="account.purge", subject=account_id)


# For the worker


async def due(session: AsyncSession) -> bool:
    """Whether a countdown is over, or a purge is to go on, or something is left to delete elsewhere."""
    return bool(
        await session.scalar(
            text(
                f"SELECT EXISTS (SELECT 1 FROM erasures WHERE {_DUE}) "  # noqa: S608  # constants
                "OR EXISTS (SELECT 1 FROM assets WHERE erase_asked_at IS NOT NULL) "
                "OR EXISTS (SELECT 1 FROM workspaces WHERE erase_asked_at IS NOT NULL) "
                "OR EXISTS (SELECT 1 FROM object_removals) "
                "OR EXISTS (SELECT 1 FROM provider_removals WHERE due_at <= studio_now())"
            )
        )
    )


async def fire(session: AsyncSession, *, worker_lock: int) -> Fired | None:
    """waiting → purging for a countdown that is over, or take over a purge whose worker died.

    In the same transaction the account can no longer be entered: its sessions end, its ways in go, and its address is
    free for a new and empty account. A session that signs in a moment later finds nothing of the old one.
    """
    row = (
        await session.execute(
            text(
                "UPDATE erasures e SET state = 'purging', worker_lock = :worker, tries = tries + 1, retry_at = NULL, "  # noqa: S608  # constants
                "fired_at = coalesce(fired_at, studio_now()), email = coalesce(e.email, "
                "(SELECT a.email FROM accounts a WHERE a.id = e.account_id)) "
                f"WHERE id = (SELECT id FROM erasures WHERE {_DUE} ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) "
                "RETURNING id, account_id, tries"
            ),
            {"worker": worker_lock},
        )
    ).one_or_none()
    if row is None:
        return None
    fired = Fired(id=row.id, account_id=row.account_id, tries=row.tries)
    await sessions.revoke_everywhere(session, account_id=fired.account_id)
    for statement in (
        # one that came by mail alone is theirs as well, and could not be found once the address is free
        (
            "UPDATE privacy_requests SET account_id = :id, address = NULL WHERE account_id IS NULL "
            "AND lower(address) = (SELECT lower(email) FROM accounts WHERE id = :id)"
        ),
        "DELETE FROM invitations WHERE lower(email) = (SELECT lower(email) FROM accounts WHERE id = :id)",
        "DELETE FROM signin_links WHERE lower(email) = (SELECT lower(email) FROM accounts WHERE id = :id)",
        "DELETE FROM identities WHERE account_id = :id",
        "UPDATE accounts SET email = 'deleted-' || id || '@invalid', proved_email = NULL WHERE id = :id",
    ):
        await session.execute(text(statement), {"id": fired.account_id})
    return fired


async def put_off(session: AsyncSession, *, fired: Fired, worker_lock: int) -> None:
    """Go on with a purge later: something outside did not answer."""
    await session.execute(
        text(
            "UPDATE erasures SET worker_lock = NULL, "
            "retry_at = studio_now() + make_interval(secs => least(5 * 2 ^ least(tries, 12), 3600)) "
            "WHERE id = :id AND worker_lock = :worker AND state = 'purging'"
        ),
        {"id": fired.id, "worker": worker_lock},
    )


def removed_words(counts: Mapping[str, int]) -> str:
    """What was removed, for the receipt."""
    said = [f"{count:,} {name}" for name, count in sorted(counts.items()) if count]
    return ", ".join(said) or "nothing was left to remove"


def sign(receipt: UUID, removed: str) -> str:
    """HMAC-SHA256 of a receipt under the installation's key, as 64 hex digits."""
    told = f"erasure {receipt} {removed}".encode()
    return hmac.new(settings().secret_key.encode(), told, hashlib.sha256).hexdigest()
