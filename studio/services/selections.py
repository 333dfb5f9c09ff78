"""Files picked for one download: a row names them for an hour, so that no address has to."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.services import keeping

HOURS = 1
DUE = "SELECT min(created_at) + interval '1 hour' FROM selections"  # for the table of retention
MOST = 5000


async def pick(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID]) -> UUID:
    """Note what is to be downloaded; returns what names it. Raises ValidationError for none and for too many."""
    ids = keeping.checked(asset_ids, most=MOST)
    made = uuid4()
    done = await session.scalar(
        text(
            "INSERT INTO selections (id, account_id, asset_ids) SELECT :id, :account, found.ids FROM "
            "(SELECT array_agg(id) AS ids FROM assets WHERE account_id = :account AND id = ANY(:ids) "
            "AND erase_asked_at IS NULL) found "
            "WHERE found.ids IS NOT NULL RETURNING true"
        ),
        {"id": made, "account": actor.account_id, "ids": ids},
    )
    if not done:
        raise ValidationError("Select what is to be downloaded first.")
    return made


async def picked(session: AsyncSession, *, actor: Actor, selection_id: UUID) -> Sequence[UUID]:
    """What a selection names. Raises NotFound when its hour is over, or it is somebody else's."""
    ids = await session.scalar(
        text(
            "SELECT asset_ids FROM selections WHERE id = :id AND account_id = :account "
            "AND created_at > studio_now() - make_interval(hours => :hours)"
        ),
        {"id": selection_id, "account": actor.account_id, "hours": HOURS},
    )
    if ids is None:
        raise NotFound("This download is no longer offered. Select the files again.")
    return ids


async def sweep(session: AsyncSession) -> int:
    """Delete those whose hour is over. Runs as `sys`."""
    gone = await session.execute(
        text("DELETE FROM selections WHERE created_at <= studio_now() - make_interval(hours => :hours) RETURNING 1"),
        {"hours": HOURS},
    )
    return len(gone.all())
