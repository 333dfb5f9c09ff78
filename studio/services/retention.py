"""What is kept how long: the sweeps, and who looks after them. /security, the proofs and `studio doctor` read `report`.

The table itself is in `retention_table`. A sweep that changes a row of live content is rolled back (promise R1).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.services import alarms
from studio.services.eventlog import WRITER
from studio.services.live_content import LiveContentError, changed
from studio.services.retention_table import TABLE, Entry

STALE_HOURS = 26
TIDY = "upkeep.tidy"  # the job that runs all of it, once an hour
LOCK = 7305014
log = logging.getLogger("studio")


class OverdueError(Exception):
    """Something was kept longer than promised, or a sweep has not run for a day."""


@dataclass(frozen=True)
class Standing:
    """How one entry is kept now. `oldest_age_days` is None where nothing is there; `last_run` before its first."""

    entry: Entry
    days: float
    oldest_age_days: float | None
    last_run: datetime | None
    last_rows: int
    overdue: bool
    stale: bool


def entry(what: str) -> Entry:
    """The entry of that name. Raises LookupError."""
    found = next((each for each in TABLE if each.what == what), None)
    if found is None:
        raise LookupError(what)
    return found


# Sweeping


async def sweep(session: AsyncSession, *, what: str) -> int | None:
    """Run one entry's sweep and record it. Returns how many rows it ended; None when nothing is left or others do it.

    Raises:
        LiveContentError: it changed live content. The caller's transaction, or savepoint, must be rolled back.
    """
    known = entry(what)
    assert known.sweep is not None, what
    free = await session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:lock, hashtext(:what))"), {"lock": LOCK, "what": what}
    )
    if not free:
        return None
    before = await changed(session)
    rows = await known.sweep(session)
    touched = await changed(session) - before
    if touched:
        raise LiveContentError(touched)
    await note(session, what=what, rows=rows or 0)
    return rows


async def note(session: AsyncSession, *, what: str, rows: int, live_rows: int = 0) -> None:
    """Record a run at this instant of the database's clock, which goes on within a transaction."""
    await session.execute(
        text(
            "INSERT INTO retention_runs AS r VALUES (:what, clock_timestamp() + (studio_now() - now()), :rows, :live) "
            "ON CONFLICT DO NOTHING"
        ),
        {"what": what, "rows": rows, "live": live_rows},
    )


async def failed(what: str, error: Exception) -> None:
    """A sweep that ended badly, and was rolled back. That it reached for live content is kept, in its own transaction.

    Such a row is no run: the sweep is late until one ends well.
    """
    if isinstance(error, LiveContentError):
        async with transaction(SYSTEM) as session:
            await note(session, what=what, rows=0, live_rows=error.rows)
    WRITER.error(f"retention.{what}", error)


async def sweep_shared(session: AsyncSession) -> None:
    """Every sweep that needs no transaction of its own, each in a savepoint: one that fails stops no other."""
    for each in TABLE:
        if each.sweep is None or each.alone:
            continue
        try:
            async with session.begin_nested():
                await sweep(session, what=each.what)
        except Exception as error:  # noqa: BLE001  # it is in the error events, and overdue if it goes on
            await failed(each.what, error)


# Looking after it


async def _standing(
    session: AsyncSession, each: Entry, now: datetime, last: datetime | None = None, rows: int = 0
) -> Standing:
    days = each.days()
    due: datetime | None = None
    if each.due is not None:
        values = {"days": int(days), "idle": settings().session_idle_days}
        due = await session.scalar(text(each.due), {k: v for k, v in values.items() if f":{k}" in each.due})
    elif each.oldest is not None:
        since = await each.oldest()  # by the machine's clock
        due = now - (datetime.now(UTC) - since) + timedelta(days=days) if since is not None else None
    late = (now - due) if due is not None else None
    return Standing(
        entry=each,
        days=days,
        oldest_age_days=max(0.0, days + late / timedelta(days=1)) if late is not None else None,
        last_run=last,
        last_rows=rows,
        overdue=late is not None and late > timedelta(hours=each.grace_hours),
        stale=each.swept and (last is None or now - last > timedelta(hours=STALE_HOURS)),
    )


async def report(session: AsyncSession) -> list[Standing]:
    """Every entry with the age of its oldest row, its last run, and whether it is overdue. Runs as `sys`."""
    now: datetime = (await session.execute(text("SELECT studio_now()"))).scalar_one()
    rows = await session.execute(
        text("SELECT DISTINCT ON (what) what, at, rows FROM retention_runs WHERE live_rows = 0 ORDER BY what, at DESC")
    )
    last = {row.what: (row.at, row.rows) for row in rows}
    return [await _standing(session, each, now, *last.get(each.what, ())) for each in TABLE]


async def watch(session: AsyncSession) -> list[str]:
    """Alarm when something is overdue or a sweep did not run for a day; returns which. Runs as `sys`.

    An error event each time, one mail a day to each operator. A sweep that has never run is not late yet: the first
    run of a new studio or of a new entry comes first.
    """
    late = [each for each in await report(session) if each.overdue or (each.stale and each.last_run is not None)]
    names = [each.entry.what for each in late]
    if not late:
        return names
    log.error("Kept longer than promised, or not swept for a day: %s.", ", ".join(names))
    WRITER.error("retention.watch", OverdueError())
    told = await session.scalar(
        text(
            "SELECT EXISTS (SELECT 1 FROM retention_runs WHERE what = 'alarm' AND at > studio_now() - interval '1 day')"
        )
    )
    if told:
        return names
    await note(session, what="alarm", rows=len(late))
    labels = ", ".join(each.entry.label.lower() for each in late)
    what = f"This should have been swept by now: {labels}. Look whether a worker runs, and at its errors."
    day = await session.scalar(text("SELECT (studio_now() AT TIME ZONE 'UTC')::date"))
    title = "Something is kept longer than promised"
    await alarms.tell(session, key=f"retention:{day}", title=title, what=what, link="/security")
    return names
