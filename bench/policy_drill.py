"""A policy change for everybody: addresses that bounce, kill -9 of the worker three times, and a clock that moves.

    python bench/policy_drill.py --json          1,000 accounts, one in twenty bounces, 3 kills
    python bench/policy_drill.py --json --full   10,000 accounts; targets: 0 missing, at most one duplicate per kill,
                                                 in force never less than 14 days after the last notice

The version is published as the product does it. A real worker writes the notices and sends the mails to a real SMTP
server in this process, which refuses one in twenty for good. The worker is killed where it stands at a quarter, a half
and three quarters of the way, the first time while it may still be writing notices. Then the database's clock moves on
a day at a time, and each day it is looked whether the version is in force.

    missing          accounts without a notice, or whose mail neither arrived nor was recorded as refused
    duplicates       messages the server accepted beyond the first of an account
    min_notice_days  from the last notice to the moment the version took effect
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from aiosmtpd.controller import Controller
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from bench.mail_drill import KILLS, PATIENCE, REFUSED_EVERY, Server, kill_on_the_way
from studio import config, db
from studio.db import SYSTEM, transaction
from studio.jobs import notices
from studio.services import policies
from tests.system import System, free_port

HEAD = "kind: privacy\nversion: 1.1\nupdated: 2026-11-25\naccept: no\nsummary: Less is kept."
TEXT = f"{HEAD}\n---\n## 1. All\n\nLess is kept."
LONGEST_DAYS = 60


def people(url: str, count: int) -> None:
    """`count` accounts, one in twenty with an address that the server refuses."""
    with psycopg.connect(url, options=db.role_options("sys")) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO accounts (id, email, name, created_at) VALUES (%s, %s, 'x', studio_now() - interval '1 day')",
            [
                (uuid4(), f"{'refused' if n % REFUSED_EVERY == REFUSED_EVERY - 1 else 'person'}{n}@example.org")
                for n in range(count)
            ],
        )


async def publish() -> None:
    """As `studio policy publish` does it."""
    async with transaction(SYSTEM) as session:
        now = (await session.execute(text("SELECT studio_now()"))).scalar_one()
        await policies.publish(session, source=TEXT, effective=policies.first_day(now))
    await db.dispose()


def a_day_later(url: str) -> None:
    """Move the database's clock on, as its owner."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO studio_clock VALUES (true, 86400) "
            "ON CONFLICT (single) DO UPDATE SET offset_seconds = studio_clock.offset_seconds + 86400"
        )


async def look_after() -> None:
    """What the worker's schedule does every minute; by hand, so that a day does not take one."""
    await notices.look_after()
    await db.dispose()


def state(url: str) -> dict[str, Any]:
    """The version's dates."""
    return common.query(
        url,
        "SELECT in_force_at, last_notice_at, moves, published_at, effective_at, studio_now() AS now, "
        "extract(epoch FROM in_force_at - last_notice_at) / 86400 AS notice_days FROM policy_dates "
        "WHERE kind = 'privacy' AND NOT first",
    )[0]


def wait_for_the_notices(url: str) -> None:
    """Until every mail is over and its outcome is in the notices."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        left = common.query(url, "SELECT count(*) AS n FROM mails WHERE ended_at IS NULL")[0]["n"]
        if not left:
            asyncio.run(look_after())
            if not common.query(url, "SELECT count(*) AS n FROM policy_notices WHERE noticed_at IS NULL")[0]["n"]:
                return
        time.sleep(0.2)


def judge(server: Server, url: str) -> dict[str, Any]:
    """Compare every account with its notice and with what the server saw."""
    rows = common.query(
        url,
        "SELECT a.email, n.outcome, n.noticed_at FROM accounts a "
        "LEFT JOIN policy_notices n ON n.account_id = a.id AND n.kind = 'privacy'",
    )
    missing = duplicates = bounced = 0
    for row in rows:
        seen = server.accepted.get(row["email"], [])
        refused = row["email"].startswith("refused")
        arrived = row["outcome"] == "bounced" if refused else row["outcome"] == "delivered" and bool(seen)
        missing += not arrived
        bounced += row["outcome"] == "bounced"
        duplicates += max(0, len(seen) - 1)
    return {"accounts": len(rows), "missing": missing, "duplicates": duplicates, "bounced": bounced}


@contextmanager
def mail_server() -> Iterator[tuple[Server, int]]:
    """A real one, and its port."""
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield server, controller.port
    finally:
        controller.stop()


def drill(url: str, folder: Path, count: int, kills: int = KILLS) -> dict[str, Any]:
    """Publish, tell, kill, wait, and move the clock until the version is in force. Settings must name the database."""
    people(url, count)
    with mail_server() as (server, port):
        extra = {"SMTP_URL": f"smtp://127.0.0.1:{port}"}
        asyncio.run(publish())
        with System(folder=folder, database_url=url, webs=0, extra=extra) as system:
            start = time.monotonic()
            killed = kill_on_the_way(server, system.worker[0], count - count // REFUSED_EVERY, kills)
            wait_for_the_notices(url)
            seconds = time.monotonic() - start
        days = 0
        while (now := state(url))["in_force_at"] is None and days < LONGEST_DAYS:
            a_day_later(url)
            asyncio.run(look_after())
            days += 1
        found = judge(server, url)
    notice = now["notice_days"]
    return {
        **{name: found[name] for name in ("accounts", "missing", "duplicates")},
        "kills": killed,
        "min_notice_days": round(float(notice), 3) if notice is not None else None,
        "bounced": found["bounced"],
        "days_until_in_force": days,
        "moves": now["moves"],
        "seconds_to_tell": round(seconds, 1),
    }


def run(count: int) -> dict[str, Any]:
    """The drill on a database of its own."""
    with common.place() as place:
        common.become(place)
        try:
            return drill(place.url, place.folder / "system", count)
        finally:
            config.settings.cache_clear()


def measure(full: bool) -> dict[str, Any]:
    """Run it."""
    return run(10_000 if full else 1_000)


if __name__ == "__main__":
    common.run("policy_drill", measure, {"missing": 0, "duplicates": KILLS, "min_notice_days": 14})
