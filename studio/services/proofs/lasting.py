"""R1 to R5: what is kept for an account's life is, what ends by time has ended, and who left is gone for good."""

from __future__ import annotations

from sqlalchemy import text

from studio import runtime
from studio.services import checks, journal, ledger, registry
from studio.services.backups import proof as backups
from studio.services.erasure import OVERDUE_DAYS
from studio.services.live_content import live_tables
from studio.services.proofs.base import CouldNotRunError, Finding, Probe, number
from studio.services.retention_table import LEDGER_YEARS

LOG_DAYS = 30
SCAN_HOURS = 26
AT_ONCE = 1_000
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


async def _columns(at: Probe, table: str) -> set[str]:
    rows = await at.session.scalars(
        text(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
        ),
        {"table": table},
    )
    return set(rows)


async def live_untouched(at: Probe) -> Finding:
    """R1: the sweeps ran, and none reached for live content that was not due, as the database counts in each run."""
    row = (
        await at.session.execute(
            text(
                "SELECT count(*) AS runs, coalesce(sum(rows), 0) AS gone, coalesce(sum(live_rows), 0) AS live, "
                "max(at) FILTER (WHERE live_rows = 0) > studio_now() - interval '26 hours' AS fresh "
                "FROM retention_runs WHERE at > studio_now() - interval '30 days'"
            )
        )
    ).one()
    counted = await at.value("SELECT current_setting('track_counts') = 'on'")
    tables = len(live_tables())
    figure = (
        f"{row.runs:,} sweeps in 30 days ended {int(row.gone):,} rows; {int(row.live):,} rows of the {tables} tables "
        "of live content that were not due were changed, or kept from it"
    )
    if not counted:
        return Finding(False, "the database does not count changes")
    if not row.fresh:
        return Finding(False, f"no sweep ran for 26 hours; {figure}")
    return Finding(row.live == 0, figure)


async def _forgotten(at: Probe) -> int:
    """Rows of accounts that are not there any more, in every table of people. Acts of operators and the ledger stay."""
    known = 0
    for entity in registry.entities():
        if "account_id" in entity.columns and entity.table != "erasures":
            known += await at.count(
                f"SELECT count(*) FROM {entity.table} t WHERE t.account_id IS NOT NULL "  # noqa: S608  # the registry's names
                "AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = t.account_id)"
            )
    return known


async def purged(at: Probe) -> Finding:
    """R2: no deletion waits for 30 days, nothing of a deleted account is left, and store and database agree."""
    done = await at.count("SELECT count(*) FROM erasures WHERE state = 'done'")
    overdue = await at.count(
        "SELECT (SELECT count(*) FROM erasures WHERE state IN ('waiting', 'purging') "
        "  AND due_at < studio_now() - make_interval(days => :days))"
        " + (SELECT count(*) FROM object_removals WHERE asked_at < studio_now() - make_interval(days => :days))",
        days=OVERDUE_DAYS,
    )
    left = await _forgotten(at)
    scan = await checks.last(at.session, name=checks.ORPHANS)
    if scan is None:
        raise CouldNotRunError("the files were not compared with the database yet")
    fresh = await at.value(
        "SELECT CAST(:at AS timestamptz) > studio_now() - make_interval(hours => :hours)",
        at=scan.checked_at,
        hours=SCAN_HOURS,
    )
    figure = (
        f"{number(done, 'account')} deleted, {overdue:,} later than {OVERDUE_DAYS} days; {left:,} rows left of them; "
        f"{scan.figures['objects']:,} files without a row, {scan.figures['rows']:,} rows without a file"
    )
    if not fresh:
        return Finding(False, f"the files were not compared with the database for {SCAN_HOURS} hours; {figure}")
    return Finding(overdue + left == 0 and scan.ok, figure)


async def _came_back(at: Probe) -> tuple[int, int]:
    """How many erasures the journal notes, and how many of what it notes is there all the same."""
    noted, back, ids, ats = 0, 0, [], []

    async def there() -> int:
        return await at.count(
            "SELECT (SELECT count(*) FROM accounts WHERE id = ANY(:ids) AND NOT EXISTS "
            "  (SELECT 1 FROM erasures e WHERE e.account_id = accounts.id AND e.state = 'purging'))"
            " + (SELECT count(*) FROM assets WHERE id = ANY(:ids))"
            " + (SELECT count(*) FROM workspaces WHERE id = ANY(:ids))"
            " + (SELECT count(*) FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[])) AS n (id, at) "
            "  JOIN batches b USING (id) WHERE NOT EXISTS "  # one of which something began after the note stayed
            "  (SELECT 1 FROM generations g WHERE g.batch_id = b.id AND g.created_at > n.at))",
            ids=ids,
            ats=ats,
        )

    async for entry in journal.entries():
        if entry.kind in ("account", "workspace", "batch", "output"):
            noted += 1
            ids.append(entry.id)
            ats.append(entry.at)
        if len(ids) == AT_ONCE:
            back += await there()
            ids, ats = [], []
    return noted, back + (await there() if ids else 0)


