"""The trash: what was deleted is out of sight at once, comes back for as long as it is there, and then goes for good.

An act has one moment, written on everything it took (`trashed_at`): undoing it is asking for that moment. What is due
can no longer be restored, so nothing is brought back while it is being erased. An export keeps what is in the trash:
it is still held. A restricted account's trash is not emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import Conflict
from studio.services import journal, keeping, live_content, purge

AT_ONCE = 200
_KEPT = "trashed_at > studio_now() - make_interval(days => :days)"
_FREE = (  # nobody asked to leave the account alone, and no deletion of all of it is on its way
    "NOT EXISTS (SELECT 1 FROM accounts c WHERE c.id = t.account_id AND c.restricted_at IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.account_id = t.account_id AND e.state IN ('waiting', 'purging'))"
)
_OVER = f"t.trashed_at <= studio_now() - make_interval(days => :days) AND {_FREE}"
# When what waited longest should have been gone, for the table of retention.
DUE = (
    "SELECT min(t.trashed_at) + make_interval(days => :days) FROM (SELECT account_id, trashed_at FROM assets "  # noqa: S608  # constants
    "WHERE trashed_at IS NOT NULL UNION ALL SELECT account_id, trashed_at FROM workspaces "
    f"WHERE trashed_at IS NOT NULL) t WHERE {_FREE}"
)


@dataclass(frozen=True)
class Trashed:
    """What an act took: how many, and the moment that undoes it."""

    count: int
    at: datetime


async def put(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> Trashed:
    """Put outputs into the trash; what is there already stays as it is."""
    rows = (
        await session.scalars(
            text(
                "UPDATE assets SET trashed_at = studio_now() WHERE account_id = :account AND id = ANY(:ids) "
                "AND trashed_at IS NULL RETURNING trashed_at"
            ),
            {"account": actor.account_id, "ids": keeping.checked(asset_ids)},
        )
    ).all()
    if not rows:
        raise Conflict("This is in the trash already, or gone.")
    await keeping.tell(session, actor=actor)
    return Trashed(count=len(rows), at=rows[0])


async def undo(session: AsyncSession, *, actor: Actor, at: datetime) -> int:
    """Bring back everything that went at one moment, a workspace too. Raises Conflict when nothing is left of it."""
    known = {"account": actor.account_id, "at": at, "days": settings().trash_days}
    places = await session.scalars(
        text(
            f"UPDATE workspaces SET trashed_at = NULL WHERE account_id = :account AND trashed_at = :at AND {_KEPT} "  # noqa: S608  # constants
            "RETURNING id"
        ),
        known,
    )
    files = await session.scalars(
        text(
            f"UPDATE assets SET trashed_at = NULL WHERE account_id = :account AND trashed_at = :at AND {_KEPT} "  # noqa: S608  # constants
            "RETURNING id"
        ),
        known,
    )
    count = len(files.all())
    if not places.all() and not count:
        raise Conflict("This was restored or erased meanwhile.")
    await keeping.tell(session, actor=actor)
    return count


async def restore(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> int:
    """Bring outputs back to where they were; a workspace in the trash comes back with the first, without the others.

    Raises:
        Conflict: none of them is in the trash any more.
    """
    known = {"account": actor.account_id, "ids": keeping.checked(asset_ids), "days": settings().trash_days}
    rows = await session.scalars(
        text(
            f"UPDATE assets SET trashed_at = NULL WHERE account_id = :account AND id = ANY(:ids) AND {_KEPT} "  # noqa: S608  # constants
            "RETURNING id"
        ),
        known,
    )
    back = rows.all()
    if not back:
        raise Conflict("This was restored or erased meanwhile.")
    await session.execute(
        text(
            "UPDATE workspaces SET trashed_at = NULL WHERE account_id = :account AND trashed_at IS NOT NULL "
            "AND id IN (SELECT workspace_id FROM assets WHERE account_id = :account AND id = ANY(:back))"
        ),
        {"account": actor.account_id, "back": list(back)},
    )
    await keeping.tell(session, actor=actor)
    return len(back)


async def count(session: AsyncSession, *, actor: Actor) -> int:
    """How many outputs are in the trash."""
    return int(
        await session.scalar(
            text(
                "SELECT count(*) FROM assets WHERE account_id = :account AND trashed_at IS NOT NULL "
                "AND generation_id IS NOT NULL"
            ),
            {"account": actor.account_id},
        )
        or 0
    )


# Emptied by time


async def empty() -> int:
    """Erase what was in the trash for its days: noted in the journal first, each account's in one transaction.

    Killed at any point, the next run goes on: what is due stays due. Returns how many files and workspaces went.

    Raises:
        LiveContentError: something that is not due would have gone too. Nothing of that transaction went.
    """
    gone = 0
    while due := await _due():
        for account_id, ids in due.items():
            for each in ids:
                await journal.write("output", each)
            async with transaction(SYSTEM) as session, live_content.only(session, await _over(session, "assets", ids)):
                gone += await purge.erase_outputs(session, actor=Actor(account_id=account_id), asset_ids=ids)
    return gone + await _empty_workspaces()


async def _due() -> dict[UUID, list[UUID]]:
    """The next files that are due, by account."""
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(f"SELECT t.id, t.account_id FROM assets t WHERE {_OVER} ORDER BY t.trashed_at LIMIT :most"),  # noqa: S608  # constants
            {"days": settings().trash_days, "most": AT_ONCE},
        )
        found: dict[UUID, list[UUID]] = {}
        for row in rows:
            found.setdefault(row.account_id, []).append(row.id)
        return found


async def _over(session: AsyncSession, table: str, ids: Sequence[UUID]) -> dict[str, int]:
    """How many of these rows may be deleted now, as the rows themselves say at this moment."""
    rows = await session.scalars(
        text(
            f"SELECT id FROM {table} WHERE id = ANY(:ids) "  # noqa: S608  # one of two names
            "AND trashed_at + make_interval(days => :days) <= studio_now() FOR UPDATE"
        ),
        {"ids": list(ids), "days": settings().trash_days},
    )
    return {table: len(rows.all())}


async def _empty_workspaces() -> int:
    """Delete workspaces that are due, noted in the journal first.

    One that holds something that is not in the trash, a result that arrived late, comes back instead.
    """
    days = {"days": settings().trash_days}
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                f"UPDATE workspaces t SET trashed_at = NULL WHERE {_OVER} AND EXISTS "  # noqa: S608  # constants
                "(SELECT 1 FROM assets a WHERE a.workspace_id = t.id AND a.trashed_at IS NULL)"
            ),
            days,
        )
        due = await session.scalars(text(f"SELECT t.id FROM workspaces t WHERE {_OVER}"), days)  # noqa: S608  # constants
        async with live_content.only(session, await _over(session, "workspaces", due.all())):
            return await _drop(session, _OVER, days)


async def erase_workspace(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """Delete a workspace that is in the trash for good, once everything in it was. Runs as `sys`, for the actor.

    It is noted in the journal first. Its requests, presets and drafts go with it, and archives that list it.

    Raises:
        Conflict: it was restored or erased meanwhile, or something in it has not ended or was stored meanwhile.
    """
    known = {"id": workspace_id, "account": actor.account_id}
    mine = "t.id = :id AND t.account_id = :account AND t.trashed_at IS NOT NULL"
    if not await session.scalar(text(f"SELECT EXISTS (SELECT 1 FROM workspaces t WHERE {mine})"), known):  # noqa: S608  # a constant
        raise Conflict("This was restored or erased meanwhile.")
    if not await _drop(session, mine, known):
        raise Conflict("Something in this workspace is still under way. Wait until it has ended, then delete it again.")
    await keeping.tell(session, actor=actor)


async def _drop(session: AsyncSession, which: str, known: Mapping[str, Any]) -> int:
    """Delete those workspaces `t` that hold nothing any more, noted in the journal first. Returns how many."""
    rows = await session.scalars(
        text(
            f"SELECT t.id FROM workspaces t WHERE {which} "  # noqa: S608  # constants
            "AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.workspace_id = t.id) AND NOT EXISTS "
            "(SELECT 1 FROM generations g JOIN batches b ON b.id = g.batch_id WHERE b.workspace_id = t.id "
            "AND g.ended_at IS NULL) LIMIT :most FOR UPDATE SKIP LOCKED"
        ),
        {**known, "most": AT_ONCE},
    )
    ids = list(rows)
    for each in ids:  # still locked: nothing comes into one while it is noted
        await journal.write("workspace", each)
    return await purge.erase_workspaces(session, workspace_ids=ids)
