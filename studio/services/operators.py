"""Who is an operator. Settings name them; only an address that was proved, or an identity itself, is recognised.

Proved means: the provider confirmed it at the last sign-in (`identities.email`), or somebody came with a one-time link
to it or confirmed a change to it (`accounts.proved_email`). What a person typed proves nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import Actor
from studio.errors import NotFound

DEFAULT_ADDRESS = "you@localhost"

# Of an account `a`. A provider that is no longer configured vouches for nobody's address.
IS_OPERATOR = """coalesce(
  EXISTS (SELECT 1 FROM identities i WHERE i.account_id = a.id AND (
    (lower(i.email) = ANY(CAST(:op_addresses AS text[])) AND rtrim(i.issuer, '/') = ANY(CAST(:op_trusted AS text[])))
    OR (rtrim(i.issuer, '/'), i.subject) IN (
      SELECT * FROM unnest(CAST(:op_issuers AS text[]), CAST(:op_subjects AS text[])))))
  OR (a.proved_email = lower(a.email) AND a.proved_email = ANY(CAST(:op_proved AS text[])))
  OR (CAST(:op_first AS boolean) AND a.id = (SELECT f.id FROM accounts f ORDER BY f.created_at, f.id LIMIT 1)),
  false)"""


def parameters() -> dict[str, Any]:
    """What `IS_OPERATOR` needs, from the settings."""
    ours = settings()
    nobody_named = not ours.operators and not ours.operator_identities
    return {
        "op_addresses": list(ours.operators),
        "op_trusted": [each.issuer.rstrip("/") for each in ours.oidc],
        "op_issuers": [issuer.rstrip("/") for issuer, _ in ours.operator_identities],
        "op_subjects": [subject for _, subject in ours.operator_identities],
        # On one's own machine links are the only way in: the first person stays the operator under another address.
        "op_first": ours.embedded and nobody_named and not ours.oidc,
        "op_proved": [DEFAULT_ADDRESS] if ours.embedded and nobody_named else list(ours.operators),
    }


def listed(*, issuer: str | None, subject: str | None) -> bool:
    """Whether the settings name this identity."""
    return any((issuer or "").rstrip("/") == i.rstrip("/") and subject == s for i, s in settings().operator_identities)


async def is_operator(session: AsyncSession, *, account_id: UUID) -> bool:
    """Whether an account is an operator's. Runs as `sys`."""
    found = await session.scalar(
        text(f"SELECT {IS_OPERATOR} FROM accounts a WHERE a.id = :account"),  # noqa: S608  # a constant
        {"account": account_id, **parameters()},
    )
    return bool(found)


async def require(session: AsyncSession, *, actor: Actor) -> None:
    """The first line of every operator's service. To anybody else there is nothing here: raises NotFound."""
    if not await is_operator(session, account_id=actor.account_id):
        raise NotFound


async def note_proof(
    session: AsyncSession, *, account_id: UUID, email: str, issuer: str | None = None, subject: str | None = None
) -> None:
    """Note that somebody has just proved an address: at a provider, or, without one, by a link that was sent there."""
    if issuer is None:
        await session.execute(
            text("UPDATE accounts SET proved_email = lower(:email) WHERE id = :account"),
            {"account": account_id, "email": email},
        )
    else:
        await session.execute(
            text(
                "UPDATE identities SET email = lower(:email) "
                "WHERE account_id = :account AND issuer = :issuer AND subject = :subject"
            ),
            {"account": account_id, "email": email, "issuer": issuer, "subject": subject},
        )
