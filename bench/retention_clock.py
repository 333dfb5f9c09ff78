"""Four hundred days of logs and ten years of the ledger on a simulated clock: what is over ends, and nothing else does.

    python bench/retention_clock.py --json          90 days of logs, with downtime of 1, 7 and 30 days; the ten years
    python bench/retention_clock.py --json --full   400 days, with downtime of 1, 7, 30 and 40 days, twice each

The database's clock (`studio_now()`) is moved to the end of each day, after that day's requests and errors were written
as a web process writes them, and the worker's hourly job runs at the start of the next. In a downtime no job runs: in
the first of each length nobody comes either, in the second the web goes on alone. What the totals must be is added up
beside it in Python. `oldest_raw_days_max` is taken after each run, and once more just before the next.

The ledger goes on for ten years, so that three of them pass the seven: accounts that stay, that rest, and whose map to
their pseudonym was destroyed. Then totals are compared with what was written, and every chain that is left is verified.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import text

from bench import common  # the checkout is on the path from here on
from studio import db
from studio.db import SYSTEM, transaction
from studio.jobs import upkeep
from studio.services import ledger, retention
from tests import factories
from tests.services.retentionbench import (
    Clock,
    Traffic,
    error_totals,
    live_hash,
    oldest_raw_days,
    request_totals,
    rows,
)

START = datetime(2031, 1, 1, tzinfo=UTC)
A_DAY = 300
SHORT = {20: (1, False), 30: (7, True), 48: (30, True)}
FULL = {
    20: (1, False),
    40: (7, False),
    60: (30, False),
    110: (40, False),
    170: (1, True),
    190: (7, True),
    220: (30, True),
    280: (40, True),
}
FIRST_YEAR, YEARS, LATEST = 2032, 8, 2042
Money = Counter[tuple[int, str, str]]


async def _content() -> None:
    for _ in range(5):
        who = await factories.person()
        await factories.submitted(who, factories.image(count=3))
        await factories.upload(who)


async def _logs(clock: Clock, url: str, days: int, downs: dict[int, tuple[int, bool]]) -> dict[str, Any]:
    traffic, down, alone = Traffic(), 0, False
    oldest, between, worst_catch_up = 0.0, 0.0, 0.0
    before = live_hash(url)
    for number in range(days):
        if number in downs:
            down, alone = downs[number]
        midnight = START + timedelta(days=number)
        if down == 0:
            began = time.monotonic()
            clock.move(midnight + timedelta(minutes=5))
            await upkeep.run()
            worst_catch_up = max(worst_catch_up, time.monotonic() - began)
            oldest = max(oldest, await oldest_raw_days())
        if down == 0 or alone:
            clock.move(midnight + timedelta(hours=23, minutes=59))
            await traffic.day(midnight.date(), A_DAY)
        if down == 0:
            between = max(between, await oldest_raw_days())
        down = max(0, down - 1)
        if number % 50 == 49:
            common.say(f"day {number + 1} of {days}")
    clock.move(START + timedelta(days=days, minutes=5))
    await upkeep.run()
    last = (START + timedelta(days=days)).date()
    over = [day for day in traffic.requests if day <= last - timedelta(days=29)]
    wanted, discarded = traffic.totals(over, of=traffic.requests)
    wanted_errors, discarded_errors = traffic.totals(over, of=traffic.errors)
    found, found_errors = await request_totals(), await error_totals()
    text_of_totals = " ".join(str(cell) for cell in (*found, *found_errors))
    accounts = [str(row.id) for row in await rows("SELECT id FROM accounts")]
    ((raw,),) = await rows("SELECT count(*) FROM request_log")
    written = sum(sum(cells.values()) for cells in traffic.requests.values())
    after = live_hash(url)
    ((counted,),) = await rows("SELECT sum(live_rows) FROM retention_runs")
    return {
        "days": days,
        "downtimes": [length for length, _ in downs.values()],
        "requests_written": written,
        "errors_written": sum(sum(cells.values()) for cells in traffic.errors.values()),
        "oldest_raw_days_max": round(max(oldest, between), 2),
        "cells": len(found),
        "merged_into_other": sum(n for (_, path, status, _), n in found.items() if (path, status) == ("other", "any")),
        "requests_discarded": discarded,
        "errors_discarded": discarded_errors,
        "log_totals_equal": found == wanted
        and found_errors == wanted_errors
        and sum(found.values()) + discarded + raw == written,
        "named_in_totals": sum(each in text_of_totals for each in (*traffic.ids, *accounts)),
        "live_rows_changed": sum(before[table] != after[table] for table in before) + int(counted),
        "live_tables": len(before),
        "run_seconds_max": round(worst_catch_up, 2),
    }


async def _month(
    chance: random.Random, who: factories.Person, seen: Money, clock: Clock, late: list[ledger.Reservation] | None
) -> None:
    """A few holds of one person, which end now or some days later. One goes on into `late`, until the next month."""
    kind = chance.choice(("image", "video"))
    ids = [uuid4() for _ in range(chance.randint(1, 3))]
    amount = chance.randint(1, 90) * 10_000
    async with transaction(SYSTEM) as session:
        month = await ledger.reserve(session, account_id=who.account_id, kind=kind, amount=amount, reservations=ids)
    seen[month.year, "reserve", "USD"] += amount * len(ids)
    clock.move(clock.at + timedelta(days=chance.choice((0, 3))))
    held_now = [ledger.Reservation(each, who.account_id, month, kind, amount) for each in ids]
    ending = held_now
    if late is not None:
        ending, late[:] = [*late, *held_now[1:]], held_now[:1]
    for held in ending:
        async with transaction(SYSTEM) as session:
            if chance.random() < 0.3:
                await ledger.release(session, held)
                seen[held.month.year, "release", "USD"] += held.amount
                continue
            charged = await ledger.settle(session, held, charged=chance.randint(1, held.amount))
            seen[held.month.year, "settle", "USD"] += charged
            if chance.random() < 0.1:
                await ledger.reverse(session, held, charged=charged)
                seen[held.month.year, "reverse", "USD"] += charged


async def _ledger(clock: Clock) -> dict[str, Any]:
    chance, broken = random.Random(7), 0
    made = await rows("SELECT kind, sum(amount_micros) AS held FROM ledger_entries GROUP BY kind")  # of the content
    seen = Money({(START.year, row.kind, "USD"): int(row.held) for row in made})
    people = [await factories.person(cap_micros=10**12) for _ in range(6)]
    late: list[list[ledger.Reservation]] = [[], []]
    clock.move(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    await upkeep.run()
    for year in range(FIRST_YEAR, FIRST_YEAR + YEARS + 1):
        for month in range(1, 13):
            for number, who in enumerate(people):
                if number < 2 or year < FIRST_YEAR + 2 or (number < 4 and chance.random() < 0.1):
                    clock.move(datetime(year, month, 28, 12, tzinfo=UTC) + timedelta(minutes=number))
                    await _month(chance, who, seen, clock, late[number] if number < 2 else None)
            clock.move(datetime(year + month // 12, month % 12 + 1, 5, tzinfo=UTC))
            await upkeep.run()
            async with transaction(SYSTEM) as session:
                report = await ledger.check(session)
                broken += report.broken + report.mismatched
        if year == FIRST_YEAR + 2:
            async with transaction(SYSTEM) as session:  # as the purge of an account does
                gone = {"ids": [who.account_id for who in people[4:]]}
                await session.execute(text("DELETE FROM accounts WHERE id = ANY(:ids)"), gone)
        common.say(f"year {year}")
    clock.move(datetime(LATEST, 1, 1, 1, tzinfo=UTC))
    await upkeep.run()
    async with transaction(SYSTEM) as session:
        report = await ledger.check(session)
    kept = {
        (row.year, row.kind, row.currency): int(row.amount_micros) for row in await rows("SELECT * FROM ledger_totals")
    }
    wanted = {key: amount for key, amount in seen.items() if key[0] <= LATEST - 8}
    ((left_behind,),) = await rows(
        "SELECT (SELECT count(*) FROM ledger_checkpoints) + (SELECT count(*) FROM ledger_heads) - "
        "(SELECT count(*) FROM ledger_checkpoints JOIN ledger_pseudonyms USING (pseudonym)) - "
        "(SELECT count(*) FROM ledger_heads JOIN ledger_pseudonyms USING (pseudonym))"
    )
    ((oldest,),) = await rows("SELECT min(month) FROM ledger_entries")
    return {
        "years": YEARS + 1,
        "years_as_totals": len({year for year, _, _ in kept}),
        "oldest_entry": str(oldest),
        "totals_equal": kept == wanted,
        "entries_left": report.entries,
        "chains_broken": broken + report.broken + report.mismatched,
        "pseudonyms_left_of_the_purged": left_behind,
    }


async def _measure(url: str, full: bool) -> dict[str, Any]:
    clock = Clock(url)
    try:
        clock.move(START)
        await upkeep.run()
        await _content()
        logs = await _logs(clock, url, 400 if full else 90, FULL if full else SHORT)
        money = await _ledger(clock)
        async with transaction(SYSTEM) as session:
            overdue = [each.entry.what for each in await retention.report(session) if each.overdue]
    finally:
        clock.close()
        await db.dispose()
    equal = logs["log_totals_equal"] and money["totals_equal"]
    return {**logs, "totals_equal": equal, "overdue_at_the_end": overdue, "ledger": money}


def measure(full: bool) -> dict[str, Any]:
    """Run it: 90 days, or 400."""
    with common.place() as place:
        common.become(place)
        return asyncio.run(_measure(place.url, full))


if __name__ == "__main__":
    targets = {"oldest_raw_days_max": 30, "live_rows_changed": 0, "named_in_totals": 0}
    common.run("retention_clock", measure, targets)
