"""A zip of many originals: when it begins, how much memory the web process takes for it, and whether it is whole.

python bench/zips.py --json          200 originals
python bench/zips.py --json --full   1,000 originals of 1 to 9 MB

first_ms        the request → the first bytes of the zip
rss_growth_mb   the web process at its largest while the zip is sent, against before
mb_per_s        of the whole zip over loopback, one reader
wrong           files in the zip whose SHA-256 is not the one that their row says; missing: files that are not in it
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _library_rows, common  # the checkout is on the path from here on
from studio.db import role_options
from tests.http.people import Guest, sign_in
from tests.system import System

WARM = 20  # files of the zip before the one that counts: what is loaded once is not growth


def _originals(place: common.Place, objects: Path, account: UUID) -> dict[str, str]:
    """Give every output bytes that do not compress; returns {id: SHA-256}."""
    chance = random.Random(5)
    block = chance.randbytes(10_000_000)
    hashes = {}
    with psycopg.connect(place.url, autocommit=True, options=role_options("sys")) as connection:
        rows = connection.execute(
            "SELECT id, object_key, kind FROM assets WHERE account_id = %s", (account,)
        ).fetchall()
        for ident, key, _ in rows:
            start = chance.randrange(1_000_000)
            data = block[start : start + chance.randrange(1_000_000, 9_000_000)]
            (objects / key).parent.mkdir(parents=True, exist_ok=True)
            (objects / key).write_bytes(data)
            hashes[str(ident)] = hashlib.sha256(data).hexdigest()
            connection.execute(
                "UPDATE assets SET size_bytes = %s, sha256 = %s, crc32 = %s WHERE id = %s",
                (len(data), hashes[str(ident)], zlib.crc32(data), ident),
            )
    return hashes


def _selection(place: common.Place, account: UUID, ids: list[str]) -> UUID:
    made = uuid4()
    with psycopg.connect(place.url, autocommit=True, options=role_options("sys")) as connection:
        connection.execute(
            "INSERT INTO selections (id, account_id, asset_ids) VALUES (%s, %s, %s)",
            (made, account, [UUID(each) for each in ids]),
        )
    return made


async def _fetch(system: System, who: Guest, selection: UUID, to: Path) -> dict[str, float]:
    """Get the zip into a file, with an eye on the web process."""
    assert system.web[0].process is not None
    web = psutil.Process(system.web[0].process.pid)
    before = web.memory_info().rss
    highest = before
    began = time.perf_counter()
    first = 0.0
    async with who.client() as client, client.stream("GET", f"/zip/{selection}") as answer:
        if answer.status_code != 200:
            sys.exit(f"the zip answered {answer.status_code}")
        with to.open("wb") as file:
            async for chunk in answer.aiter_bytes():
                first = first or time.perf_counter() - began
                file.write(chunk)
                highest = max(highest, web.memory_info().rss)
    return {"first": first, "seconds": time.perf_counter() - began, "growth": (highest - before) / 1_048_576}


def _checked(archive: Path, hashes: dict[str, str]) -> dict[str, int]:
    """Compare the files of the zip with what was stored."""
    wanted = set(hashes.values())
    found = set()
    with zipfile.ZipFile(archive) as made:
        names = [name for name in made.namelist() if Path(name).suffix not in (".csv", ".json", ".txt")]
        for name in names:
            digest = hashlib.sha256()
            with made.open(name) as data:  # checks the CRC as it reads
                while block := data.read(1 << 20):
                    digest.update(block)
            found.add(digest.hexdigest())
    return {"files": len(names), "wrong": len(found - wanted), "missing": len(wanted - found)}


async def _measure(system: System, place: common.Place, amount: int) -> dict[str, Any]:
    who = await sign_in(system)
    objects = system.folder / "data" / "objects"
    _library_rows.fill(place.url, who.account_id, amount, [])
    hashes = _originals(place, objects, who.account_id)
    ids = list(hashes)
    archive = place.folder / "picked.zip"
    await _fetch(system, who, _selection(place, who.account_id, ids[:WARM]), archive)
    took = await _fetch(system, who, _selection(place, who.account_id, ids), archive)
    size = archive.stat().st_size
    return {
        "first_ms": round(1000 * took["first"], 1),
        "rss_growth_mb": round(took["growth"], 1),
        "seconds": round(took["seconds"], 2),
        "gb": round(size / 1e9, 2),
        "mb_per_s": round(size / 1e6 / took["seconds"]),
        **_checked(archive, hashes),
    }


def measure(full: bool) -> dict[str, Any]:
    """Run it: 200 originals, or 1,000."""
    with (
        common.place() as place,
        System(folder=place.folder / "system", database_url=place.url, workers=0) as system,
    ):
        return asyncio.run(_measure(system, place, 1000 if full else 200))


if __name__ == "__main__":
    common.run("zips", measure, {"first_ms": 1000, "rss_growth_mb": 50, "wrong": 0, "missing": 0})
