"""The database: reachable, the right roles, the right schema, a wall round every table, the same time, a worker."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import psycopg

from studio import schema
from studio.config import Settings
from studio.doctor.findings import Finding, failed, ok, warning
from studio.embedded.postgres import running_url

OLDEST = 150000
SKEW_SECONDS = 2.0
ROLES = ("studio_app", "studio_sys")
_BARE = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))
ORDER BY 1
"""
# Our fixed locks are small numbers; a worker's is random and as long as it lives.
_WORKERS = """
SELECT count(*) FROM (
  SELECT (classid::bigint << 32) | objid::bigint AS lock FROM pg_locks
  WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) held
WHERE lock BETWEEN 4294967296 AND 4611686018427387904
"""
_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()"


async def check(ours: Settings) -> list[Finding]:
    """Every part of the database, as far as it can be reached."""
    part = "database"
    url = ours.database_url or running_url(ours.data_dir)
    if url is None:
        return [warning(part, "the embedded Postgres is not running now", "Start Studio with make run.")]
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=8, autocommit=True)
    except psycopg.OperationalError as error:
        return [_unreachable(url, str(error))]
    async with connection:
        version = connection.info.server_version
        found = [_version(version)]
        for look in (_roles, _schema, _walls, _clock, _workers, _retention):
            try:
                found.append(await look(connection))
            except psycopg.Error as error:  # one part must not hide the next
                name = look.__name__.strip("_")
                said = f"could not be looked at ({type(error).__name__})"
                found.append(failed(f"database {name}", said, "Let DATABASE_URL name the owner; then studio migrate."))
    return found


def _unreachable(url: str, said: str) -> Finding:
    """The server's own words may name people and hosts; these are ours."""
    address = urlsplit(url)
    where = f"{address.hostname or 'the local socket'}, port {address.port or 5432}"
    database = address.path.lstrip("/") or "the default one"
    rules = (
        (r"password authentication failed|no password supplied|fe_sendauth", "refused the user or the password", ""),
        (r"role \S+ does not exist", "knows no such user", ""),
        (r"database \S+ does not exist", f"has no database {database}", "create it, or "),
        (r"no pg_hba.conf entry", "lets nobody in from here", "allow this machine in pg_hba.conf, or "),
        (r"could not translate|not known|resolve", "has a name that nobody knows", ""),
        (r"refused|No such file", "refused the connection: nothing listens there", "start it, or "),
        (r"timeout|timed out", "did not answer in time", "open the way to it, or "),
        (r"too many (clients|connections)|remaining connection slots", "has no connection left", "raise it there, or "),
    )
    for pattern, why, mend in rules:
        if re.search(pattern, said, re.IGNORECASE):
            sentence = f"{mend}correct DATABASE_URL."
            return failed("database", f"Postgres at {where} {why}.", sentence[0].upper() + sentence[1:])
    return failed("database", f"Postgres at {where} cannot be reached.", "Correct DATABASE_URL.")


def _version(version: int) -> Finding:
    found = f"Postgres {version // 10000}.{version % 10000} answers"
    if version < OLDEST:
        return failed("database", found, "Let DATABASE_URL name Postgres 15 or newer.")
    return ok("database", found)


async def _rows(connection: psycopg.AsyncConnection[Any], statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, values)).fetchall()  # type: ignore[arg-type]  # our own statements


async def _roles(connection: psycopg.AsyncConnection[Any]) -> Finding:
    part = "database roles"
    rows = await _rows(
        connection,
        "SELECT rolname, rolsuper, rolbypassrls, pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles "
        "WHERE rolname = ANY(%s)",
        list(ROLES),
    )
    missing = [name for name in ROLES if name not in {row[0] for row in rows}]
    if missing:
        return failed(part, f"{' and '.join(missing)} do not exist.", "Run studio migrate as the owner.")
    for name, above, around, ours in sorted(rows):
        if above or around:
            what = "is a superuser" if above else "may go round row-level security"
            return failed(part, f"{name} {what}.", f"Run ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS.")
        if not ours:
            return failed(part, f"The user of DATABASE_URL may not act as {name}.", f"Run GRANT {name} to that user.")
    return ok(part, f"{' and '.join(ROLES)} exist; neither is a superuser nor goes round row-level security")


