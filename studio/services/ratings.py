"""One to five stars on an output, or none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import ValidationError
from studio.services import keeping

STARS = range(1, 6)


async def rate(session: AsyncSession, *, actor: Actor, asset_ids: Sequence[UUID], stars: int) -> int:
    """Rate outputs; 0 takes the rating away. Returns how many have it now. Raises ValidationError."""
    if stars and stars not in STARS:
        raise ValidationError("A rating is 1 to 5 stars, or none.")
    count = 0
    for ids in keeping.parts(asset_ids):
        rows = await session.scalars(
            text(
                "UPDATE assets SET rating = :stars WHERE account_id = :account AND id = ANY(:ids) "
                "AND generation_id IS NOT NULL RETURNING id"
            ),
            {"account": actor.account_id, "ids": ids, "stars": stars or None},
        )
        count += len(rows.all())
    if count:
        await keeping.tell(session, actor=actor)
    return count


async def of(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> tuple[int | None, bool]:
    """An output's stars, and whether it is in the trash. What is gone has none."""
    row = (
        await session.execute(
            text(
                "SELECT rating, trashed_at IS NOT NULL AS trashed FROM assets WHERE id = :id AND account_id = :account"
            ),
            {"id": asset_id, "account": actor.account_id},
        )
    ).one_or_none()
    return (row.rating, row.trashed) if row else (None, False)
