"""Filters that somebody keeps under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import ValidationError
from studio.services.library import filters

MOST = 50
LONGEST_NAME = 60


@dataclass(frozen=True)
class SavedView:
    """A name for the address after the question mark."""

    id: UUID
    name: str
    query: str


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[SavedView]:
    """The account's saved views by name."""
    rows = await session.execute(
        text(
            "SELECT id, name, query FROM saved_views WHERE account_id = :account ORDER BY lower(name), id LIMIT :most"
        ),
        {"account": actor.account_id, "most": MOST},
    )
    return [SavedView(**row._mapping) for row in rows]


async def save(session: AsyncSession, *, actor: Actor, name: str, query: str) -> SavedView:
    """Keep filters under a name; the same name again means these from now on. Raises ValidationError."""
    name = filters.clean(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValidationError(f"A name has 1 to {LONGEST_NAME} characters.")
    known = {
        "id": uuid4(),
        "account": actor.account_id,
        "name": name,
        "query": filters.parse(query).query(),
        "most": MOST,
    }
    made = (
        await session.execute(
            text(
                "INSERT INTO saved_views (id, account_id, name, query) SELECT :id, :account, :name, :query "
                "WHERE (SELECT count(*) FROM saved_views WHERE account_id = :account AND lower(name) <> lower(:name)) "
                "< :most ON CONFLICT (account_id, lower(name)) DO UPDATE SET name = :name, query = :query "
                "RETURNING id, name, query"
            ),
            known,
        )
    ).one_or_none()
    if made is None:
        raise ValidationError(f"There are {MOST} saved views already. Remove one first.")
    return SavedView(**made._mapping)


async def remove(session: AsyncSession, *, actor: Actor, view_id: UUID) -> None:
    """Forget a saved view; one that is gone already is fine."""
    await session.execute(
        text("DELETE FROM saved_views WHERE id = :id AND account_id = :account"),
        {"id": view_id, "account": actor.account_id},
    )
