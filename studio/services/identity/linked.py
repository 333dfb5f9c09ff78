"""The providers an account is linked to, as its owner sees them, and the way to unlink one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import OidcSettings, settings
from studio.db import Actor
from studio.errors import Conflict, NotFound
from studio.services import mail_events, sessions


class LastWayIn(Conflict):
    """This is your last way to sign in. Link another one first, then unlink this one."""

    code = "last_way_in"


@dataclass(frozen=True)
class Linked:
    """A provider that opens the account. `key` is its name in addresses; empty: it is not configured any more."""

    id: UUID
    name: str
    key: str
    since: datetime


@dataclass(frozen=True)
class Linkable:
    """A provider that is configured here, and that this account is not linked to."""

    name: str
    key: str


def configured(issuer: str) -> OidcSettings | None:
    """The settings of an issuer that people can sign in with here."""
    return next((each for each in settings().oidc if each.issuer.rstrip("/") == issuer.rstrip("/")), None)


def provider_name(issuer: str) -> str:
    """What people call an issuer: its name in the settings, else its host."""
    known = configured(issuer)
    return known.name if known is not None else urlsplit(issuer).hostname or "a provider"


def signs_in_by_link() -> bool:
    """Whether people come in by one-time links: the embedded default, where no provider is configured."""
    return not settings().oidc


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Linked]:
    """Everything the account is linked to, the oldest first."""
    rows = await session.execute(
        text("SELECT id, issuer, created_at FROM identities WHERE account_id = :account ORDER BY created_at, id"),
        {"account": actor.account_id},
    )
    found = [(row, configured(row.issuer)) for row in rows]
    return [Linked(row.id, provider_name(row.issuer), ours.key if ours else "", row.created_at) for row, ours in found]


def linkable(linked: Sequence[Linked]) -> Sequence[Linkable]:
    """What is configured and not among those."""
    known = {each.key for each in linked}
    return [Linkable(each.name, each.key) for each in settings().oidc if each.key not in known]


async def unlink(session: AsyncSession, *, actor: Actor, identity_id: UUID) -> str:
    """Unlink a provider, from a fresh session; a mail says so. Returns its name.

    Raises:
        ReauthNeeded: the person has not proved who they are within the last ten minutes.
        NotFound: there is no such link of this account.
        LastWayIn: nobody could sign in to the account any more.
    """
    await sessions.require_fresh(session, actor=actor)
    # Two clicks at once must not each leave the other's provider as the last way in.
    await session.execute(text("SELECT 1 FROM accounts WHERE id = :id FOR UPDATE"), {"id": actor.account_id})
    ways = await listed(session, actor=actor)
    gone = next((each for each in ways if each.id == identity_id), None)
    if gone is None:
        raise NotFound("That is not linked to your account any more.")
    others = [each for each in ways if each.id != identity_id and each.key]
    if not others and not signs_in_by_link():
        raise LastWayIn
    await session.execute(
        text("DELETE FROM identities WHERE id = :id AND account_id = :account"),
        {"id": identity_id, "account": actor.account_id},
    )
    await mail_events.on_provider_unlinked(session, account_id=actor.account_id, provider=gone.name)
    return gone.name
