"""The writers of the request log and of error events: batched, and never in the way of what they note."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import text

from studio.db import SYSTEM, transaction

FLUSH_SECONDS = 2.0
MOST_WAITING = 10_000
log = logging.getLogger("studio")


@dataclass
class Writer:
    """Rows that wait for the next batch. A full buffer drops the oldest: logs never hold a request up."""

    requests: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    errors: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))

    def error(self, source: str, error: BaseException) -> UUID:
        """Note an unexpected error; returns the reference to show. Never its text: that may hold what was typed."""
        reference = uuid4()
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/studio/" in f.filename]
        where = f"{frames[-1].filename.rsplit('/studio/', 1)[1]}:{frames[-1].lineno}" if frames else "outside"
        self.errors.append(
            {
                "reference": reference,
                "at": datetime.now(UTC),
                "source": source,
                "kind": type(error).__name__,
                "location": where,
            }
        )
        log.error("%s %s in %s at %s", reference, type(error).__name__, source, where)
        return reference

    async def flush(self) -> None:
        """Write what waits, in one transaction."""
        requests = [self.requests.popleft() for _ in range(len(self.requests))]
        errors = [self.errors.popleft() for _ in range(len(self.errors))]
        if not requests and not errors:
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
