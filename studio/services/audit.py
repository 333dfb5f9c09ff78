"""The operator's audit log: append-only, written in the transaction of the act, without personal content."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.services import operators

CLI = "cli"
PAGE = 50
# Every act there is, with its words. An entry of another name is refused.
ACTIONS: Mapping[str, str] = {
    "account.cap": "Changed a cap",
    "account.purge": "Deleted a reported account at once",
    "account.restrict": "Restricted an account",
    "account.unrestrict": "Lifted a restriction",
    "account.sessions_revoked": "Signed an account out everywhere",
    "export.allow": "Allowed another archive today",
    "work.pause": "Held new work back",
    "work.resume": "Let new work go on",
    "generation.reverse": "Gave a charge back",
    "invitation.create": "Invited somebody",
    "invitation.revoke": "Took an invitation back",
    "mail.read": "Read a mail in the outbox",
    "mail.resend": "Sent a failed mail again",
    "request.add": "Wrote a privacy request down",
    "request.close": "Closed a privacy request",
    "retention.run": "Ran the sweeps",
    "signin.link": "Made a sign-in link",
}
_WORD = re.compile(r"[\w.:-]{1,60}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One act. `actor` is an account's id or "cli"."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


async def write(
    session: AsyncSession,
    *,
    by: Actor | None,
    action: str,
    subject: object,
    details: Mapping[str, int | bool | str] | None = None,
) -> None:
    """Note an act in its own transaction; `by` None is the command line. `subject` is an id.

    Details are numbers and single words of ours: a text that somebody wrote has no place here. Raises ValueError.
    """
    said = dict(details or {})
    if action not in ACTIONS or not all(isinstance(v, int) or _WORD.fullmatch(v) for v in said.values()):
        raise ValueError(f"The audit log does not take {action!r} with these details.")
    await session.execute(
        text(
            "INSERT INTO audit_entries (actor, action, subject, details) "
            "VALUES (:actor, :action, :subject, CAST(:details AS jsonb))"
        ),
        {
            "actor": str(by.account_id) if by else CLI,
            "action": action,
            "subject": str(subject),
            "details": json.dumps(said),
        },
    )


async def listed(
    session: AsyncSession,
    *,
    actor: Actor,
    action: str | None = None,
    about: UUID | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Sequence[Entry]:
    """Entries, newest first; `before` is the id of the last one seen. Raises NotFound for who is no operator."""
    await operators.require(session, actor=actor)
    rows = await session.execute(
        text(
            "SELECT id, at, actor, action, subject, details FROM audit_entries "
            "WHERE (CAST(:before AS bigint) IS NULL OR id < :before) "
            "AND (CAST(:action AS text) IS NULL OR action = :action) "
            "AND (CAST(:about AS text) IS NULL OR subject = :about) "
            "ORDER BY id DESC LIMIT :limit"
        ),
        {
            "before": before,
            "action": action,
            "about": str(about) if about else None,
            "limit": max(1, min(limit, 200)),
        },
    )
    return [Entry(**row._mapping) for row in rows]
