"""Where a backup is restored to be looked at: an empty database, or a server of its own where none may be made.

All of the backup is there in the clear, so it goes with whoever looks. What one that was killed left is cleared away
before the next one begins, and by the worker's hourly tidying.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from studio.embedded import postgres

PREFIX = "studio_verify_"
FOLDER = "studio-verify-"
_YOUNG_SECONDS = 60.0
# Whoever looks stays connected for as long; the pattern is exactly what `database` makes.
_LEFT = """
SELECT datname FROM pg_database d WHERE datname ~ '^studio_verify_[0-9a-f]{12}$'
AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname)
"""


@asynccontextmanager
async def place(database_url: str) -> AsyncIterator[str]:
    """The address of an empty database that goes afterwards, of the same server where that is allowed."""
    name = await _made(database_url)
    if name is None:
        async with own_server() as url:
            yield url
        return
    try:
        url = make_url(database_url).set(database=name).render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True):
            yield url
    finally:
        await _drop(database_url, name, force=True)


async def _made(database_url: str) -> str | None:
    name = f"{PREFIX}{secrets.token_hex(6)}"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        try:
            await connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            return None
    return name


async def _drop(database_url: str, name: str, *, force: bool) -> None:
    command = sql.SQL("DROP DATABASE {} WITH (FORCE)" if force else "DROP DATABASE {}").format(sql.Identifier(name))
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(command)


@asynccontextmanager
async def own_server() -> AsyncIterator[str]:
    """The address of an embedded server's empty database; the server goes afterwards."""
    folder = _folder()
    with _held(folder):
        # In this thread on purpose: the server is told to stop when the thread that started it ends.
        server = postgres.ensure(folder / "data")
        try:
            yield server.url
        finally:
            server.stop()
            _remove(folder)


def _folder() -> Path:
    """A folder that the server's user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    folder.chmod(0o755)
    return folder


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Say that the folder is in use, for as long as this process lives. Raises BlockingIOError: it is."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove(folder: Path) -> None:
    postgres.discard(folder / "data")  # as root the server's files lie elsewhere
    shutil.rmtree(folder, ignore_errors=True)


# What was left


async def clear(database_url: str) -> int:
    """Remove the scratch places that nobody uses any more. Returns how many."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        names = [row[0] for row in await (await connection.execute(_LEFT)).fetchall()]
    gone = 0
    for name in names:
        # Somebody came, it went, or it is another owner's.
        with suppress(
            psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName, psycopg.errors.InsufficientPrivilege
        ):
            await _drop(database_url, name, force=False)
            gone += 1
    return gone + await asyncio.to_thread(_clear_folders)


def _clear_folders() -> int:
    gone = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with suppress(OSError, postgres.PostgresError):  # in use, or gone meanwhile
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            if not (folder / "lock").exists() and found.st_mtime > time.time() - _YOUNG_SECONDS:
                continue  # it is being made
            with _held(folder):
                _remove(folder)
                gone += 1
    return gone
