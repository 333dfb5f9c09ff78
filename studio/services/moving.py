"""Outputs into another workspace."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound
from studio.services import keeping


async def move(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID], workspace_id: UUID) -> int:
    """Move outputs; a request moves along once none of its outputs is left behind. Returns how many moved.

    Raises:
        NotFound: the workspace is gone, archived or somebody else's.
    """
    known = {"account": actor.account_id, "to": workspace_id}
    there = await session.scalar(
        text(
            "SELECT true FROM workspaces WHERE id = :to AND account_id = :account "
            "AND archived_at IS NULL AND trashed_at IS NULL FOR KEY SHARE"
        ),
        known,
    )
    if not there:
        raise NotFound("That workspace is not there any more.")
    count = 0
    for ids in keeping.parts(asset_ids):
        rows = await session.scalars(
            text(
                "UPDATE assets SET workspace_id = :to WHERE account_id = :account AND id = ANY(:ids) "
                "AND generation_id IS NOT NULL AND workspace_id IS DISTINCT FROM :to RETURNING batch_id"
            ),
            {**known, "ids": ids},
        )
        batches = rows.all()
        count += len(batches)
        await session.execute(
            text(
                "UPDATE batches b SET workspace_id = :to WHERE b.account_id = :account AND b.id = ANY(:batches) "
                "AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.batch_id = b.id AND a.workspace_id <> :to) "
                "AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.batch_id = b.id AND g.ended_at IS NULL)"
            ),
            {**known, "batches": list(set(batches))},
        )
    if count:
        await keeping.tell(session, actor=actor)
    return count
