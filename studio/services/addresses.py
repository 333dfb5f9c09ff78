"""Changing one's e-mail address: the new one confirms, the old one is told and can take it back for seven days.

The links work without a sign-in: who holds one can read the mailbox it was sent to. Whoever takes an account over
with a session and points it at a mailbox of their own, once or in a chain, is undone by the first mailbox.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import Conflict, NotFound, StudioError, TooMany, ValidationError
from studio.services import accounts, mail, mail_events, operators, sessions

CONFIRM_HOURS = 24
UNDO_DAYS = accounts.UNDO_DAYS
MOST_A_DAY = 5
LONGEST = 254

_COLUMNS = (
    "id, account_id, old_email, new_email, state, asked_at, confirmed_at, "
    "state = 'asked' AND expires_at > studio_now() AS waits, "
    "state = 'confirmed' AND undo_until > studio_now() AS undoable"
)


class LinkOver(StudioError):
    """This link was used already, was replaced by a newer one or is too old. Nothing was changed by it now."""

    code = "link_over"
    status = 410


class NotUsable(Conflict):
    """This address cannot be used for a Studio account. The account keeps the address it has."""

    code = "address_not_usable"


@dataclass(frozen=True)
class Pending:
    """A change that waits for its new address to confirm."""

    email: str
    until: datetime


@dataclass(frozen=True)
class Change:
    """What a link is about. `done`: the address has changed already, so the link of the old address undoes it."""

    old: str
    new: str
    done: bool


async def pending(session: AsyncSession, *, actor: Actor) -> Pending | None:
    """The change that waits, if there is one."""
    row = (
        await session.execute(
            text(
                "SELECT new_email, expires_at FROM address_changes "
                "WHERE account_id = :account AND state = 'asked' AND expires_at > studio_now()"
            ),
            {"account": actor.account_id},
        )
    ).one_or_none()
    return Pending(email=row.new_email, until=row.expires_at) if row is not None else None


async def ask(session: AsyncSession, *, actor: Actor, email: str) -> None:
    """Mail both addresses; nothing changes until the new one confirms. Replaces a change that waits.

    Whether another account uses the address is not looked at here, so that nobody learns it by asking.

    Raises:
        ValidationError: no address, a too long one, the same one, or one that may still be taken back.
        ReauthNeeded: the session's person has not just proved who they are.
        TooMany: the fifth change within a day was the last.
    """
    new = _clean(email)
    old = await _lock(session, actor.account_id)
    await sessions.require_fresh(session, actor=actor)  # under the lock: an undo that ran before it ended the session
    if new == old.lower():
        raise ValidationError("This is your address already.")
    await _check_history(session, actor.account_id, new)
    await _drop(session, actor.account_id)
    confirm, stop = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    await session.execute(
        text(
            "INSERT INTO address_changes (id, account_id, old_email, new_email, confirm_hash, stop_hash, expires_at) "
            "VALUES (:id, :account, :old, :new, :confirm, :stop, studio_now() + make_interval(hours => :hours))"
        ),
        {
            "id": uuid4(),
            "account": actor.account_id,
            "old": old,
            "new": new,
            "confirm": sessions.hash_token(confirm),
            "stop": sessions.hash_token(stop),
            "hours": CONFIRM_HOURS,
        },
    )
    await queue.notify(session, actor.account_id, "address")
    await mail_events.on_address_asked(
        session,
        account_id=actor.account_id,
        old_email=old,
        new_email=new,
        confirm_path=f"/address/confirm/{confirm}",
        stop_path=f"/address/undo/{stop}",
    )


async def cancel(session: AsyncSession, *, actor: Actor) -> None:
    """Drop the change that waits. Raises NotFound when there is none (any more)."""
    if not await _drop(session, actor.account_id):
        raise NotFound("No change of address waits any more.")
    await queue.notify(session, actor.account_id, "address")


async def look_to_confirm(session: AsyncSession, *, token: str) -> Change:
    """What the new address's link is about. Raises NotFound or LinkOver."""
    row = await _find(session, "confirm_hash = :hash", token)
    if not row.waits:
        raise LinkOver
    return Change(old=row.old_email, new=row.new_email, done=False)


async def confirm(session: AsyncSession, *, token: str) -> Change:
    """Change the address; tell the old one, with the way back. Runs as `sys`.

    Raises:
        NotFound: no such link.
        LinkOver: it was used, replaced, cancelled or is too old.
        NotUsable: another account has the address, or may still come back to it.
    """
    row = await _find(session, "confirm_hash = :hash", token)
    current = await _lock(session, row.account_id)
    row = await _find(session, "confirm_hash = :hash", token)
    if not row.waits or current != row.old_email:
        raise LinkOver
    await accounts.lock_addresses(session, row.old_email, row.new_email)
    if await accounts.in_use(session, email=row.new_email, by_others_than=row.account_id):
        raise NotUsable
    await session.execute(
        text("UPDATE accounts SET email = :new WHERE id = :account"), {"new": row.new_email, "account": row.account_id}
    )
    await operators.note_proof(session, account_id=row.account_id, email=row.new_email)
    undo = secrets.token_urlsafe(32)
    until: date = (
        await session.execute(
            text(
                "UPDATE address_changes SET state = 'confirmed', confirmed_at = studio_now(), undo_hash = :undo, "
                "undo_until = studio_now() + make_interval(days => :days) WHERE id = :id "
                "RETURNING (undo_until AT TIME ZONE 'UTC')::date"
            ),
            {"id": row.id, "undo": sessions.hash_token(undo), "days": UNDO_DAYS},
        )
    ).scalar_one()
    await queue.notify(session, row.account_id, "address")
    await mail_events.on_address_changed(
        session,
        account_id=row.account_id,
        old_email=row.old_email,
        new_email=row.new_email,
        undo_path=f"/address/undo/{undo}",
        undo_until=until,
    )
    return Change(old=row.old_email, new=row.new_email, done=True)


