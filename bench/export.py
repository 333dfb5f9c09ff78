"""An archive of a large library: memory, rate against a plain copy, and the same bytes after kills.

    python bench/export.py --json          4,000 files, 200 MB, 5 kills
    python bench/export.py --json --full   100,000 files, 5 GB, 20 kills; targets: 300 MB, half the copy's rate

A process of its own builds, into a folder store, an archive whose listing it made; it is killed where it stands and
another goes on. The bytes that should come out are hashed beforehand from the same plan.

    rss_mb         the builder's largest resident size
    copy_fraction  the build's bytes per second in proportion to a plain copy, file by file, in the same store
    hash_equal     whether the archive that came out of all the kills is the one that was planned
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import text

from bench import common  # the checkout is on the path from here on
from studio import db
from studio.db import SYSTEM, Actor, transaction
from studio.jobs.exporting import Builder
from studio.runtime import storage
from studio.services import accounts, assets, sessions
from studio.services.exports import archives, bag
from studio.services.exports.stream import Assembler
from studio.services.exports.zipmap import ZipMap
from studio.services.storage import key_for

LOCK = 730_599_901
COPIES = 8  # files copied at once
FILE = 50_000


async def library(count: int) -> tuple[Actor, list[UUID]]:
    """An account with that many files of 50 kB."""
    async with transaction(SYSTEM) as session:
        account_id = await accounts.ensure(session, email="many@example.org")
        who = await sessions.identify(session, token=await sessions.start(session, account_id=account_id, fresh=True))
    assert who is not None
    ids = [uuid4() for _ in range(count)]
    gate = asyncio.Semaphore(COPIES)

    async def one(asset_id: UUID) -> dict[str, Any]:
        async with gate:
            objects = await assets.write_objects(
                storage(), owner=asset_id, data=os.urandom(FILE), mime="image/png", thumbnails={}
            )
        return {**objects, "id": asset_id, "account": account_id, "workspace": who.workspace_id, "thumbnails": "{}"}

    for start in range(0, count, 2000):
        rows = await asyncio.gather(*map(one, ids[start : start + 2000]))
        async with transaction(SYSTEM) as session:
            await session.execute(
                text(
                    "INSERT INTO assets (id, account_id, workspace_id, kind, mime, object_key, size_bytes, sha256, "
                    "crc32, width, height, thumbnails) VALUES (:id, :account, :workspace, 'upload', :mime, :key, "
                    ":size, :sha256, :crc32, 8, 8, CAST(:thumbnails AS jsonb))"
                ),
                rows,
            )
    return who.actor, ids


async def copied(ids: list[UUID]) -> float:
    """Bytes per second of a plain copy of some of the files to new names in the same store."""
    gate = asyncio.Semaphore(COPIES)

    async def one(asset_id: UUID) -> None:
        async with gate:
            async with await storage().open(key_for("o", asset_id)) as stream:
                data = b"".join([chunk async for chunk in stream])
            await storage().put(key_for("z", asset_id), data, content_type="image/png")

    start = time.monotonic()
    await asyncio.gather(*map(one, ids))
    rate = len(ids) * FILE / (time.monotonic() - start)
    await storage().delete_prefix("z/")
    return rate


async def planned(actor: Actor) -> tuple[UUID, str, int]:
    """Ask for an archive and list it. Returns its id, the SHA-256 that it must have, and its size."""
    async with transaction(actor) as session:
        export_id = await archives.request(session, actor=actor)
    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        async with transaction(SYSTEM) as session:
            order = await archives.claim(session, worker_lock=LOCK)
        assert order is not None
        plan = await Builder(lock=LOCK)._list(order)
    (members,) = await bag.load_index(storage(), plan["index"], 1)
    zipped = ZipMap(members)
    digest = hashlib.sha256()
    async for piece in pieces(zipped):
        digest.update(piece)
    return export_id, digest.hexdigest(), zipped.size


async def pieces(zipped: ZipMap) -> AsyncIterator[bytes]:
    """All of a zip."""
    assembler = Assembler(storage(), zipped)
    for at in range(0, zipped.size, 16 << 20):
        yield await assembler.piece(at, at + (16 << 20))


async def outcome(actor: Actor, export_id: UUID) -> str:
    """The SHA-256 of the archive that came out."""
    async with transaction(actor) as session:
        key, _ = await archives.download(session, actor=actor, export_id=export_id, part=1)
    digest = hashlib.sha256()
    async with await storage().open(key) as stream:
        async for chunk in stream:
            digest.update(chunk)
    return digest.hexdigest()


async def _build() -> None:
    async with transaction(SYSTEM) as alive:
        lock = uuid4().int & ((1 << 62) - 1)
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
        await Builder(lock=lock).run()
    await db.dispose()


class Watched:
    """A builder process: how long it ran, and its largest size."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, __file__, "--builder"])
        self.rss = 0

    def look(self) -> bool:
        """Note its size; whether it still runs."""
        try:
            self.rss = max(self.rss, psutil.Process(self.process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return False
        return self.process.poll() is None


def arrived(export_id: UUID, url: str) -> int:
    """Bytes that are safely in the archive."""
    return common.query(url, "SELECT bytes_done FROM exports WHERE id = %(id)s", {"id": export_id})[0]["bytes_done"]


def built(export_id: UUID, size: int, kills: int, url: str) -> tuple[float, int, int]:
    """Build with that many kills. Returns seconds, largest RSS in bytes, kills that happened."""
    rss, done, start = 0, 0, time.monotonic()
    while True:
        builder = Watched()
        goal = (done + 1) * size // (kills + 1) if done < kills else None
        while builder.look():
            if goal is not None and arrived(export_id, url) >= goal:
                builder.process.kill()
                done += 1
                break
            time.sleep(0.02)
        builder.process.wait()
        rss = max(rss, builder.rss)
        if goal is None:
            return time.monotonic() - start, rss, done
        if builder.process.returncode == 0:
            return time.monotonic() - start, rss, done


def measure(full: bool) -> Mapping[str, Any]:
    """The whole of it, twice: once undisturbed for the rate, once with kills."""
    count, kills = (100_000, 20) if full else (4_000, 5)
    with common.place() as place:
        common.become(place)
        runner = asyncio.Runner()
        common.say(f"writing {count:,} files")
        actor, ids = runner.run(library(count))
        rate = runner.run(copied(ids[: min(count, 10_000)]))
        common.say(f"plain copy {rate / 1e6:.0f} MB/s")
        export_id, expected, size = runner.run(planned(actor))
        seconds, rss, _ = built(export_id, size, 0, place.url)
        first = runner.run(outcome(actor, export_id)) == expected
        common.say(f"undisturbed {size / seconds / 1e6:.0f} MB/s, {rss / 1e6:.0f} MB")

        async def another() -> None:
            async with transaction(actor) as session:
                await archives.take_back(session, actor=actor, export_id=export_id)
            async with transaction(SYSTEM) as session:
                await archives.allow_another(session, by=None, account_id=actor.account_id)

        runner.run(another())
        export_id, expected, size = runner.run(planned(actor))
        _, killed_rss, happened = built(export_id, size, kills, place.url)
        equal = runner.run(outcome(actor, export_id)) == expected
        runner.run(db.dispose())
        runner.close()
    return {
        "assets": count,
        "gb": round(size / 1e9, 2),
        "rss_mb": round(max(rss, killed_rss) / 1e6),
        "copy_mb_s": round(rate / 1e6),
        "build_mb_s": round(size / seconds / 1e6),
        "copy_fraction": round(size / seconds / rate, 2),
        "kills": happened,
        "hash_equal": first and equal,
    }


if __name__ == "__main__":
    if "--builder" in sys.argv:
        asyncio.run(_build())
    else:
        common.run("export", measure, {"rss_mb": 300, "copy_fraction": 0.5, "hash_equal": True})
