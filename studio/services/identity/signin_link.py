"""One-time sign-in links: for the embedded default and for an operator's rescue. 10 minutes, one use, hashed."""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import StudioError
from studio.services import accounts, audit, operators
from studio.services.sessions import hash_token

MINUTES = 10


class LinkUsed(StudioError):
    """This sign-in link was used already or has expired. Ask for a new one."""

    code = "link_used"
    status = 410


async def create(session: AsyncSession, *, email: str) -> str:
    """A new link for an address, as a whole URL. Nothing but the token's hash is kept."""
    return (await _create(session, email=email))[1]


async def _create(session: AsyncSession, *, email: str) -> tuple[UUID, str]:
    token, ident = secrets.token_urlsafe(32), uuid4()
    await session.execute(
        text(
            "INSERT INTO signin_links (id, token_hash, email, expires_at) "
            "VALUES (:id, :hash, :email, studio_now() + make_interval(mins => :minutes))"
        ),
        {"id": ident, "hash": hash_token(token), "email": accounts.clean_email(email), "minutes": MINUTES},
    )
    return ident, f"{settings().public_url}/signin/{token}"


async def use(session: AsyncSession, *, token: str) -> str:
    """The address that a link signs in. The conditional update lets one use win.

    Raises:
        LinkUsed: used, expired, or never made.
    """
    email = await session.scalar(
        text(
            "UPDATE signin_links SET used_at = studio_now() "
            "WHERE token_hash = :hash AND used_at IS NULL AND expires_at > studio_now() RETURNING email"
        ),
        {"hash": hash_token(token)},
    )
    if email is None:
        raise LinkUsed
    return email


def create_for(email: str | None) -> str:
    """The same from a command line, in a transaction of its own and noted in the audit log.

    None: for whoever starts the studio.
    """
    import asyncio

    from studio import db

    async def run() -> str:
        async with db.transaction(db.SYSTEM) as session:
            ident, url = await _create(session, email=email or await default_address(session))
            await audit.write(session, by=None, action="signin.link", subject=ident)
        await db.dispose()
        return url

    return asyncio.run(run())


async def default_address(session: AsyncSession) -> str:
    """The first operator; else the one person of a studio on one's own machine, whatever their address is by now."""
    if settings().operators:
        return settings().operators[0]
    found = [] if settings().oidc else list(await session.scalars(text("SELECT email FROM accounts LIMIT 2")))
    return found[0] if len(found) == 1 else operators.DEFAULT_ADDRESS


def create_for_default() -> str:
    """A link for whoever starts the studio."""
    return create_for(None)
