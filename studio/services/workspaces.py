"""The workspaces of an account, and the one a session works in. The row decides; the cookie only mirrors it.

One that is archived keeps its work and takes no more; one that is deleted goes into the trash with everything in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import keeping
from studio.services.profile import clean_name
from studio.services.trash import Trashed

MOST = 200
# What of a request says how to work, rather than what to make.
_STYLE = "b.params - '{prompt,seed,reference_count,has_first_frame,has_last_frame,frame_aspect}'::text[]"


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
            "AND trashed_at IS NULL AND (archived_at IS NULL OR id = :active) ORDER BY created_at, id LIMIT 200"
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
    """Work in another workspace from now on, in this session only, whose other pages follow.

    Raises:
        NotFound: it is not there to work in.
    """
    done = await session.scalar(
        text(
            "UPDATE sessions s SET workspace_id = w.id FROM workspaces w "
            "WHERE s.id = :session AND s.account_id = :account AND s.revoked_at IS NULL "
            "AND w.id = :workspace AND w.account_id = :account AND w.archived_at IS NULL AND w.trashed_at IS NULL "
            "RETURNING true"
        ),
        {"session": actor.session_id, "account": actor.account_id, "workspace": workspace_id},
    )
    if not done:
        raise NotFound("That workspace is not there any more.")
    await keeping.tell(session, actor=actor)


@dataclass(frozen=True)
class Kept:
    """A workspace as its owner keeps it: `outputs` outside the trash, and what a new request starts with."""

    id: UUID
    name: str
    active: bool
    archived_at: datetime | None
    trashed_at: datetime | None
    outputs: int
    defaults: Mapping[str, Any] | None


async def kept(session: AsyncSession, *, actor: Actor) -> Sequence[Kept]:
    """Every workspace, also archived ones and those in the trash; the oldest first."""
    rows = await session.execute(
        text(
            "SELECT w.id, w.name, w.id = :active AS active, w.archived_at, w.trashed_at, w.defaults, "
            "(SELECT count(*) FROM assets a WHERE a.workspace_id = w.id AND a.account_id = :account "
            "AND a.generation_id IS NOT NULL AND a.trashed_at IS NOT DISTINCT FROM w.trashed_at) AS outputs "
            "FROM workspaces w WHERE w.account_id = :account AND w.erase_asked_at IS NULL "
            "ORDER BY w.created_at, w.id LIMIT :most"
        ),
        {"account": actor.account_id, "active": actor.workspace_id, "most": 2 * MOST},
    )
    return [Kept(**row._mapping) for row in rows]


async def create(session: AsyncSession, *, actor: Actor, name: str) -> UUID:
    """A new and empty workspace. Raises ValidationError: its name does not fit, or there are as many as can be."""
    made = uuid4()
    done = await session.scalar(
        text(
            "INSERT INTO workspaces (id, account_id, name) SELECT :id, :account, :name WHERE "
            "(SELECT count(*) FROM workspaces WHERE account_id = :account) < :most RETURNING true"
        ),
        {
            "id": made,
            "account": actor.account_id,
            "name": clean_name(name, "A workspace's name"),
            "most": MOST,
        },
    )
    if not done:
        raise ValidationError(f"{MOST} workspaces at most. Delete one first.")
    await keeping.tell(session, actor=actor)
    return made


async def rename(session: AsyncSession, *, actor: Actor, workspace_id: UUID, name: str) -> None:
    """Rename a workspace. Raises ValidationError, or NotFound when it is gone."""
    await _update(session, actor, workspace_id, "name = :name", name=clean_name(name, "A workspace's name"))


async def archive(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """Put a workspace away: its work stays in the library. Sessions in it go on in the oldest that is left.

    Raises:
        Conflict: it is the last one to work in.
    """
    await _lock(session, actor)
    await _leave(session, actor, workspace_id)
    await _update(session, actor, workspace_id, "archived_at = coalesce(archived_at, studio_now())")


async def unarchive(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """Work in an archived workspace again. Raises NotFound."""
    await _update(session, actor, workspace_id, "archived_at = NULL")


async def delete(session: AsyncSession, *, actor: Actor, workspace_id: UUID, typed: str) -> Trashed:
    """Put a workspace and everything in it into the trash. Sessions in it go on in the oldest that is left.

    An upload stays that a request in another workspace used. Returns what undoes it.

    Raises:
        ValidationError: what was typed is not its name.
        Conflict: it is the last one to work in, or something in it is still under way.
        NotFound: it is gone.
    """
    await _lock(session, actor)
    known = {"id": workspace_id, "account": actor.account_id}
    name = await session.scalar(
        text("SELECT name FROM workspaces WHERE id = :id AND account_id = :account AND trashed_at IS NULL FOR UPDATE"),
        known,
    )
    if name is None:
        raise NotFound("That workspace is not there any more.")
    if typed.strip() != name:
        raise ValidationError(f"Type {name} to confirm that this is the workspace you mean.")
    busy = await session.scalar(
        text(
            "SELECT EXISTS (SELECT 1 FROM generations g JOIN batches b ON b.id = g.batch_id "
            "WHERE b.workspace_id = :id AND g.account_id = :account AND g.ended_at IS NULL)"
        ),
        known,
    )
    if busy:
        raise Conflict("Something in this workspace is still under way. Cancel it, or wait until it has ended.")
    await _leave(session, actor, workspace_id)
    at = (
        await session.execute(
            text("UPDATE workspaces SET trashed_at = studio_now() WHERE id = :id RETURNING trashed_at"), known
        )
    ).scalar_one()
    files = await session.scalars(
        text(
            "UPDATE assets a SET trashed_at = :at WHERE account_id = :account AND workspace_id = :id "
            "AND trashed_at IS NULL AND NOT EXISTS (SELECT 1 FROM batch_inputs i JOIN batches b ON b.id = i.batch_id "
            "JOIN workspaces w ON w.id = b.workspace_id AND w.trashed_at IS NULL "
            "WHERE i.asset_id = a.id AND a.generation_id IS NULL AND b.workspace_id <> :id) RETURNING generation_id"
        ),
        {**known, "at": at},
    )
    count = sum(each is not None for each in files)
    await session.execute(
        text(
            "UPDATE assets a SET workspace_id = (SELECT min(b.workspace_id::text)::uuid FROM batch_inputs i "
            "JOIN batches b ON b.id = i.batch_id JOIN workspaces w ON w.id = b.workspace_id AND w.trashed_at IS NULL "
            "WHERE i.asset_id = a.id AND b.workspace_id <> :id) "
            "WHERE account_id = :account AND workspace_id = :id AND trashed_at IS NULL"
        ),
        known,
    )
    await keeping.tell(session, actor=actor)
    return Trashed(count=count, at=at)


async def trashed_at(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> datetime:
    """When a workspace went into the trash, which is what brings it back. Raises NotFound."""
    at = await session.scalar(
        text(
            "SELECT trashed_at FROM workspaces WHERE id = :id AND account_id = :account AND trashed_at IS NOT NULL "
            "AND erase_asked_at IS NULL"
        ),
        {"id": workspace_id, "account": actor.account_id},
    )
    if at is None:
        raise NotFound("This was restored or erased meanwhile.")
    return at


async def keep_defaults(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> Mapping[str, Any]:
    """What the newest request of a workspace was made with is what its next ones start with. Returns it.

    Raises:
        Conflict: nothing was made in it yet.
    """
    found = await session.scalar(
        text(
            f"SELECT {_STYLE} FROM batches b WHERE b.account_id = :account AND b.workspace_id = :id "  # noqa: S608  # a constant
            "ORDER BY b.created_at DESC, b.id DESC LIMIT 1"
        ),
        {"account": actor.account_id, "id": workspace_id},
    )
    if found is None:
        raise Conflict("Nothing was made in this workspace yet. Make something first, then keep how.")
    await _update(session, actor, workspace_id, "defaults = CAST(:defaults AS jsonb)", defaults=json.dumps(found))
    return found


async def drop_defaults(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """New requests start with the model's own defaults again. Raises NotFound."""
    await _update(session, actor, workspace_id, "defaults = NULL")


