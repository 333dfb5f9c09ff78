"""Labels: words of one's own on outputs, each with a colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import keeping

COLORS = ("iris", "teal", "amber", "plum", "blue", "jade", "red", "gray")  # in the order that new labels take them
MOST = 200
LONGEST = 40


class LabelTaken(Conflict):
    """There is a label of this name already."""


@dataclass(frozen=True)
class Label:
    """A label; `count` is how many outputs outside the trash carry it."""

    id: UUID
    name: str
    color: str
    count: int = 0


def clean(name: str) -> str:
    """One line without needless spaces. Raises ValidationError."""
    name = " ".join("".join(c for c in name if c.isprintable() or c.isspace()).split())
    if not 1 <= len(name) <= LONGEST:
        raise ValidationError(f"A label has 1 to {LONGEST} characters. This has {len(name)}.")
    return name


async def listed(session: AsyncSession, *, actor: Actor) -> Sequence[Label]:
    """All labels by name."""
    rows = await session.execute(
        text(
            "SELECT l.id, l.name, l.color, (SELECT count(*) FROM asset_labels al JOIN assets a ON a.id = al.asset_id "
            "WHERE al.label_id = l.id AND a.trashed_at IS NULL) AS count "
            "FROM labels l WHERE l.account_id = :account ORDER BY lower(l.name)"
        ),
        {"account": actor.account_id},
    )
    return [Label(**row._mapping) for row in rows]


async def on(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Sequence[Label]:
    """The labels of one output, by name."""
    rows = await session.execute(
        text(
            "SELECT l.id, l.name, l.color FROM asset_labels al JOIN labels l ON l.id = al.label_id "
            "WHERE al.account_id = :account AND al.asset_id = :asset ORDER BY lower(l.name)"
        ),
        {"account": actor.account_id, "asset": asset_id},
    )
    return [Label(**row._mapping) for row in rows]


async def create(session: AsyncSession, *, actor: Actor, name: str) -> UUID:
    """A label of this name, in the colour least used so far; the one that is there already, if there is one.

    Raises:
        ValidationError: the name does not fit, or there are as many labels as there can be.
    """
    known = {"account": actor.account_id, "name": clean(name)}
    found = await session.scalar(
        text("SELECT id FROM labels WHERE account_id = :account AND lower(name) = lower(:name)"), known
    )
    if found is not None:
        return found
    made = await session.scalar(
        text(
            "INSERT INTO labels (id, account_id, name, color) SELECT :id, :account, :name, "
            "(SELECT c FROM unnest(CAST(:colors AS text[])) WITH ORDINALITY AS t(c, place) ORDER BY "
            "(SELECT count(*) FROM labels WHERE account_id = :account AND color = c), place LIMIT 1) "
            "WHERE (SELECT count(*) FROM labels WHERE account_id = :account) < :most "
            "ON CONFLICT (account_id, lower(name)) DO UPDATE SET name = labels.name RETURNING id"
        ),
        {**known, "id": uuid4(), "colors": list(COLORS), "most": MOST},
    )
    if made is None:
        raise ValidationError(f"{MOST} labels at most. Merge or delete some first.")
    await keeping.tell(session, actor=actor)
    return made


async def change(
    session: AsyncSession, *, actor: Actor, label_id: UUID, name: str | None = None, color: str | None = None
) -> None:
    """Rename or colour a label.

    Raises:
        ValidationError: the name or the colour does not fit.
        LabelTaken: another label has this name; merging makes one of two.
        NotFound: it is gone, or somebody else's.
    """
    if color is not None and color not in COLORS:
        raise ValidationError("Choose a colour from the list.")
    try:
        async with session.begin_nested():
            done = await session.scalar(
                text(
                    "UPDATE labels SET name = coalesce(:name, name), color = coalesce(:color, color) "
                    "WHERE id = :id AND account_id = :account RETURNING true"
                ),
                {
                    "id": label_id,
                    "account": actor.account_id,
                    "name": None if name is None else clean(name),
                    "color": color,
                },
            )
    except IntegrityError:
        raise LabelTaken from None
    if not done:
        raise NotFound("This label is gone already.")
    await keeping.tell(session, actor=actor)


async def merge(session: AsyncSession, *, actor: Actor, label_id: UUID, into: UUID) -> None:
    """Everything with the one label carries the other from now on, and the one is gone. Raises NotFound."""
    known = {"account": actor.account_id, "from": label_id, "into": into}
    both = await session.scalar(
        text("SELECT count(*) FROM labels WHERE account_id = :account AND id IN (:from, :into)"), known
    )
    if both != 2:
        raise NotFound("One of these labels is gone already.")
    await session.execute(
        text(
            "INSERT INTO asset_labels (asset_id, label_id, account_id) SELECT asset_id, :into, account_id "
            "FROM asset_labels WHERE label_id = :from AND account_id = :account ON CONFLICT DO NOTHING"
        ),
        known,
    )
    await delete(session, actor=actor, label_id=label_id)


async def delete(session: AsyncSession, *, actor: Actor, label_id: UUID) -> None:
    """Take a label off everything and away; the outputs stay. Raises NotFound."""
    done = await session.scalar(
        text("DELETE FROM labels WHERE id = :id AND account_id = :account RETURNING true"),
        {"id": label_id, "account": actor.account_id},
    )
    if not done:
        raise NotFound("This label is gone already.")
    await keeping.tell(session, actor=actor)


async def put_on(session: AsyncSession, *, actor: Actor, label_id: UUID, asset_ids: Sequence[UUID]) -> int:
    """Put a label on outputs; returns on how many it was not yet. Raises NotFound when the label is gone."""
    if not await session.scalar(
        text("SELECT true FROM labels WHERE id = :id AND account_id = :account"),
        {"id": label_id, "account": actor.account_id},
    ):
        raise NotFound("This label is gone already.")
    count = 0
    for ids in keeping.parts(asset_ids):
        rows = await session.scalars(
            text(
                "INSERT INTO asset_labels (asset_id, label_id, account_id) SELECT id, :label, account_id FROM assets "
                "WHERE account_id = :account AND id = ANY(:ids) AND generation_id IS NOT NULL "
                "ON CONFLICT DO NOTHING RETURNING asset_id"
            ),
            {"label": label_id, "account": actor.account_id, "ids": ids},
        )
        count += len(rows.all())
    return await _told(session, actor, count)


async def take_off(session: AsyncSession, *, actor: Actor, label_id: UUID, asset_ids: Sequence[UUID]) -> int:
    """Take a label off outputs; returns how many carried it."""
    count = 0
    for ids in keeping.parts(asset_ids):
        rows = await session.scalars(
            text(
                "DELETE FROM asset_labels WHERE account_id = :account AND label_id = :label AND asset_id = ANY(:ids) "
                "RETURNING asset_id"
            ),
            {"label": label_id, "account": actor.account_id, "ids": ids},
        )
        count += len(rows.all())
    return await _told(session, actor, count)


async def _told(session: AsyncSession, actor: Actor, count: int) -> int:
    if count:
        await keeping.tell(session, actor=actor)
    return count
