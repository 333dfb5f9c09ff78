"""What ratings, labels, the trash and moves share: how many files one act takes, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import ValidationError

MOST = 200_000
AT_ONCE = 5000  # ids in a statement: others are served between two
CHANGED = "library"  # what open pages hear: one message for an act, however many files it was on


def checked(asset_ids: Sequence[UUID], *, most: int = MOST) -> list[UUID]:
    """The ids, each once. Raises ValidationError for more than one act takes."""
    ids = list(dict.fromkeys(asset_ids))
    if len(ids) > most:
        raise ValidationError(f"{most:,} outputs at a time. {len(ids):,} are selected.")
    return ids


def parts(asset_ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """The ids, each once, as statements of one transaction take them. Raises ValidationError before the first."""
    ids = checked(asset_ids)
    return (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))


async def tell(session: AsyncSession, *, actor: Actor) -> None:
    """Every open page of the account shows what it keeps anew, once this commits."""
    await queue.notify(session, actor.account_id, CHANGED)
