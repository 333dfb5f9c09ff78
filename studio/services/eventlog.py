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

from sqlalchemy import text

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
        """Write what waits, in one transaction."""
        requests = [self.requests.popleft() for _ in range(len(self.requests))]
        errors = [asdict(self.errors.popleft()) for _ in range(len(self.errors))]
        again = [asdict(fault) for fault in self.again.values()]
        for fault in self.again.values():
            fault.more = 0
        self.again.clear()
        if not requests and not errors and not again:
            return
        async with transaction(SYSTEM) as session:
            if requests:
                await session.execute(
                    text(
                        "INSERT INTO request_log (request_id, at, path, status, latency_ms) "
                        "VALUES (:id, :at, :path, :status, :latency)"
                    ),
                    requests,
                )
            if errors:
                await session.execute(
                    text(
                        "INSERT INTO error_events (reference, at, source, kind, location) "
                        "VALUES (:reference, :at, :source, :kind, :location)"
                    ),
                    errors,
                )
            if again:
                await session.execute(
                    text("UPDATE error_events SET repeats = repeats + :more WHERE reference = :reference AND at = :at"),
                    again,
                )

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
