"""A backup from before people left, restored: who comes back, whether it opens too early, and how long it takes.

    python bench/restore_drill.py --json          20 of 40 people left, 0.2 GB
    python bench/restore_drill.py --json --full   100 of 200, 10 GB; needs about 35 GB of free disk

People with files of random bytes are backed up; some then delete their accounts, which the journal notes. The backup is
restored into an empty place. While that goes on, a second reader asks all the time whether the database opens.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import become, place, run, say  # the checkout is on the path from here on
from studio import schema
from studio.services import journal
from studio.services.backups import crypt
from studio.services.storage import open_storage
from tests.backups import Studio, content, empty

TARGETS = {"reappeared": 0, "opened_before_replay": 0, "bytes_equal": 1}
FULL_GB, SHORT_GB = 10.0, 0.2
FULL_ERASED, SHORT_ERASED = 100, 20
FILES = 2  # of each person


async def _look(url: str, erased: list[Any], ended: asyncio.Event) -> int:
    """How often the database would have opened while an erased person was still in it."""
    early = 0
    while not ended.is_set():
        early += await asyncio.to_thread(_open_with, url, erased)
        await asyncio.sleep(0.02)
    return early


def _open_with(url: str, erased: list[Any]) -> int:
    try:
        if not schema.serves(schema.current(url)):
            return 0
    except schema.RestoringError:
        return 0
    except psycopg.Error:
        return 0
    with psycopg.connect(url, options="-c role=studio_sys") as connection:
        row = connection.execute("SELECT count(*) FROM accounts WHERE id = ANY(%s)", (erased,)).fetchone()
    return int(row is not None and row[0] > 0)


async def _drill(folder: Path, url: str, *, erased: int, gb: float) -> dict[str, Any]:
    private, public = crypt.new_pair()
    stores = [open_storage(folder / each) for each in ("objects", "journal", "backups")]
    studio = Studio(url, stores[0], stores[1], stores[2], private, public)
    people = [studio.person() for _ in range(erased * 2)]
    size = int(gb * 1e9 / (len(people) * FILES))
    for account in people:
        for _ in range(FILES):
            await studio.picture(account, size=size)
        studio.keys.clear()  # they hold the bytes
    say(f"{len(people)} people, {gb} GB are there")
    begun = time.monotonic()
    taken = await studio.backup()
    backup_seconds = time.monotonic() - begun
    say(f"backed up in {backup_seconds:.1f} s")
    leaving = people[:erased]
    for account in leaving:
        await journal.write("account", account, store=studio.journal)
    before = await content(studio.objects)
    named = studio.execute(
        "SELECT object_key FROM assets WHERE account_id <> ALL(%s) UNION ALL "
        "SELECT value FROM assets, jsonb_each_text(thumbnails) WHERE account_id <> ALL(%s)",
        leaving,
        leaving,
    )
    expected = {row[0]: before[row[0]] for row in named}
    again = empty(url)
    objects = open_storage(folder / "restored")
    ended = asyncio.Event()
    looking = asyncio.create_task(_look(again, leaving, ended))
    begun = time.monotonic()
    found = await studio.restore(again, objects)
    seconds = time.monotonic() - begun
    ended.set()
    opened = await looking
    left = studio.execute("SELECT count(*) FROM accounts WHERE id = ANY(%s)", leaving, url=again)[0][0]
    left += studio.execute("SELECT count(*) FROM assets WHERE account_id = ANY(%s)", leaving, url=again)[0][0]
    assert schema.serves(schema.current(again))
    return {
        "erased": erased,
        "replayed": found.replayed.accounts,
        "reappeared": left,
        "opened_before_replay": opened,
        "gb": round(taken.snapshot.bytes / 1e9, 3),
        "restored_gb": round(found.bytes / 1e9, 3),
        "backup_seconds": round(backup_seconds, 1),
        "seconds": round(seconds, 1),
        "bytes_equal": await content(objects) == expected,
        "ledger_ok": found.ledger_ok,
    }


def measure(full: bool) -> dict[str, Any]:
    """One drill; 10 GB need about 35 GB of free disk."""
    gb, erased = (FULL_GB, FULL_ERASED) if full else (SHORT_GB, SHORT_ERASED)
    with place() as here:
        free = shutil.disk_usage(here.folder).free / 1e9
        if free < gb * 3.2:
            say(f"only {free:.0f} GB are free: a smaller drill")
            gb = free / 4
        become(here)
        return asyncio.run(_drill(here.folder, here.url, erased=erased, gb=round(gb, 2)))


if __name__ == "__main__":
    run("restore_drill", measure, TARGETS)
