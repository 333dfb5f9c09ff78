"""The writers of the request log and of error events: batched, and never in the way of what they note.

Whoever finds a request that fails could otherwise fill the table and the log with it: within a minute the same error at
the same place is written a few times, then only counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from studio.db import SYSTEM, transaction

FLUSH_SECONDS = 2.0
MOST_WAITING = 10_000
REPEAT_SECONDS = 60.0
MOST_ALIKE = 10  # rows of the same error a minute and process; what comes after is counted in the last of them
log = logging.getLogger("studio")


@dataclass
class Fault:
    """An unexpected error that gets a row, and how many more like it are to be added to that row."""

    reference: UUID
    at: datetime
    source: str
    kind: str
    location: str
    more: int = 0


@dataclass
class Alike:
    """Errors of one kind at one place within a minute: how many have a row, and the newest of these."""

    last: Fault
    began: float
    rows: int = 1


@dataclass(frozen=True)
class Batch:
    """What one flush writes."""

    requests: list[dict[str, object]]
    errors: list[Fault]
    again: list[Fault]


# A batch that comes late, after the process or the database slept, must not bring a day back that was dropped; and a
# time ahead of the database's clock must not outlive its days. A batch whose answer was lost is written again as it is.
_REQUESTS = text(
    "INSERT INTO request_log (request_id, at, path, status, latency_ms) "
    "SELECT :id, least(CAST(:at AS timestamptz), studio_now()), :path, :status, :latency "
    "WHERE CAST(:at AS timestamptz) >= studio_log_from() ON CONFLICT DO NOTHING"
)
_ERRORS = text(
    "INSERT INTO error_events (reference, at, source, kind, location) "
    "SELECT :reference, least(CAST(:at AS timestamptz), studio_now()), :source, :kind, :location "
    "WHERE CAST(:at AS timestamptz) >= studio_log_from() ON CONFLICT DO NOTHING"
)
_AGAIN = text(
    "UPDATE error_events SET repeats = repeats + :more WHERE reference = :reference "
    "AND at >= greatest(studio_log_from(), least(CAST(:at AS timestamptz), studio_now()) - interval '1 hour')"
)


async def _write(batch: Batch, again: list[dict[str, object]]) -> None:
    rows: list[tuple[TextClause, list[dict[str, object]]]] = [
        (_REQUESTS, batch.requests),
        (_ERRORS, [asdict(fault) for fault in batch.errors]),
        (_AGAIN, again),
    ]
    if not any(values for _, values in rows):
        return
    async with transaction(SYSTEM) as session:
        for statement, values in rows:
            if values:
                await session.execute(statement, values)


async def _write_or_make_days(batch: Batch, again: list[dict[str, object]]) -> None:
    """Write; where today has no partition, because no worker was there for a week to make it, make it first."""
    try:
        await _write(batch, again)
    except IntegrityError:  # Postgres calls a row without a partition that
        async with transaction(SYSTEM) as session:
            await session.execute(text("SELECT studio_partitions(7)"))
        await _write(batch, again)


@dataclass
class Writer:
    """Rows that wait for the next batch. A full buffer drops the oldest: logs never hold a request up."""

    requests: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    errors: deque[Fault] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    again: dict[UUID, Fault] = field(default_factory=dict)
    alike: dict[tuple[str, str, str], Alike] = field(default_factory=dict)  # as many as our code has such places

    def error(self, source: str, error: BaseException) -> UUID:
        """Note an unexpected error; returns the reference to show. Never its text: that may hold what was typed."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/studio/" in f.filename]
        where = f"{frames[-1].filename.rsplit('/studio/', 1)[1]}:{frames[-1].lineno}" if frames else "outside"
        place = (source, type(error).__name__, where)
        known, now = self.alike.get(place), time.monotonic()
        if known is not None and now - known.began <= REPEAT_SECONDS and known.rows >= MOST_ALIKE:
            known.last.more += 1
            self.again[known.last.reference] = known.last
            return known.last.reference
        fault = Fault(uuid4(), datetime.now(UTC), *place)
        self.errors.append(fault)
        if known is None or now - known.began > REPEAT_SECONDS:
            self.alike[place] = Alike(fault, now)
        else:
            known.last, known.rows = fault, known.rows + 1
        log.error("%s %s in %s at %s", fault.reference, fault.kind, source, where)
        return fault.reference

    async def flush(self) -> None:
        """Write what waits, in one transaction. What a lost database kept from being written waits for the next one."""
        batch = Batch(list(self.requests), list(self.errors), list(self.again.values()))
        changes = [(fault, fault.more) for fault in batch.again]
        self.requests.clear()
        self.errors.clear()
        self.again.clear()
        for fault, _ in changes:
            fault.more = 0
        try:
            await _write_or_make_days(batch, [{**asdict(fault), "more": more} for fault, more in changes])
        except (OperationalError, InterfaceError):
            self.requests = deque([*batch.requests, *self.requests], maxlen=MOST_WAITING)
            self.errors = deque([*batch.errors, *self.errors], maxlen=MOST_WAITING)
            for fault, more in changes:
                fault.more += more
                self.again[fault.reference] = fault
            raise

    async def run(self) -> None:
        """Flush every two seconds until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                try:
                    await self.flush()
                except Exception as error:  # noqa: BLE001  # the log must outlive a database restart
                    log.warning("The request log could not be written: %s", type(error).__name__)
        finally:
            await self.flush()


WRITER = Writer()
