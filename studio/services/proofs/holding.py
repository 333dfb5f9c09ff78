"""D1, D2, D3: what is held is what is listed. The database itself is compared with the registry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import SQLModel

import studio.models  # noqa: F401  (registers the tables)
from studio.models.base import Category, Held
from studio.services import registry
from studio.services.proofs.base import Finding, Probe, number

# A name that says "address of a computer" or "description of a browser". E-mail addresses are called that.
SUSPECT_NAME = (
    r"(^|_)(ip|ips|ip_?v?[46]|ip_?addr(ess)?|remote_?addr(ess)?|client_?addr(ess)?|peer|mac|user_?agents?|agent|ua|"
    r"browsers?|fingerprint|referr?er)(_|$)"
)
SUSPECT_TYPES = ("inet", "cidr", "macaddr", "macaddr8")
# What a browser calls itself, and the address of a computer, where nobody's own words are kept.
AGENT = r"(Mozilla|AppleWebKit|Gecko|Chrome|Chromium|Safari|Firefox|Edg|curl|python-httpx)/[0-9]"
ADDRESS = r"(^|[^0-9.])([0-9]{1,3}\.){3}[0-9]{1,3}($|[^0-9.])"
REQUEST_COLUMNS = frozenset({"request_id", "at", "path", "status", "latency_ms"})
EVENT_COLUMNS = frozenset({"reference", "at", "source", "kind", "location", "repeats"})
LEDGER_COLUMNS = frozenset(
    {"pseudonym", "seq", "at", "kind", "generation_kind", "currency", "amount_micros", "month", "reservation"}
    | {"idempotency_key", "prev_hash", "hash"}
)
TEMPLATE = r"^(other|(/([a-z][a-z_-]*(\.[a-z]+)?)?|/\{[a-z_]+\}|/(256|512|1024))+)$"

_COLUMNS = text("""
SELECT c.relname AS table, a.attname AS column, t.typname AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
  AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relname <> 'alembic_version' AND c.relname NOT LIKE 'procrastinate\\_%'
""")


@dataclass(frozen=True)
class Schema:
    """The database's columns against the registry: those of one category, and what does not agree."""

    columns: int
    tables: int
    wrong: tuple[str, ...]


async def schema(at: Probe, *categories: Category) -> Schema:
    """Compare every column there is with the classes. Tables of the job queue hold no column of ours."""
    registry.entities()  # raises where a column has no class or nothing says whose a row is
    known = {
        (table.name, column.name): column.info["held"]
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
    }
    real = {(row.table, row.column): row.type for row in await at.session.execute(_COLUMNS)}
    if not real:
        raise LookupError("no column can be seen")
    unlisted = [f"{table}.{column}" for table, column in real if (table, column) not in known]
    missing = [f"{table}.{column}" for table, column in known if (table, column) not in real]
    typed = [f"{table}.{column}" for (table, column), kind in real.items() if kind.lstrip("_") in SUSPECT_TYPES]
    named = [
        f"{row[0]}.{row[1]}"
        for row in await at.session.execute(
            text("SELECT * FROM unnest(CAST(:t AS text[]), CAST(:c AS text[])) AS x(t, c) WHERE x.c ~* :p"),
            {"t": [key[0] for key in real], "c": [key[1] for key in real], "p": SUSPECT_NAME},
        )
    ]
    of_kind = [key for key, held in known.items() if isinstance(held, Held) and held.category in categories]
    return Schema(len(of_kind), len({table for table, _ in of_kind}), tuple({*unlisted, *missing, *typed, *named}))


def _differs(found: Schema) -> str:
    return f"{number(len(found.wrong), 'column')} of the database not as listed"


async def account_data(at: Probe) -> Finding:
    """D1: every column has a class, none is for an address or a browser, and none is found in what we write."""
    found = await schema(at, "account")
    seen = await at.count(
        "SELECT (SELECT count(*) FROM request_log WHERE at > studio_now() - interval '1 day' "
        "  AND (path ~ :agent OR path ~ :address))"
        " + (SELECT count(*) FROM error_events WHERE at > studio_now() - interval '1 day' "
        "  AND concat_ws(' ', source, kind, location) ~ :either)"
        " + (SELECT count(*) FROM procrastinate_jobs WHERE args::text ~ :either)"
        " + (SELECT count(*) FROM mails WHERE concat_ws(' ', reason, dedupe_key) ~ :either)",
        agent=AGENT,
        address=ADDRESS,
        either=f"({AGENT}|{ADDRESS})",
    )
    if found.wrong:
        return Finding(False, _differs(found))
    kept = f"{number(found.columns, 'column')} in {number(found.tables, 'table')}, all listed"
    return Finding(seen == 0, f"{kept}; {seen:,} with a computer's address or a browser's name")


async def content(at: Probe) -> Finding:
    """D2: every column of content has a class, and every stored file lies under a listed prefix."""
    found = await schema(at, "content")
    prefixes = [place.key for place in registry.places() if place.key.endswith("/")]
    files = await at.count("SELECT count(*) FROM assets")
    elsewhere = await at.count(
        "SELECT count(*) FROM assets a WHERE EXISTS (SELECT 1 FROM ("
        "  SELECT a.object_key AS key UNION ALL SELECT value FROM jsonb_each_text(a.thumbnails)) k "
        "  WHERE NOT EXISTS (SELECT 1 FROM unnest(CAST(:prefixes AS text[])) p WHERE starts_with(k.key, p)))",
        prefixes=prefixes,
    )
    if found.wrong:
        return Finding(False, _differs(found))
    kept = f"{number(found.columns, 'column')} in {number(found.tables, 'table')}, all listed"
    return Finding(elsewhere == 0, f"{kept}; {elsewhere:,} of {number(files, 'file')} in an unlisted place")


async def operational(at: Probe) -> Finding:
    """D3: logs and ledger have exactly the columns of the promise, and the log's paths are templates."""
    found = await schema(at, "operational")
    real: dict[str, set[str]] = {}
    for row in await at.session.execute(_COLUMNS):
        real.setdefault(row.table, set()).add(row.column)
    exact = (
        real.get("request_log") == REQUEST_COLUMNS
        and real.get("ledger_entries") == LEDGER_COLUMNS
        and real.get("error_events", set()) - {"repeats"} == EVENT_COLUMNS - {"repeats"}
    )
    rows = await at.count("SELECT count(*) FROM request_log")
    wrong = await at.count("SELECT count(*) FROM request_log WHERE path !~ :template", template=TEMPLATE)
    if found.wrong or not exact:
        return Finding(False, _differs(found) if found.wrong else "a log or the ledger has other columns than promised")
    return Finding(wrong == 0, f"{number(rows, 'log row')} with 5 columns each; {wrong:,} with more than a route in it")
