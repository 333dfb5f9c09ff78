"""The privacy registry: every place where something about a person can be, what it is, why, and how it leaves.

Tables say it on their own columns (`studio.models.base.Held`); what is not a table says it here. The page "What we
hold about you", the policy's first section, the export, the erasure and the proofs all read this and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.models.base import Category, Held

_OWN_ADDRESS = "lower(email) = (SELECT lower(email) FROM accounts WHERE id = :account)"
# How the rows of one account are found, where it is not by a column named `account_id`.
_OWNED_BY: Mapping[str, str] = {
    "accounts": "id = :account",
    "audit_entries": "subject = CAST(:account AS text) OR actor = CAST(:account AS text)",
    "invitations": _OWN_ADDRESS,
    "signin_links": _OWN_ADDRESS,
    "ledger_entries": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
    "ledger_heads": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
    "ledger_checkpoints": "pseudonym = (SELECT pseudonym FROM ledger_pseudonyms WHERE account_id = :account)",
    "privacy_requests": "account_id = :account "
    "OR lower(address) = (SELECT lower(email) FROM accounts WHERE id = :account)",
}
# Tables whose rows name no account, so that nobody's can be told from another's. They end by time alone.
NAMELESS = frozenset({"request_log", "error_events", "rate_counts", "usage_counts", "provider_removals"})
# Table names as a person would say them; one that is missing here is said as it is written.
TABLES: Mapping[str, str] = {
    "accounts": "profile",
    "address_changes": "changes of your address",
    "asset_labels": "labels on files",
    "assets": "files",
    "audit_entries": "acts of the operator",
    "batch_inputs": "pictures in requests",
    "batches": "requests",
    "budgets": "monthly totals",
    "consents": "cookie choices",
    "drafts": "what the composer holds",
    "erasures": "deletions you asked for",
    "error_events": "faults",
    "exports": "archives you asked for",
    "generations": "outputs in the making",
    "identities": "linked ways to sign in",
    "ledger_entries": "ledger",
    "ledger_checkpoints": "ledger check",
    "ledger_heads": "ledger check",
    "ledger_pseudonyms": "link to the ledger",
    "mail_optins": "product news",
    "mails": "mail sent to you",
    "policy_notices": "notices of new policies",
    "presets": "named parameters",
    "privacy_requests": "requests about your data",
    "provider_removals": "records to be deleted at the provider",
    "rate_counts": "counts of tries",
    "saved_views": "saved searches",
    "selections": "picked for a download",
    "signin_links": "sign-in links",
    "usage_counts": "usage counts",
}
_ENDINGS = ("_micros", "_at", "_url", "_ms", "_bytes")
_ORDER: tuple[Category, ...] = ("account", "content", "operational")


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
    """Somewhere outside the tables. `key` is an object prefix ("o/") or a short name; `name` is how people say it."""

    key: str
    name: str
    what: str
    category: Category
    why: str
    leaves: str
    export: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of fact about a person, for people to read: what it is, why it is held, and how it leaves."""

    category: Category
    source: str
    what: tuple[str, ...]
    why: str
    leaves: str


PLACES: tuple[Place, ...] = (
    Place(
        "o/",
        "originals",
        "the files that you uploaded and that were made for you",
        "content",
        "it is your work",
        "Erased with your account",
        export=True,
    ),
    Place("t/", "thumbnails", "small copies of them", "content", "to show a library fast", "Erased with your account"),
    Place("p/", "picture", "the picture of you", "account", "to show it", "Erased with your account", export=True),
    # Reflex keeps a tab's state for an hour after its last event: in memory and in STUDIO_DATA/states, or, with
    # REDIS_URL, in Redis, where each key carries that time. A session that ends takes its tabs' states with it
    # (studio/http/states.py); what ended while no process ran goes at the next start.
    # tests/services/test_registry.py holds the hour to the framework.
    Place(
        "x/",
        "archives",
        "archives that you asked for",
        "content",
        "so that you can download your data",
        "Gone after 7 days, when you take one back, and with your account",
    ),
    Place(
        "framework state",
        "open pages",
        "what a page shows and what you typed there, under a random id of the tab",
        "operational",
        "so that a reload keeps what you typed",
        "Gone an hour after the page was last used, and at once when you sign out",
    ),
    Place(
        "redis",
        "shared pages",
        "the same, and which process holds the page, where several processes share the work",
        "operational",
        "so that every process can answer you",
        "Gone an hour after the page was last used, and at once when you sign out",
    ),
    Place(
        "jobs",
        "wake-up calls",
        "the name of a task; for a few a random account id, never content",
        "operational",
        "to run your work",
        "Gone when they are done; within hours after a machine failed",
    ),
    Place(
        "temporary files",
        "temporary files",
        "a clip while it is being stored",
        "content",
        "to check it before it is kept",
        "Gone when it is stored; within a day after a machine failed",
    ),
    Place(
        "d/",
        "trial files",
        "a few bytes that `studio doctor` writes and deletes to try the store",
        "technical",
        "to see that the store works",
        "Deleted at once",
    ),
    Place(
        "process log",
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


def said(table: str) -> str:
    """A table's name as a person would say it."""
    return TABLES.get(table, table.replace("_", " "))


def _word(column: str) -> str:
    for ending in _ENDINGS:
        column = column.removesuffix(ending)
    return column.replace("_", " ")


def _leaves(held: Held) -> str:
    years, rest = divmod(held.days or 0, 365)
    span = f"{years} year{'s' * (years > 1)}" if years and not rest else f"{held.days} day{'s' * (held.days != 1)}"
    if held.fate == "erase":
        return f"Erased with your account, or after {span}" if held.days else "Erased with your account"
    kept = f", the rest kept {span}" if held.days else ", the rest kept"
    return f"Cut loose from you{kept}" if held.fate == "anonymise" else f"Erased after {span}"


def kinds() -> Sequence[Kind]:
    """Every kind of fact about a person, in tables and outside them. An id alone says nothing, so it is left out."""
    found: dict[tuple[Category, str, str, str], list[str]] = {}
    for entity in entities():
        for name, held in entity.columns.items():
            if held.category == "technical" or name == "id" or name.endswith("_id"):
                continue
            words = found.setdefault((held.category, said(entity.table), held.why, _leaves(held)), [])
            if (word := _word(name)) not in words:
                words.append(word)
    rows = [Kind(key[0], key[1], tuple(words), key[2], key[3]) for key, words in found.items()]
    outside = [
        Kind(place.category, place.name, (place.what,), place.why, place.leaves)
        for place in PLACES
        if place.category != "technical"
    ]
    return sorted([*rows, *outside], key=lambda row: (_ORDER.index(row.category), row.source))


@dataclass(frozen=True)
class Line:
    """A row of the policy's table: a category, everything of it that leaves the same way, and why it is held."""

    category: Category
    what: str
    why: str
    leaves: str


def summary() -> Sequence[Line]:
    """The same in few rows, for the policy's first section: by category, reason and how it leaves."""
    found: dict[tuple[Category, str, str], list[str]] = {}
    for kind in kinds():
        found.setdefault((kind.category, kind.why, kind.leaves), []).append(kind.source)
    return [
        Line(category, ", ".join(dict.fromkeys(sources)), why, leaves)
        for (category, why, leaves), sources in found.items()
    ]