async def backups_end(at: Probe) -> Finding:
    """R3: no backup is older than the schedule says, and nobody who was erased is here."""
    noted, back = await _came_back(at)
    said = f"{noted:,} erasures in the journal, {back:,} of them came back"
    if at.ours.backup is None:
        return Finding(back == 0, f"no backups are made; {said}")
    place = runtime.open_place(at.ours.backup)
    try:
        age = await backups.oldest_backup_age_days(place, now=await at.value("SELECT studio_now()"))
    finally:
        await place.close()
    oldest = f"oldest backup {age:.1f} of {at.ours.backup_days} days" if age is not None else "0 backups yet"
    # Expired ones go with the next run of the schedule, which is at most a day away.
    late = age is not None and age > at.ours.backup_days + 1
    return Finding(back == 0 and not late, f"{oldest}; {said}")


async def logs_end(at: Probe) -> Finding:
    """R4: no raw log is older than 30 days, no day of one is left over, and totals hold nobody and nothing small."""
    days = {}
    for log in ("request_log", "error_events"):
        days[log] = float(
            await at.value(f"SELECT coalesce(extract(epoch FROM studio_now() - min(at)) / 86400, 0) FROM {log}")  # noqa: S608  # two names
        )
    left = await at.value(
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent IN ('request_log'::regclass, 'error_events'::regclass) "
        "AND right(c.relname, 8) <= to_char((studio_now() AT TIME ZONE 'UTC')::date - CAST(:days AS integer), "
        "'YYYYMMDD')",
        days=LOG_DAYS,
    )
    other = [table for table, wanted in TOTALS.items() if await _columns(at, table) != wanted]
    wrong = await at.value(
        "SELECT (SELECT count(*) FROM request_totals WHERE requests < :least OR path ~ :uuid OR path ~ '[@?]') "
        "+ (SELECT count(*) FROM error_totals WHERE errors < :least OR kind ~ :uuid OR kind ~ '[@? ]')",
        least=LEAST,
        uuid=_UUID,
    )
    totals = await at.value("SELECT (SELECT count(*) FROM request_totals) + (SELECT count(*) FROM error_totals)")
    if other:
        return Finding(False, f"{', '.join(other)} has other columns than promised")
    figure = (
        f"oldest request {days['request_log']:.1f} days, oldest error {days['error_events']:.1f}, of "
        f"{LOG_DAYS} days; {left:,} days left over; {totals:,} totals, "
        f"{wrong:,} of fewer than {LEAST} or with somebody in them"
    )
    return Finding(max(days.values()) <= LOG_DAYS and left == 0 and wrong == 0, figure)


async def ledger_ends(at: Probe) -> Finding:
    """R5: no year is past its seven, no entry names anybody, the map goes with the account, and the chains verify."""
    late = await at.value(
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'ledger_entries'::regclass AND right(c.relname, 4) "
        "< to_char(studio_now() AT TIME ZONE 'UTC' - interval '7 years 1 day', 'YYYY')",
    )
    exact = await _columns(at, "ledger_entries") == LEDGER_COLUMNS
    exact &= await _columns(at, "ledger_totals") == TOTALS["ledger_totals"]
    # The map goes with its account; whose pseudonym has none is nobody any more.
    tied = await at.value(
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'ledger_pseudonyms'::regclass AND contype = 'f' "
        "AND confrelid = 'accounts'::regclass AND confdeltype = 'c'",
    )
    named = await at.value(
        "SELECT count(*) FROM ledger_entries e WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.id = e.pseudonym)"
    )
    years = await at.value("SELECT count(DISTINCT year) FROM ledger_totals")
    report = await ledger.check(at.session)
    if not exact or not tied:
        return Finding(False, "the ledger has other columns than promised, or its map does not go with the account")
    figure = (
        f"{report.entries:,} entries in chains, {report.broken:,} broken; {late:,} years past {LEDGER_YEARS}; "
        f"{years:,} years as totals; {named:,} entries that name an account"
    )
    return Finding(late == 0 and named == 0 and report.broken == 0, figure)
