"""pg_dump and pg_restore as streams: of the embedded wheel, or those on the PATH, whichever fits the server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from studio.embedded.postgres import PostgresError, binaries
from studio.services.backups.errors import ToolFailed, ToolMissing

MARKER_SCHEMA = "studio_restore"
_BLOCK = 1 << 20
_DUMP = ("--format=custom", "--compress=1", "--no-comments", "--no-publications", "--no-subscriptions")
# Its policies show every row to the system's role, and the owner none; asked with row security off, Postgres refuses.
_AS_SYSTEM = ("--role=studio_sys", "--enable-row-security", f"--exclude-schema={MARKER_SCHEMA}")
_RESTORE = ("--no-owner", "--single-transaction", "--exit-on-error", "--no-comments")


@dataclass(frozen=True)
class Tools:
    """A folder with pg_dump and pg_restore of one major version."""

    folder: Path
    major: int


async def find(server_version: int) -> Tools:
    """Tools of the server's own major version, else the oldest newer ones. `server_version` as libpq tells it."""
    wanted = server_version // 10_000
    found = sorted([each for each in await _known() if each.major >= wanted], key=lambda each: each.major)
    if not found:
        raise ToolMissing
    return found[0]


async def _known() -> list[Tools]:
    folders: list[Path] = []
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).parent)
    with suppress(PostgresError):
        folders.append(binaries())
    found = []
    for folder in folders:
        with suppress(OSError):
            asked = await asyncio.create_subprocess_exec(
                folder / "pg_dump", "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            said, _ = await asked.communicate()
            if (number := re.search(rb"(\d+)", said)) and (folder / "pg_restore").exists():
                found.append(Tools(folder, int(number[1])))
    return found


async def dump(tools: Tools, url: str, *, snapshot: str) -> AsyncGenerator[bytes, None]:
    """The database as an exported snapshot shows it, in pg_dump's custom format."""
    process = await _start(tools.folder / "pg_dump", url, (*_DUMP, *_AS_SYSTEM, f"--snapshot={snapshot}"), out=True)
    assert process.stdout is not None
    told = asyncio.ensure_future(_tail(process))
    try:
        while block := await process.stdout.read(_BLOCK):
            yield block
        if await process.wait() != 0:
            raise ToolFailed(f"pg_dump stopped: {await told}")
    finally:
        await _end(process, told)


async def restore(tools: Tools, url: str, source: AsyncIterator[bytes]) -> None:
    """Load a dump: all of it or nothing. The restored tables belong to the user of `url`."""
    process = await _start(tools.folder / "pg_restore", url, _RESTORE, out=False)
    assert process.stdin is not None
    told = asyncio.ensure_future(_tail(process))
    try:
        async for block in source:
            process.stdin.write(block)
            await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
        code = await process.wait()
    except (BrokenPipeError, ConnectionResetError):
        code = await process.wait()
    finally:
        if process.returncode is None:  # the stream failed: a cut-off dump must not be taken for a whole one
            process.kill()
        await _end(process, told)
    if code != 0:
        raise ToolFailed(f"pg_restore stopped: {await told}")


async def _start(program: Path, url: str, options: Sequence[str], *, out: bool) -> asyncio.subprocess.Process:
    """Start a tool; the password goes by its environment, since everybody on the machine can read arguments."""
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password:
        environment["PGPASSWORD"] = str(password)
    target = make_conninfo(**{name: str(value) for name, value in parts.items()}, application_name="studio-backup")
    return await asyncio.create_subprocess_exec(
        program,
        *options,
        f"--dbname={target}",
        "--no-password",
        stdin=asyncio.subprocess.DEVNULL if out else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE if out else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        limit=2 * _BLOCK,
    )


async def _tail(process: asyncio.subprocess.Process) -> str:
    """The last lines a tool said, for the terminal of whoever runs it."""
    assert process.stderr is not None
    lines: list[str] = []
    while raw := await process.stderr.read(4096):
        lines = [*lines, *raw.decode(errors="replace").splitlines()][-5:]
    return " | ".join(line.strip() for line in lines if line.strip()) or "it said nothing."


async def _end(process: asyncio.subprocess.Process, told: asyncio.Future[str]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await asyncio.wait([told])


async def let_system_read_all(url: str) -> None:
    """Let the system's role read what was made since the migration, such as a new day's partition. As the owner."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        rows = await connection.execute(
            "SELECT c.oid::regclass::text, c.relkind = 'S' FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') "
            "AND NOT has_table_privilege('studio_sys', c.oid, 'SELECT')"
        )
        for name, sequence in await rows.fetchall():
            kind = "SEQUENCE" if sequence else "TABLE"
            await connection.execute(f"GRANT SELECT ON {kind} {name} TO studio_sys")  # type: ignore[arg-type]  # a regclass
