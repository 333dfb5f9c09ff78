"""R1, R4, R5: what is kept for an account's life is, and what ends by time has ended. For the list of the proofs.

Each function takes what a proof takes (a session that sees every row) and returns whether the promise is kept and a
figure of numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.services import ledger, retention
from studio.services.retention_table import LEDGER_YEARS

LOG_DAYS = 30
LEAST = 10
TOTALS = {
    "request_totals": {"hour", "path", "status", "latency", "requests"},
    "error_totals": {"hour", "kind", "errors"},
    "ledger_totals": {"year", "kind", "currency", "entries", "amount_micros"},
}
LEDGER_COLUMNS = frozenset(
    {"pseudonym", "seq", "at", "kind", "generation_kind", "currency", "amount_micros", "month", "reservation"}
    | {"idempotency_key", "prev_hash", "hash"}
)
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Probing(Protocol):
    """What these checks need of a probe."""

    @property
    def session(self) -> AsyncSession:
        """Sees every row."""
        ...


@dataclass(frozen=True)
class Found:
    """What a check found."""

    ok: bool
    figure: str


async def _value(at: Probing, query: str, **parameters: Any) -> Any:
    return await at.session.scalar(text(query), parameters)


async def _columns(at: Probing, table: str) -> set[str]:
    rows = await at.session.scalars(
        text(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
        ),
        {"table": table},
    )
    return set(rows)


async def live_untouched(at: Probing) -> Found:
    """R1: the sweeps ran, and none of them changed a row of live content; the database counts that in each run."""
    row = (
        await at.session.execute(
            text(
                "SELECT count(*) AS runs, coalesce(sum(rows), 0) AS gone, coalesce(sum(live_rows), 0) AS live, "
                "max(at) > studio_now() - interval '26 hours' AS fresh FROM retention_runs "
                "WHERE at > studio_now() - interval '30 days'"
            )
        )
    ).one()
    counted = await _value(at, "SELECT current_setting('track_counts') = 'on'")
    tables = len(retention.live_tables())
    figure = (
        f"{row.runs:,} sweeps in 30 days ended {int(row.gone):,} rows; {int(row.live):,} rows of the {tables} tables "
        "of live content were changed by them"
    )
    if not counted:
        return Found(False, "the database does not count changes")
    if not row.fresh:
        return Found(False, f"no sweep ran for 26 hours; {figure}")
    return Found(row.live == 0, figure)


async def logs_end(at: Probing) -> Found:
    """R4: no raw log is older than 30 days, no day of one is left over, and totals hold nobody and nothing small."""
    days = {}
    for log in ("request_log", "error_events"):
        days[log] = float(
            await _value(at, f"SELECT coalesce(extract(epoch FROM studio_now() - min(at)) / 86400, 0) FROM {log}")  # noqa: S608  # two names
        )
    left = await _value(
        at,
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent IN ('request_log'::regclass, 'error_events'::regclass) "
        "AND right(c.relname, 8) <= to_char((studio_now() AT TIME ZONE 'UTC')::date - CAST(:days AS integer), "
        "'YYYYMMDD')",
        days=LOG_DAYS,
    )
    other = [table for table, wanted in TOTALS.items() if await _columns(at, table) != wanted]
    wrong = await _value(
        at,
        "SELECT (SELECT count(*) FROM request_totals WHERE requests < :least OR path ~ :uuid OR path ~ '[@?]') "
        "+ (SELECT count(*) FROM error_totals WHERE errors < :least OR kind ~ :uuid OR kind ~ '[@? ]')",
        least=LEAST,
        uuid=_UUID,
    )
    totals = await _value(at, "SELECT (SELECT count(*) FROM request_totals) + (SELECT count(*) FROM error_totals)")
    if other:
        return Found(False, f"{', '.join(other)} has other columns than promised")
    figure = (
        f"oldest request {days['request_log']:.1f} days, oldest error {days['error_events']:.1f}, of "
        f"{LOG_DAYS} days; {left:,} days left over; {totals:,} totals, "
        f"{wrong:,} of fewer than {LEAST} or with somebody in them"
    )
    return Found(max(days.values()) <= LOG_DAYS and left == 0 and wrong == 0, figure)


async def ledger_ends(at: Probing) -> Found:
    """R5: no year is past its seven, no entry names anybody, the map goes with the account, and the chains verify."""
    late = await _value(
        at,
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'ledger_entries'::regclass AND right(c.relname, 4) "
        "< to_char(studio_now() AT TIME ZONE 'UTC' - interval '7 years 1 day', 'YYYY')",
    )
    exact = await _columns(at, "ledger_entries") == LEDGER_COLUMNS
    exact &= await _columns(at, "ledger_totals") == TOTALS["ledger_totals"]
    # The map goes with its account; whose pseudonym has none is nobody any more.
    tied = await _value(
        at,
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'ledger_pseudonyms'::regclass AND contype = 'f' "
        "AND confrelid = 'accounts'::regclass AND confdeltype = 'c'",
    )
    named = await _value(
        at, "SELECT count(*) FROM ledger_entries e WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.id = e.pseudonym)"
    )
    years = await _value(at, "SELECT count(DISTINCT year) FROM ledger_totals")
    report = await ledger.check(at.session)
    if not exact or not tied:
        return Found(False, "the ledger has other columns than promised, or its map does not go with the account")
    figure = (
        f"{report.entries:,} entries in chains, {report.broken:,} broken; {late:,} years past {LEDGER_YEARS}; "
        f"{years:,} years as totals; {named:,} entries that name an account"
    )
    return Found(late == 0 and named == 0 and report.broken == 0, figure)
