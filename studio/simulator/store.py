"""What the simulator remembers, in one small SQLite file: tasks, result files and every POST it was sent.

A killed simulator finds its tasks again and goes on with the unfinished ones. One thread owns the connection.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS task (
    id TEXT PRIMARY KEY, status TEXT, model TEXT, tier TEXT, created REAL, view TEXT NOT NULL, plan TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, kind TEXT, path TEXT, created REAL, downloads INTEGER DEFAULT 0, flaky INTEGER DEFAULT 0,
    cut INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS post (
    number INTEGER PRIMARY KEY, kind TEXT, attempt TEXT, client_request_id TEXT, safety_identifier TEXT, prompt TEXT,
    accepted INTEGER, code TEXT, created REAL, reference TEXT);
"""
KEEP_TASKS = 7 * 86_400
KEEP_CANCELLED = 86_400


class Store:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sim-store")
        self._path = folder / "simulator.sqlite"
        self._db: sqlite3.Connection | None = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            # Losing the last task in a power cut is fine here; waiting for the disk at every state change is not.
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.executescript(
                "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-512;" + _SCHEMA
            )
            self._db.row_factory = sqlite3.Row
        return self._db

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._connection()))

    async def close(self) -> None:
        await self._do(lambda db: db.close())
        self._thread.shutdown()

    async def put_task(self, view: Json, plan: Json) -> None:
        """Insert or replace a task. `view` is what GET shows, `plan` what the runner needs."""
        row = (view["id"], view["status"], plan["asked_model"], view["service_tier"], plan["created"])
        values = (*row, json.dumps(view), json.dumps(plan))
        await self._do(lambda db: db.execute("INSERT OR REPLACE INTO task VALUES (?,?,?,?,?,?,?)", values))

    async def task(self, task_id: str) -> tuple[Json, Json] | None:
        """(view, plan), or None for what never was, was deleted or is too old."""
        rows = await self._do(lambda db: db.execute("SELECT * FROM task WHERE id=?", (task_id,)).fetchall())
        return _read(rows[0]) if rows and _fresh(rows[0]) else None

    async def tasks(self) -> list[tuple[Json, Json]]:
        """Every remembered task, newest first."""
        rows = await self._do(lambda db: db.execute("SELECT * FROM task ORDER BY created DESC, rowid DESC").fetchall())
        return [_read(row) for row in rows if _fresh(row)]

    async def drop_task(self, task_id: str) -> None:
        await self._do(lambda db: db.execute("DELETE FROM task WHERE id=?", (task_id,)))

    async def add_file(self, file_id: str, kind: str, path: Path, *, flaky: int = 0, cut: int = 0) -> None:
        values = (file_id, kind, str(path), time.time(), flaky, cut)
        await self._do(lambda db: db.execute("INSERT INTO file VALUES (?,?,?,?,0,?,?)", values))

    async def download(self, file_id: str) -> Json | None:
        """The file's row, with its download already counted."""

        def work(db: sqlite3.Connection) -> Json | None:
            db.execute("UPDATE file SET downloads = downloads + 1 WHERE id=?", (file_id,))
            row = db.execute("SELECT * FROM file WHERE id=?", (file_id,)).fetchone()
            return dict(row) if row else None

        return await self._do(work)

    async def old_files(self, before: float) -> list[Path]:
        """Forget files made before that time and return their paths."""

        def work(db: sqlite3.Connection) -> list[Path]:
            rows = db.execute("DELETE FROM file WHERE created < ? RETURNING path", (before,)).fetchall()
            return [Path(row["path"]) for row in rows]

        return await self._do(work)

    async def forget(self, before: float) -> None:
        """Delete tasks and posts from before that time, with the prompts in them."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM task WHERE created < ?", (before,))
            db.execute("DELETE FROM post WHERE created < ?", (before,))

        await self._do(work)

    async def add_post(self, post: Json) -> None:
        columns = ", ".join(post)
        marks = ", ".join(f":{name}" for name in post)
        # The names are this package's own, never the sender's.
        await self._do(lambda db: db.execute(f"INSERT INTO post ({columns}) VALUES ({marks})", post))  # noqa: S608

    async def posts(self) -> list[Json]:
        rows = await self._do(lambda db: db.execute("SELECT * FROM post ORDER BY number").fetchall())
        return [dict(row) for row in rows]

    async def reset(self) -> None:
        await self._do(lambda db: db.executescript("DELETE FROM task; DELETE FROM post;"))


def _read(row: sqlite3.Row) -> tuple[Json, Json]:
    return json.loads(row["view"]), json.loads(row["plan"])


def _fresh(row: sqlite3.Row) -> bool:
    age = time.time() - row["created"]
    return age < (KEEP_CANCELLED if row["status"] == "cancelled" else KEEP_TASKS)
