"""Accounts: found by their address, made with a first workspace; and who may have one."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import Conflict, StudioError, ValidationError
from studio.services import mail_events

FIRST_WORKSPACE = "My studio"
INVITATION_DAYS = 30
UNDO_DAYS = 7  # for how long a change of address can be taken back: studio/services/addresses.py


class SignupClosed(StudioError):
    """This studio takes new people by invitation. Ask its operator for one, then sign in again."""

    code = "signup_closed"
    status = 403


class AddressLeft(Conflict):
    """An account changed from this address to another one less than 7 days ago. Sign in with the new address.

    Or take the change back with the link in the mail about it: until then the address stays reserved for that.
    """

    code = "address_left"


def clean_email(email: str) -> str:
    """The address as it is kept. Raises ValidationError."""
    email = email.strip()
    fits = re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+|[^@\s]+@localhost", email)
    if len(email) > 254 or not fits or not email.isprintable():
        raise ValidationError("This is not an e-mail address.")
    return email.lower()


async def create(session: AsyncSession, *, email: str, name: str = "") -> UUID | None:
    """A new account with its first workspace. None: the address has one already. Runs as `sys`, at sign-in.

    Raises:
        AddressLeft: an account may still come back to the address.
    """
    email = clean_email(email)
    await lock_addresses(session, email)
    if await _is_left(session, email):
        raise AddressLeft
    made = await session.scalar(
        text(
            "INSERT INTO accounts (id, email, name) VALUES (:id, :email, :name) "
            "ON CONFLICT (lower(email)) DO NOTHING RETURNING id"
        ),
        {"id": uuid4(), "email": email, "name": name or email.split("@")[0]},
    )
    if made:
        await session.execute(
            text("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :account, :name)"),
            {"id": uuid4(), "account": made, "name": FIRST_WORKSPACE},
        )
        await session.execute(text("DELETE FROM invitations WHERE lower(email) = :email"), {"email": email})
        await mail_events.on_account_created(session, account_id=made)
    return made


async def find(session: AsyncSession, *, email: str) -> UUID | None:
    """The account of an address."""
    return await session.scalar(
        text("SELECT id FROM accounts WHERE lower(email) = :email"), {"email": clean_email(email)}
    )


async def lock_addresses(session: AsyncSession, *emails: str) -> None:
    """Until this transaction ends nobody else decides whose these addresses are."""
    for email in sorted({email.lower() for email in emails}):
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"address:{email}"}
        )


async def in_use(session: AsyncSession, *, email: str, by_others_than: UUID) -> bool:
    """Whether another account has the address, or may still come back to it. Runs as `sys`, under its lock."""
    email = clean_email(email)
    owner = await find(session, email=email)
    return owner not in (None, by_others_than) or await _is_left(session, email, but_by=by_others_than)


async def _is_left(session: AsyncSession, email: str, *, but_by: UUID | None = None) -> bool:
    return bool(
        await session.scalar(
            text(
                "SELECT EXISTS (SELECT 1 FROM address_changes WHERE lower(old_email) = :email AND state = 'confirmed' "
                "AND undo_until > studio_now() AND account_id IS DISTINCT FROM CAST(:account AS uuid))"
            ),
            {"email": email, "account": but_by},
        )
    )


async def ensure(session: AsyncSession, *, email: str) -> UUID:
    """The account of an address, made when there is none: for who holds a link to it, never for who claims it."""
    found = await create(session, email=email) or await find(session, email=email)
    assert found is not None, "a conflict on the address means that its account exists"
    return found


async def invite(session: AsyncSession, *, email: str) -> str:
    """Let an address in for 30 days, or for 30 more. Returns the address as it is kept."""
    email = clean_email(email)
    await session.execute(
        text(
            "INSERT INTO invitations (id, email, expires_at) "
            "VALUES (:id, :email, studio_now() + make_interval(days => :days)) "
            "ON CONFLICT (lower(email)) DO UPDATE SET expires_at = excluded.expires_at"
        ),
        {"id": uuid4(), "email": email, "days": INVITATION_DAYS},
    )
    return email


async def check_signup(session: AsyncSession, *, email: str) -> None:
    """May this confirmed address have an account? Operators and the invited always may. Raises SignupClosed."""
    email = clean_email(email)
    policy = settings().signup
    listed = email in policy.allowed or email.rpartition("@")[2] in policy.allowed
    if policy.mode == "open" or listed or email in settings().operators:
        return
    invited = await session.scalar(
        text("SELECT true FROM invitations WHERE lower(email) = :email AND expires_at > studio_now()"),
        {"email": email},
    )
    if not invited:
        raise SignupClosed
