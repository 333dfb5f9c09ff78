"""What a process that was killed leaves behind, in the data folder and of a check of backups, and how old that is.

Times are those of the machine, which stamps the files. Whatever was touched within a day may be in use.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from studio.config import settings
from studio.services.backups import scratch

DAY_SECONDS = 86_400.0


def _files(name: str) -> Iterator[tuple[Path, float]]:
    for path in (settings().data_dir / name).rglob("*"):
        with suppress(OSError):  # gone meanwhile
            if not path.is_dir():
                yield path, path.lstat().st_mtime


def _clear(name: str) -> int:
    gone = 0
    for path, at in list(_files(name)):
        if at < time.time() - DAY_SECONDS:
            with suppress(OSError):
                path.unlink()
                gone += 1
    return gone


def _oldest(name: str) -> datetime | None:
    at = min((at for _, at in _files(name)), default=None)
    return datetime.fromtimestamp(at, UTC) if at is not None else None


def _oldest_task() -> datetime | None:
    path = settings().data_dir / "simulator" / "simulator.sqlite"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as simulator:
        rows = simulator.execute(
            "SELECT min(created) FROM (SELECT created FROM task UNION ALL SELECT created FROM post)"
        )
        ((at,),) = rows.fetchall()
        return datetime.fromtimestamp(at, UTC) if at is not None else None
    return None


async def clear_temporary() -> int:
    """Delete half-made files, and scratch copies of backups that nobody looks at any more. Returns how many."""
    where = settings().database_url
    assert where is not None
    return await asyncio.to_thread(_clear, "tmp") + await scratch.clear(where)


async def oldest_temporary() -> datetime | None:
    """When the oldest half-made file was last written."""
    return await asyncio.to_thread(_oldest, "tmp")


async def clear_pages() -> int:
    """Delete what the framework kept of pages that nobody used for a day. Returns how many files."""
    return await asyncio.to_thread(_clear, "states")


async def oldest_page() -> datetime | None:
    """When the page that was not used for longest was last used."""
    return await asyncio.to_thread(_oldest, "states")


async def oldest_simulated() -> datetime | None:
    """When the oldest thing that the simulator of this machine remembers was made. It forgets by itself."""
    return await asyncio.to_thread(_oldest_task)
