"""A database of its own whose clock can be moved, with what the promises about time are measured on.

Shared by the tests and by bench/retention_clock.py, which runs the same for longer.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import text

from studio.db import SYSTEM, role_options, transaction
from studio.services import live_content
from studio.services.eventlog import Fault, Writer

Cell = tuple[datetime, str, str, str]
PATHS = ("/", "/library", "/media/{asset}/512", "/settings/profile", "/download/{asset}", "/healthz", "other")
WEIGHTS = (40, 20, 60, 4, 3, 12, 1)
STATUSES, STATUS_WEIGHTS = (200, 304, 404, 500), (80, 12, 6, 1)
KINDS = ("OperationalError", "KeyError", "TimeoutError", "ProviderError")
LEAST = 10
ENDS = ((50, "under 50 ms"), (100, "under 100 ms"), (250, "under 250 ms"), (500, "under 500 ms"), (1000, "under 1 s"))


class Clock:
    """Moves the database's clock; only its owner can. `at` is where it stands."""

    def __init__(self, url: str) -> None:
        self.owner = psycopg.connect(url, autocommit=True)
        self.at = datetime.now(UTC)

    def move(self, moment: datetime) -> None:
        """The clock goes on from `moment`."""
        ahead = (moment - datetime.now(UTC)).total_seconds()
        self.owner.execute(
            "INSERT INTO studio_clock VALUES (true, %(ahead)s) ON CONFLICT (single) "
            "DO UPDATE SET offset_seconds = %(ahead)s",
            {"ahead": ahead},
        )
        self.at = moment

    def close(self) -> None:
        """Leave the clock as it was."""
        self.owner.execute("DELETE FROM studio_clock")
        self.owner.close()


def _latency(ms: int) -> str:
    return next((name for end, name in ENDS if ms < end), "under 5 s" if ms < 5000 else "5 s or more")


def expected(cells: Counter[Cell]) -> tuple[Counter[Cell], int]:
    """What becomes of cells, by the words of the promise and without SQL: totals, and how many are discarded."""
    kept: Counter[Cell] = Counter({cell: n for cell, n in cells.items() if n >= LEAST})
    others: Counter[datetime] = Counter()
    for cell, n in cells.items():
        if n < LEAST:
            others[cell[0]] += n
    kept.update({(hour, "other", "any", "any"): n for hour, n in others.items() if n >= LEAST})
    return kept, sum(n for n in others.values() if n < LEAST)


@dataclass
class Traffic:
    """Requests and errors of simulated days, written as the product writes them, and a count of them beside it."""

    seed: int = 1
    requests: dict[date, Counter[Cell]] = field(default_factory=dict)
    errors: dict[date, Counter[Cell]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)

    async def day(self, day: date, amount: int) -> None:
        """`amount` requests spread over a day, more by day than by night, and a few errors. The clock must be there."""
        chance = random.Random(f"{self.seed} {day}")
        writer = Writer()
        cells, faults = Counter[Cell](), Counter[Cell]()
        midnight = datetime.combine(day, time(), UTC)
        for number in range(amount):
            at = midnight + timedelta(seconds=min(86_340.0, abs(chance.gauss(50_000, 14_000))))
            path, status = chance.choices(PATHS, WEIGHTS)[0], chance.choices(STATUSES, STATUS_WEIGHTS)[0]
            ms = int(chance.lognormvariate(3.5, 1.2))
            row = uuid4()
            writer.requests.append({"id": row, "at": at, "path": path, "status": status, "latency": ms})
            hour = at.replace(minute=0, second=0, microsecond=0)
            cells[hour, path, f"{status // 100}xx", _latency(ms)] += 1
            if number < 20:
                self.ids.add(str(row))
            if number % 12 == 0:
                kind = chance.choices(KINDS, (30, 5, 2, 1))[0]
                writer.errors.append(Fault(uuid4(), at, "http", kind, "http/media.py:1"))
                faults[hour, kind, "", ""] += 1
        self.requests[day], self.errors[day] = cells, faults
        await writer.flush()

    def totals(self, days: Iterable[date], *, of: dict[date, Counter[Cell]]) -> tuple[Counter[Cell], int]:
        """What these days must have become."""
        kept, discarded = Counter[Cell](), 0
        for day in days:
            some, lost = expected(of.get(day, Counter()))
            kept += some
            discarded += lost
        return kept, discarded


async def rows(query: str, **values: Any) -> list[Any]:
    """Rows of a statement, as the system sees them."""
    async with transaction(SYSTEM) as session:
        return list((await session.execute(text(query), values)).all())


async def request_totals() -> Counter[Cell]:
    """The totals of requests as they are kept."""
    found = await rows("SELECT hour, path, status, latency, requests FROM request_totals")
    return Counter({(r.hour, r.path, r.status, r.latency): r.requests for r in found})


async def error_totals() -> Counter[Cell]:
    """The totals of errors as they are kept."""
    return Counter({(r.hour, r.kind, "", ""): r.errors for r in await rows("SELECT * FROM error_totals")})


async def oldest_raw_days() -> float:
    """The age in days of the oldest request or error that is kept by itself; 0 without any."""
    ((age,),) = await rows(
        "SELECT coalesce(extract(epoch FROM studio_now() - least((SELECT min(at) FROM request_log), "
        "(SELECT min(at) FROM error_events))), 0) / 86400"
    )
    return float(age)


def live_hash(url: str) -> dict[str, str]:
    """A hash of all rows of each table of live content."""
    with psycopg.connect(url, options=role_options("sys")) as connection:
        found = {}
        for table in live_content.live_tables():
            row = connection.execute(
                f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t"  # type: ignore[arg-type]  # our own table names
            ).fetchone()
            assert row is not None
            found[table] = row[0]
        return found
