"""The trash: what was deleted is out of sight at once, comes back for as long as it is there, and then goes for good.

An act has one moment, written on everything it took (`trashed_at`): undoing it is asking for that moment. What is due
can no longer be restored, so nothing is brought back while it is being erased; what is deleted for good is not even
shown there any more. An export keeps what is in the trash:
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

from studio import queue
from studio.config import settings
from studio.db import SYSTEM, Actor, transaction
from studio.errors import Conflict
from studio.services import erasure, journal, keeping, live_content, purge
from studio.services.exports import archives

AT_ONCE = 200
_KEPT = "trashed_at > studio_now() - make_interval(days => :days)"
_FREE = (  # nobody asked to leave the account alone, and no deletion of all of it is on its way
    "NOT EXISTS (SELECT 1 FROM accounts c WHERE c.id = t.account_id AND c.restricted_at IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.account_id = t.account_id AND e.state IN ('waiting', 'purging'))"
)
_OVER = f"t.trashed_at <= studio_now() - make_interval(days => :days) AND {_FREE}"
_ASKED = "t.erase_asked_at IS NOT NULL"  # deleted for good, whatever else is said of the account
# When what waited longest should have been gone, for the table of retention.
DUE = (
    "SELECT least((SELECT min(erase_asked_at) FROM assets WHERE erase_asked_at IS NOT NULL), "  # noqa: S608  # constants
    "(SELECT min(erase_asked_at) FROM workspaces WHERE erase_asked_at IS NOT NULL), "
    "(SELECT min(t.trashed_at) + make_interval(days => :days) FROM (SELECT account_id, trashed_at FROM assets "
    "WHERE trashed_at IS NOT NULL UNION ALL SELECT account_id, trashed_at FROM workspaces "
    f"WHERE trashed_at IS NOT NULL) t WHERE {_FREE}))"
)


@dataclass(frozen=True)
class Trashed:
    """What an act took: how many, and the moment that undoes it."""

    count: int
    at: datetime


async def put(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> Trashed:
    """Put outputs into the trash; what is there already stays as it is."""
    rows: list[datetime] = []
    for ids in keeping.parts(asset_ids):
        gone = await session.scalars(
            text(
                "UPDATE assets SET trashed_at = studio_now() WHERE account_id = :account AND id = ANY(:ids) "
                "AND trashed_at IS NULL RETURNING trashed_at"
            ),
            {"account": actor.account_id, "ids": ids},
        )
        rows += gone.all()
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
            "AND erase_asked_at IS NULL RETURNING id"
        ),
        known,
    )
    files = await session.scalars(
        text(
            f"UPDATE assets SET trashed_at = NULL WHERE account_id = :account AND trashed_at = :at AND {_KEPT} "  # noqa: S608  # constants
            "AND erase_asked_at IS NULL RETURNING id"
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
    known = {"account": actor.account_id, "days": settings().trash_days}
    back: list[UUID | None] = []  # the workspace of each
    for ids in keeping.parts(asset_ids):
        rows = await session.scalars(
            text(
                f"UPDATE assets SET trashed_at = NULL WHERE account_id = :account AND id = ANY(:ids) AND {_KEPT} "  # noqa: S608  # constants
                "AND erase_asked_at IS NULL RETURNING workspace_id"
            ),
            {**known, "ids": ids},
        )
        back += rows.all()
    if not back:
        raise Conflict("This was restored or erased meanwhile.")
    await session.execute(
        text(
            "UPDATE workspaces SET trashed_at = NULL WHERE account_id = :account AND trashed_at IS NOT NULL "
            "AND erase_asked_at IS NULL AND id = ANY(:places)"
        ),
        {"account": actor.account_id, "places": [each for each in set(back) if each is not None]},
    )
    await keeping.tell(session, actor=actor)
    return len(back)


async def count(session: AsyncSession, *, actor: Actor) -> int:
    """How many outputs are in the trash."""
    return int(
        await session.scalar(
            text(
                "SELECT count(*) FROM assets WHERE account_id = :account AND trashed_at IS NOT NULL "
                "AND erase_asked_at IS NULL AND generation_id IS NOT NULL"
            ),
            {"account": actor.account_id},
        )
        or 0
    )


async def for_good(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> int:
    """Delete outputs for good: with this commit nobody sees them or brings them back, and a worker erases them at once.

    Only then are they noted in the journal: a note for what may still stay would let a restore erase it. Runs as
    `sys`, for the actor, because a restricted person may delete as well. Returns how many.
    """
    rows = await session.scalars(
        text(
            "UPDATE assets SET trashed_at = coalesce(trashed_at, studio_now()), erase_asked_at = studio_now() "
            "WHERE account_id = :account AND id = ANY(:ids) AND erase_asked_at IS NULL RETURNING id"
        ),
        {"account": actor.account_id, "ids": keeping.checked(asset_ids)},
    )
    found = len(rows.all())
    if found:
        await archives.revoke_all(session, account_id=actor.account_id)
        await queue.defer(session, erasure.PURGE)
        await queue.notify(session, actor.account_id, "outputs")
        await keeping.tell(session, actor=actor)
    return found


async def workspace_for_good(session: AsyncSession, *, actor: Actor, workspace_id: UUID) -> None:
    """The same of a workspace that is in the trash, with everything in it: requests, presets, drafts, files.

    Raises:
        Conflict: it was restored or erased meanwhile, or something in it is still under way.
    """
    known = {"id": workspace_id, "account": actor.account_id}
    there = await session.scalar(
        text(
            "SELECT true FROM workspaces WHERE id = :id AND account_id = :account AND trashed_at IS NOT NULL "
            "AND erase_asked_at IS NULL FOR UPDATE"
        ),
        known,
    )
    if not there:
        raise Conflict("This was restored or erased meanwhile.")
    under_way = await session.scalar(
        text(
            "SELECT EXISTS (SELECT 1 FROM generations g JOIN batches b ON b.id = g.batch_id "
            "WHERE b.workspace_id = :id AND g.ended_at IS NULL)"
        ),
        known,
    )
    if under_way:
        raise Conflict("Something in this workspace is still under way. Wait until it has ended, then delete it again.")
    await session.execute(text("UPDATE workspaces SET erase_asked_at = studio_now() WHERE id = :id"), known)
    await session.execute(
        text(
            "UPDATE assets SET trashed_at = coalesce(trashed_at, studio_now()), erase_asked_at = studio_now() "
            "WHERE account_id = :account AND workspace_id = :id AND erase_asked_at IS NULL"
        ),
        known,
    )
    await archives.revoke_all(session, account_id=actor.account_id)
    await queue.defer(session, erasure.PURGE)
    await keeping.tell(session, actor=actor)


# Emptied by time


async def empty() -> int:
    """Erase what was in the trash for its days: noted in the journal first, each account's in one transaction.

    Killed at any point, the next run goes on: what is due stays due. Returns how many files and workspaces went.

    Raises:
        LiveContentError: something that is not due would have gone too. Nothing of that transaction went.
    """
    return await _erase(_OVER) + await _empty_workspaces()


async def erase_asked() -> int:
    """Erase what somebody deleted for good, in the same way. Returns how many files and workspaces."""
    async with transaction(SYSTEM) as session:  # what came in while it was asked goes along
        await session.execute(
            text(
                "UPDATE assets a SET trashed_at = coalesce(a.trashed_at, studio_now()), erase_asked_at = studio_now() "
                "FROM workspaces w WHERE w.id = a.workspace_id AND w.erase_asked_at IS NOT NULL "
                "AND a.erase_asked_at IS NULL"
            )
        )
    gone = await _erase(_ASKED)
    async with transaction(SYSTEM) as session:
        return gone + await _drop(session, _ASKED, {})


async def _erase(which: str) -> int:
    """Account by account. One that fails is left for the next run, and raised once the others have had their turn."""
    gone, failed = 0, dict[UUID, Exception]()
    while due := await _due(which, without=list(failed)):
        for account_id, ids in due.items():
            try:
                gone += await _erase_files(account_id, ids)
            except Exception as error:  # noqa: BLE001  # raised below
                failed[account_id] = error
    for error in failed.values():
        raise error
    return gone


async def _erase_files(account_id: UUID, ids: Sequence[UUID]) -> int:
    for each in ids:
        await journal.write("output", each)
    async with transaction(SYSTEM) as session, live_content.only(session, await _over(session, "assets", ids)):
        return await purge.erase_outputs(session, actor=Actor(account_id=account_id), asset_ids=ids)


async def _due(which: str, *, without: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The next files that are due, by account."""
    values: dict[str, Any] = {"most": AT_ONCE, "without": list(without)}
    values |= {"days": settings().trash_days} if ":days" in which else {}
    async with transaction(SYSTEM) as session:
        rows = await session.execute(
            text(
                f"SELECT t.id, t.account_id FROM assets t WHERE {which} AND t.account_id <> ALL(:without) "  # noqa: S608  # constants
                "ORDER BY t.trashed_at LIMIT :most"
            ),
            values,
        )
        found: dict[UUID, list[UUID]] = {}
        for row in rows:
            found.setdefault(row.account_id, []).append(row.id)
        return found


async def _over(session: AsyncSession, table: str, ids: Sequence[UUID]) -> dict[str, int]:
    """How many of these rows may be deleted now, as the rows themselves say at this moment."""
    rows = await session.scalars(
        text(
            f"SELECT id FROM {table} WHERE id = ANY(:ids) AND (erase_asked_at IS NOT NULL "  # noqa: S608  # one of two names
            "OR trashed_at + make_interval(days => :days) <= studio_now()) FOR UPDATE"
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