async def look_to_undo(session: AsyncSession, *, token: str) -> Change:
    """What the old address's link would stop or undo. Raises NotFound or LinkOver."""
    row = await _find(session, "stop_hash = :hash OR undo_hash = :hash", token)
    if not row.waits and not row.undoable:
        raise LinkOver
    return Change(old=row.old_email, new=row.new_email, done=row.undoable)


async def undo(session: AsyncSession, *, token: str) -> Change:
    """Stop a change that waits, or take back one that was made and all that came after it. Runs as `sys`.

    Ends every session, and removes ways to sign in that were linked since the sign-in that the change was asked
    with. The links of the later changes are void, so a chain of changes cannot come back.

    Raises:
        NotFound: no such link.
        LinkOver: the change was dropped, undone, or is older than seven days.
    """
    mine = "stop_hash = :hash OR undo_hash = :hash"
    row = await _find(session, mine, token)
    current = await _lock(session, row.account_id)
    row = await _find(session, mine, token)
    if not row.waits and not row.undoable:
        raise LinkOver
    if row.undoable:
        await _restore(session, row, current)
    await _drop(session, row.account_id)
    await _unlink(session, row)
    await sessions.revoke_everywhere(session, account_id=row.account_id)  # the link is the proof; nobody is signed in
    await mail_events.on_all_sessions_revoked(session, account_id=row.account_id)
    return Change(old=row.old_email, new=row.new_email, done=row.undoable)


async def sweep(session: AsyncSession) -> int:
    """Delete changes that can be neither confirmed nor undone any more. Returns how many."""
    over = "DELETE FROM address_changes WHERE coalesce(undo_until, expires_at) < studio_now() RETURNING 1"
    return len((await session.execute(text(over))).all())


def _clean(email: str) -> str:
    if len(email.strip()) > LONGEST:
        raise ValidationError(f"An e-mail address has at most {LONGEST} characters.")
    if not email.strip():
        raise ValidationError("Write the new e-mail address.")
    return mail.clean_recipient(accounts.clean_email(email))


async def _lock(session: AsyncSession, account_id: UUID) -> str:
    """The account's address; nobody else changes it until this transaction ends."""
    return (
        await session.execute(text("SELECT email FROM accounts WHERE id = :id FOR UPDATE"), {"id": account_id})
    ).scalar_one()


async def _check_history(session: AsyncSession, account_id: UUID, new: str) -> None:
    row = (
        await session.execute(
            text(
                "SELECT count(*) FILTER (WHERE asked_at > studio_now() - interval '1 day') AS asked, "
                "coalesce(bool_or(state = 'confirmed' AND undo_until > studio_now() AND lower(old_email) = :new), "
                "false) AS mine FROM address_changes WHERE account_id = :account"
            ),
            {"account": account_id, "new": new},
        )
    ).one()
    if row.mine:
        raise ValidationError(
            f"You left this address less than {UNDO_DAYS} days ago. The link in the mail to it takes that back."
        )
    if row.asked >= MOST_A_DAY:
        raise TooMany(f"You asked for {MOST_A_DAY} changes within a day. Try again tomorrow.")


async def _drop(session: AsyncSession, account_id: UUID) -> bool:
    gone = await session.scalar(
        text(
            "UPDATE address_changes SET state = 'dropped' WHERE account_id = :account AND state = 'asked' "
            "RETURNING expires_at > studio_now()"
        ),
        {"account": account_id},
    )
    return bool(gone)


async def _find(session: AsyncSession, where: str, token: str) -> Any:
    """The change of a link's token. Raises NotFound."""
    row = None
    if re.fullmatch(r"[\w-]{43}", token, re.ASCII):
        row = (
            await session.execute(
                text(f"SELECT {_COLUMNS} FROM address_changes WHERE {where}"),  # noqa: S608  # constants
                {"hash": sessions.hash_token(token)},
            )
        ).one_or_none()
    if row is None:
        raise NotFound(
            f"This link is unknown. One that confirms works for {CONFIRM_HOURS} hours, one that undoes for "
            f"{UNDO_DAYS} days."
        )
    return row


async def _restore(session: AsyncSession, row: Any, current: str) -> None:
    await session.execute(
        text("UPDATE accounts SET email = :old WHERE id = :account"), {"old": row.old_email, "account": row.account_id}
    )
    await operators.note_proof(session, account_id=row.account_id, email=row.old_email)
    await session.execute(
        text(
            "UPDATE address_changes SET state = 'undone' "
            "WHERE account_id = :account AND state = 'confirmed' AND confirmed_at >= :since"
        ),
        {"account": row.account_id, "since": row.confirmed_at},
    )
    if current != row.old_email:
        await mail_events.on_address_undone(session, account_id=row.account_id, email=current)


async def _unlink(session: AsyncSession, row: Any) -> None:
    """Remove what one proof of identity could link along with asking for the change; never what made the account."""
    await session.execute(
        text(
            "DELETE FROM identities i USING accounts a WHERE a.id = i.account_id AND i.account_id = :account "
            "AND i.created_at > a.created_at AND i.created_at >= :asked - make_interval(mins => :minutes)"
        ),
        {"account": row.account_id, "asked": row.asked_at, "minutes": sessions.FRESH_MINUTES},
    )
