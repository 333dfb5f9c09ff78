"""The outbox as operators see it: states and addresses; what a mail says only where no server could deliver it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import Actor
from studio.errors import NotFound
from studio.services import audit, mail_outbox, mail_render, operators
from studio.services.mail_outbox import Mail

PAGE = 50
STATES = ("queued", "sending", "sent", "shown", "bounced", "failed", "dropped")


async def listed(
    session: AsyncSession, *, actor: Actor, state: str | None = None, before: UUID | None = None, limit: int = PAGE
) -> Sequence[Mail]:
    """The newest mails without what they say; `before` is the last one seen.

    Raises:
        NotFound: no operator, or no such state.
    """
    await operators.require(session, actor=actor)
    if state is not None and state not in STATES:
        raise NotFound
    rows = await session.execute(
        text(
            "SELECT id, account_id, recipient, template, category, '{}'::jsonb AS data, message_id, state, tries, "
            "code, reason, created_at, due_at, ended_at FROM mails "
            "WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:before AS uuid) IS NULL "
            "OR (created_at, id) < (SELECT p.created_at, p.id FROM mails p WHERE p.id = :before)) "
            "ORDER BY created_at DESC, id DESC LIMIT :limit"
        ),
        {"state": state, "before": before, "limit": max(1, min(limit, 200))},
    )
    return [Mail(**row._mapping) for row in rows]


async def counts(session: AsyncSession, *, actor: Actor) -> Mapping[str, int]:
    """How many mails are in each state. Raises NotFound."""
    await operators.require(session, actor=actor)
    return await mail_outbox.counts(session)


def readable() -> bool:
    """Whether mails can be read here: only without a mail server, for then nobody else can hand them on."""
    return settings().smtp_url is None


async def read(session: AsyncSession, *, actor: Actor, mail_id: UUID) -> mail_render.Letter:
    """What a mail says, noted in the audit log.

    Raises:
        NotFound: no operator, no such mail, a mail server is configured, or the mail was emptied already.
    """
    await operators.require(session, actor=actor)
    found = await mail_outbox.load(session, mail_id=mail_id)
    if not readable() or not found.recipient:
        raise NotFound("This mail cannot be read here.")
    try:
        letter = mail_render.letter(template=found.template, data=found.data, account_id=found.account_id)
    except KeyError:
        raise NotFound("This mail was emptied after it was sent.") from None
    await audit.write(session, by=actor, action="mail.read", subject=mail_id, details={"template": found.template})
    return letter


async def resend(session: AsyncSession, *, by: Actor | None, mail_id: UUID) -> None:
    """Send a failed mail again. Raises NotFound when it did not fail, or `by` is no operator."""
    if by is not None:
        await operators.require(session, actor=by)
    await mail_outbox.send_again(session, mail_id=mail_id)
    await audit.write(session, by=by, action="mail.resend", subject=mail_id)
