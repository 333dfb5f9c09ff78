"""The privacy registry: every place where something about a person can be, what it is, why, and how it leaves.

Tables say it on their own columns (`studio.models.base.Held`); what is not a table says it here. The page "What we
hold about you", the policy's first section, the export, the erasure and the proofs all read this and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.models.base import Category, Held

_OWN_ADDRESS = "lower(email) = (SELECT lower(email) FROM accounts WHERE id = :account)"
# How the rows of one account are found, where it is not by a column named `account_id`.
_OWNED_BY: Mapping[str, str] = {
    "accounts": "id = :account",
    "invitations": _OWN_ADDRESS,
    "signin_links": _OWN_ADDRESS,
    "ledger_entries": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
    "ledger_heads": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
}
# Tables whose rows name no account, so that nobody's can be told from another's. They end by time alone.
NAMELESS = frozenset({"request_log", "error_events"})


@dataclass(frozen=True)
class Entity:
    """A table that holds something about people.

    `owned_by` is a condition on its rows with the parameter `:account`, or None when no row names an account.
    """

    table: str
    columns: Mapping[str, Held]
    owned_by: str | None

    @property
    def exported(self) -> tuple[str, ...]:
        """The columns that a person is given a copy of: all but secrets and what concerns nobody."""
        return tuple(name for name, held in self.columns.items() if held.export)


@dataclass(frozen=True)
class Place:
    """Somewhere outside the tables. `key` is an object prefix ("o/") or a short name."""

    key: str
    what: str
    category: Category
    why: str
    leaves: str
    export: bool = False


PLACES: tuple[Place, ...] = (
    Place("o/", "original files", "content", "it is your work", "Erased with your account", export=True),
    Place("t/", "small copies of your files", "content", "to show a library fast", "Erased with your account"),
    Place(
        "framework state",
        "what an open page shows, under the session's random id",
        "operational",
        "so that a reload keeps what you typed",
        "Gone an hour after the page was last used, and at sign-out",
    ),
    Place(
        "jobs",
        "wake-up calls without content; a few carry a random account id",
        "operational",
        "to run your work",
        "Gone when they are done",
    ),
    Place(
        "process log",
        "start, stop and faults by kind; no request, no person",
        "technical",
        "to run the service",
        "Kept by whoever runs the machine",
    ),
)


@cache
def entities() -> tuple[Entity, ...]:
    """Every table with a column that concerns a person.

    Raises:
        LookupError: a column has no class, or nothing says whose the rows of a table are.
    """
    found = []
    for table in SQLModel.metadata.sorted_tables:
        columns: dict[str, Held] = {}
        for column in table.columns:
            held = column.info.get("held")
            if not isinstance(held, Held):
                raise LookupError(f"{table.name}.{column.name} has no privacy class")
            columns[column.name] = held
        if all(held.category == "technical" for held in columns.values()):
            continue
        owned_by = _OWNED_BY.get(table.name) or ("account_id = :account" if "account_id" in columns else None)
        if owned_by is None and table.name not in NAMELESS:
            raise LookupError(f"nothing says whose the rows of {table.name} are")
        found.append(Entity(table.name, columns, owned_by))
    return tuple(found)


def places() -> tuple[Place, ...]:
    """What is held outside the tables."""
    return PLACES
