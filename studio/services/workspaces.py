"""The workspaces of an account, and the one a session works in. The row decides; the cookie only mirrors it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound


@dataclass(frozen=True)
class Workspace:
    """A place for work; `active` in the session that asks."""

    id: UUID
    name: str
    active: bool


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Workspace]:
    """The account's workspaces that are not archived, and the active one in any case; the oldest first."""
    rows = await session.execute(
        text(
            "SELECT id, name, id = :active AS active FROM workspaces WHERE account_id = :account "
            "AND (archived_at IS NULL OR id = :active) ORDER BY created_at, id LIMIT 200"
        ),
        {"account": actor.account_id, "active": actor.workspace_id},
    )
    return [Workspace(**row._mapping) for row in rows]


async def active(session: AsyncSession, *, actor: Actor) -> UUID:
    """The workspace the session works in, from its row. Raises NotFound when the session has ended."""
    found = await session.scalar(
        text("SELECT workspace_id FROM sessions WHERE id = :session AND account_id = :account AND revoked_at IS NULL"),
        {"session": actor.session_id, "account": actor.account_id},
    )
    if found is None:
        raise NotFound
    return found


async def set_active(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """Work in another workspace from now on, in this session only. Raises NotFound when it is not there to work in."""
    done = await session.scalar(
        text(
            "UPDATE sessions s SET workspace_id = w.id FROM workspaces w "
            "WHERE s.id = :session AND s.account_id = :account AND s.revoked_at IS NULL "
            "AND w.id = :workspace AND w.account_id = :account AND w.archived_at IS NULL RETURNING true"
        ),
        {"session": actor.session_id, "account": actor.account_id, "workspace": workspace_id},
    )
    if not done:
        raise NotFound("That workspace is not there any more.")