async def defaults(session: AsyncSession, *, actor: Actor) -> Mapping[str, Any] | None:
    """What a new request in the active workspace starts with, or None."""
    return await session.scalar(
        text("SELECT defaults FROM workspaces WHERE id = :id AND account_id = :account"),
        {"id": actor.workspace_id, "account": actor.account_id},
    )


async def _lock(session: AsyncSession, actor: Actor) -> None:
    """One act at a time takes a workspace away, so that two never take the last two."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('workspaces'), hashtext(:account))"),
        {"account": str(actor.account_id)},
    )


async def _leave(session: AsyncSession, actor: Actor, workspace_id: UUID) -> None:
    """Sessions that work in a workspace go on in the oldest other one. Raises Conflict when there is none."""
    known = {"account": actor.account_id, "id": workspace_id}
    other = await session.scalar(
        text(
            "SELECT id FROM workspaces WHERE account_id = :account AND id <> :id AND archived_at IS NULL "
            "AND trashed_at IS NULL ORDER BY created_at, id LIMIT 1"
        ),
        known,
    )
    if other is None:
        raise Conflict("This is the only workspace to work in. Make another one first.")
    await session.execute(
        text("UPDATE sessions SET workspace_id = :other WHERE account_id = :account AND workspace_id = :id"),
        {**known, "other": other},
    )


async def _update(session: AsyncSession, actor: Actor, workspace_id: UUID, change: str, **values: Any) -> None:
    done = await session.scalar(
        text(
            f"UPDATE workspaces SET {change} WHERE id = :id AND account_id = :account AND trashed_at IS NULL "  # noqa: S608  # our words
            "RETURNING true"
        ),
        {"id": workspace_id, "account": actor.account_id, **values},
    )
    if not done:
        raise NotFound("That workspace is not there any more.")
    await keeping.tell(session, actor=actor)
