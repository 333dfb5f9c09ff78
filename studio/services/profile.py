"""Who a person is to the studio: name, time zone, workspace, and the kinds of facts that are held about them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.db import Actor
from studio.errors import NotFound, ValidationError
from studio.models.base import Held
from studio.services.dates import STYLES, time_zones

LONGEST_NAME = 80
# Table names as a person would say them; one that is missing here is said as it is written.
TABLES = {
    "address_changes": "changes of address",
    "batches": "requests",
    "batch_inputs": "pictures in requests",
    "budgets": "monthly totals",
    "error_events": "faults",
    "generations": "outputs in the making",
    "ledger_entries": "ledger",
    "ledger_heads": "ledger check",
    "ledger_pseudonyms": "link to the ledger",
    "assets": "files",
    "identities": "linked ways to sign in",
    "mail_optins": "product news",
    "mails": "mail sent to you",
    "policy_notices": "notices of policy changes",
    "signin_links": "sign-in links",
    "accounts": "profile",
    "audit_entries": "acts of the operator",
    "consents": "cookie choices",
    "usage_counts": "usage counts",
}
_ENDINGS = ("_micros", "_at", "_url", "_ms", "_bytes")


@dataclass(frozen=True)
class Profile:
    """What the person can see and change of themselves."""

    name: str
    email: str
    time_zone: str
    date_locale: str
    workspace: str
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
    """The signed-in person's profile, with the active workspace's name."""
    row = (
        await session.execute(
            text(
                "SELECT a.name, a.email, a.time_zone, a.date_locale, a.created_at, "
                "coalesce(w.name, '') AS workspace FROM accounts a "
                "LEFT JOIN workspaces w ON w.id = :workspace AND w.account_id = a.id WHERE a.id = :account"
            ),
            {"account": actor.account_id, "workspace": actor.workspace_id},
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


async def rename_workspace(session: AsyncSession, *, actor: Actor, name: str) -> None:
    """Rename the active workspace. Raises ValidationError, or NotFound when it is gone."""
    done = await session.scalar(
        text("UPDATE workspaces SET name = :name WHERE id = :id AND account_id = :account RETURNING true"),
        {"id": actor.workspace_id, "account": actor.account_id, "name": clean_name(name, "A workspace's name")},
    )
    if not done:
        raise NotFound


def _said(table: str) -> str:
    return TABLES.get(table, table.replace("_", " "))


def _word(column: str) -> str:
    for ending in _ENDINGS:
        column = column.removesuffix(ending)
    return column.replace("_", " ")


def _leaves(held: Held) -> str:
    years, rest = divmod(held.days or 0, 365)
    span = f"{years} years" if years > 1 and not rest else f"{held.days or 0} day{'' if held.days == 1 else 's'}"
    if held.fate == "erase":
        return "Erased with your account"
    kept = f", the rest kept {span}" if held.days else ", the rest kept"
    return f"Cut loose from you{kept}" if held.fate == "anonymise" else f"Erased after {span}"


def facts() -> Sequence[HeldFact]:
    """Every kind of fact about a person, read from the classes on the columns themselves."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for table in SQLModel.metadata.sorted_tables:
        for column in table.columns:
            held = column.info["held"]
            if held.category == "technical" or column.name == "id" or column.name.endswith("_id"):
                continue  # an id says nothing by itself
            key = (held.category, _said(table.name), held.why, _leaves(held))
            word = _word(column.name)
            if word not in found.setdefault(key, []):
                found[key].append(word)
    order = ("account", "content", "operational")
    rows = [HeldFact(key[0], key[1], tuple(words), key[2], key[3]) for key, words in found.items()]
    return sorted(rows, key=lambda row: (order.index(row.category), row.table))


# How the rows of an account are found in a table that does not name it.
_OWN = {
    "accounts": "id = :account",
    "ledger_entries": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
}


async def counts(session: AsyncSession, *, actor: Actor) -> Mapping[str, int]:
    """How many rows each table holds about the person, by the table's name in `facts`.

    Tables whose rows name no account (logs), or that only the system reads, have no count.
    """
    named = {
        table.name: _OWN.get(table.name, "account_id = :account")
        for table in SQLModel.metadata.sorted_tables
        if table.name in _OWN or "account_id" in table.columns
    }
    readable = await session.scalars(
        text("SELECT t FROM unnest(CAST(:tables AS text[])) t WHERE has_table_privilege(t, 'SELECT')"),
        {"tables": list(named)},
    )
    parts = [f"SELECT '{name}' AS name, count(*) AS found FROM {name} WHERE {named[name]}" for name in readable]  # noqa: S608  # names from our own models
    rows = await session.execute(text(" UNION ALL ".join(parts)), {"account": actor.account_id})
    return {_said(row.name): row.found for row in rows}
