"""Filters of the library under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.services import keeping

MOST = 50
LONGEST, LONGEST_QUERY = 60, 2000


@dataclass(frozen=True)
class SavedView:
    """A name, and the address of the library after its question mark."""

    id: UUID
    name: str
    query: str


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[SavedView]:
    """All of them, by name."""
    rows = await session.execute(
        text("SELECT id, name, query FROM saved_views WHERE account_id = :account ORDER BY lower(name)"),
        {"account": actor.account_id},
    )
    return [SavedView(**row._mapping) for row in rows]


async def save(session: AsyncSession, *, actor: Actor, name: str, query: str) -> UUID:
    """Keep filters under a name; one of that name is replaced. Raises ValidationError."""
    name, query = " ".join(name.split()), query.removeprefix("?")
    if not 1 <= len(name) <= LONGEST or not name.isprintable():
        raise ValidationError(f"A view's name has 1 to {LONGEST} characters.")
    if len(query) > LONGEST_QUERY or not query.isascii() or not query.isprintable():
        raise ValidationError("These filters are too long to keep. Take some away first.")
    made = await session.scalar(
        text(
            "INSERT INTO saved_views (id, account_id, name, query) SELECT :id, :account, :name, :query "
            "WHERE (SELECT count(*) FROM saved_views WHERE account_id = :account AND lower(name) <> lower(:name)) "
            "< :most ON CONFLICT (account_id, lower(name)) DO UPDATE SET query = excluded.query, "
            "name = excluded.name RETURNING id"
        ),
        {"id": uuid4(), "account": actor.account_id, "name": name, "query": query, "most": MOST},
    )
    if made is None:
        raise ValidationError(f"{MOST} views at most. Delete one first.")
    await keeping.tell(session, actor=actor)
    return made


async def delete(session: AsyncSession, *, actor: Actor, view_id: UUID) -> None:
    """Forget a view; what it shows stays. Raises NotFound."""
    done = await session.scalar(
        text("DELETE FROM saved_views WHERE id = :id AND account_id = :account RETURNING true"),
        {"id": view_id, "account": actor.account_id},
    )
    if not done:
        raise NotFound("This view is gone already.")
    await keeping.tell(session, actor=actor)
