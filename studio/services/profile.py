"""Who a person is to the studio: name, time zone, keys, and the kinds of facts that are held about them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.db import Actor
from studio.errors import ValidationError
from studio.services import registry
from studio.services.dates import STYLES, time_zones

LONGEST_NAME = 80


@dataclass(frozen=True)
class Profile:
    """What the person can see and change of themselves."""

    name: str
    email: str
    time_zone: str
    date_locale: str
    created_at: datetime


@dataclass(frozen=True)
class HeldFact:
    """One kind of fact: its category, which columns of which table, why, and what becomes of it."""

    category: str
    table: str
    what: tuple[str, ...]
    why: str
    leaves: str


def clean_name(value: str, what: str) -> str:
    """One line of printable text. Raises ValidationError."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") for letter in value.strip()):
        raise ValidationError(f"{what} is one line of text.")
    name = " ".join(value.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValidationError(f"{what} has 1 to {LONGEST_NAME} characters.")
    return name


async def get(session: AsyncSession, *, actor: Actor) -> Profile:
    """The signed-in person's profile."""
    row = (
        await session.execute(
            text("SELECT name, email, time_zone, date_locale, created_at FROM accounts WHERE id = :account"),
            {"account": actor.account_id},
        )
    ).one()
    return Profile(**row._mapping)


async def rename(session: AsyncSession, *, actor: Actor, name: str) -> None:
    """Change one's name. Raises ValidationError."""
    await session.execute(
        text("UPDATE accounts SET name = :name WHERE id = :id"),
        {"id": actor.account_id, "name": clean_name(name, "A name")},
    )


async def set_time_zone(session: AsyncSession, *, actor: Actor, time_zone: str) -> None:
    """In which time zone dates are shown. Raises ValidationError for a name that is none."""
    if time_zone not in time_zones():
        raise ValidationError("Choose a time zone from the list.")
    await session.execute(
        text("UPDATE accounts SET time_zone = :zone WHERE id = :id"), {"id": actor.account_id, "zone": time_zone}
    )


async def set_date_locale(session: AsyncSession, *, actor: Actor, locale: str) -> None:
    """In which language dates are written. Raises ValidationError for one that is not offered."""
    if locale not in STYLES:
        raise ValidationError("Choose a language from the list.")
    await session.execute(
        text("UPDATE accounts SET date_locale = :locale WHERE id = :id"), {"id": actor.account_id, "locale": locale}
    )


async def set_single_keys(session: AsyncSession, *, actor: Actor, on: bool) -> None:
    """Whether single keys act in the grid."""
    await session.execute(
        text("UPDATE accounts SET single_keys = :on WHERE id = :id"), {"id": actor.account_id, "on": on}
    )


def facts() -> Sequence[HeldFact]:
    """Every kind of fact about a person, read from the registry."""
    return [HeldFact(row.category, row.source, row.what, row.why, row.leaves) for row in registry.kinds()]


async def counts(session: AsyncSession, *, actor: Actor) -> Mapping[str, int]:
    """How many rows each table holds about the person, by the table's name in `facts`.

    Tables whose rows name no account (logs), or that only the system reads, have no count.
    """
    owned = {entity.table: entity.owned_by for entity in registry.entities() if entity.owned_by}
    readable = await session.scalars(
        text("SELECT t FROM unnest(CAST(:tables AS text[])) t WHERE has_table_privilege(t, 'SELECT')"),
        {"tables": list(owned)},
    )
    parts = [f"SELECT '{name}' AS name, count(*) AS found FROM {name} WHERE {owned[name]}" for name in readable]  # noqa: S608  # the registry's words
    rows = await session.execute(text(" UNION ALL ".join(parts)), {"account": actor.account_id})
    return {registry.said(row.name): row.found for row in rows}