async def _schema(connection: psycopg.AsyncConnection[Any]) -> Finding:
    part = "database schema"
    try:
        found = {row[0] for row in await _rows(connection, "SELECT version_num FROM alembic_version")}
    except psycopg.errors.UndefinedTable:
        found = set()
    heads = schema.revisions()[1]
    if found == heads:
        return ok(part, f"this release's: {', '.join(sorted(heads))}")
    told = f"at {', '.join(sorted(found)) or 'nothing'}, this release has {', '.join(sorted(heads))}"
    if schema.serves(found):
        return warning(part, told, "A later release migrated it: update this one.")
    return failed(part, told, "Run studio migrate.")


async def _walls(connection: psycopg.AsyncConnection[Any]) -> Finding:
    part = "database policies"
    bare = [row[0] for row in await _rows(connection, _BARE)]
    if bare:
        mend = f"Run ALTER TABLE {bare[0]} FORCE ROW LEVEL SECURITY, and restore its policies."
        return failed(part, f"without forced policies: {', '.join(bare)}", mend)
    (count,) = (await _rows(connection, "SELECT count(*) FROM pg_policy"))[0]
    if not count:
        return failed(part, "there are no tables yet", "Run studio migrate.")
    return ok(part, f"every table has forced policies ({count})")


async def _clock(connection: psycopg.AsyncConnection[Any]) -> Finding:
    part = "database clock"
    before = time.time()
    ((there, moved),) = await _rows(
        connection,
        "SELECT extract(epoch FROM clock_timestamp())::float8, extract(epoch FROM studio_now() - now())::float8",
    )
    skew = there - (before + time.time()) / 2
    if abs(moved) > SKEW_SECONDS:
        return failed(part, f"studio_now() is moved by {moved:+.0f} s, as for a test.", "Run DELETE FROM studio_clock.")
    if abs(skew) > SKEW_SECONDS:
        return failed(
            part, f"differs from this machine's by {skew:+.1f} s.", "Let both machines set their clocks by NTP."
        )
    return ok(part, f"within {SKEW_SECONDS:.0f} s of this machine's ({skew:+.2f} s)")


async def _retention(connection: psycopg.AsyncConnection[Any]) -> Finding:
    """Both sides of the table: what is older than promised, and sweeps that stopped."""
    from studio.services.retention import STALE_HOURS
    from studio.services.retention_table import TABLE

    part = "retention"
    if not await _rows(connection, "SELECT 1 FROM pg_class WHERE oid = to_regclass('retention_runs')"):
        return warning(part, "this schema keeps no record of sweeps yet", "Run studio migrate.")
    await connection.execute("SET ROLE studio_sys")
    try:
        late = [each.label.lower() for each in TABLE if await _is_past(connection, each)]
        stopped = await _rows(
            connection,
            "SELECT what FROM retention_runs WHERE what = ANY(%s) AND live_rows = 0 GROUP BY what "
            "HAVING max(at) < studio_now() - make_interval(hours => %s) ORDER BY 1",
            [each.what for each in TABLE if each.swept],
            STALE_HOURS,
        )
    finally:
        await connection.execute("RESET ROLE")
    mend = "Start studio worker; if one runs, look at its errors."
    if late:
        return failed(part, f"kept longer than promised: {', '.join(late)}", mend)
    if stopped:
        return failed(part, f"not swept for {STALE_HOURS} hours: {', '.join(row[0] for row in stopped)}", mend)
    return ok(part, f"nothing is kept longer than promised ({len(TABLE)} kinds)")


async def _is_past(connection: psycopg.AsyncConnection[Any], each: Any) -> bool:
    from studio.config import settings

    if each.due is None:
        return False
    query = each.due.replace(":days", str(int(each.days()))).replace(":idle", str(settings().session_idle_days))
    past = f"SELECT coalesce(({query}) < studio_now() - make_interval(hours => {each.grace_hours}), false)"
    return bool((await _rows(connection, past))[0][0])


async def _workers(connection: psycopg.AsyncConnection[Any]) -> Finding:
    ((alive,),) = await _rows(connection, _WORKERS)
    ((waiting,),) = await _rows(connection, _WAITING)
    jobs = f"{waiting} {'job is' if waiting == 1 else 'jobs are'} due"
    if not alive:
        return warning("worker", f"none is alive; {jobs}", "Start studio worker, or make run on one machine.")
    return ok("worker", f"{alive} {'is' if alive == 1 else 'are'} alive; {jobs}")
