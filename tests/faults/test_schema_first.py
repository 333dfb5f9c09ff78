"""A web process never serves on an older schema than its own; beside a migration it waits for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from studio import db, frontend, schema
from tests.conftest import Database
from tests.system import Part, free_port, wait_until

PATIENCE = 180.0


@pytest.fixture
def empty(database: Database) -> Iterator[str]:
    """A database that nobody migrated."""
    with psycopg.connect(database.server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
        head, _, tail = database.server.url.partition("@/")
        yield f"{head}@/unmigrated?{tail.partition('?')[2]}"
        connection.execute("DROP DATABASE unmigrated WITH (FORCE)")


def web(scratch: Path, url: str, port: int, *flags: str) -> Part:
    frontend.ensure()
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "ARK_", "REFLEX_", "__REFLEX"))}
    own = {"DATABASE_URL": url, "STUDIO_DATA": str(scratch / "schema-data"), "PORT": str(port)}
    own["STUDIO_SIMULATOR_URL"] = "http://127.0.0.1:9"
    return Part("web", [sys.executable, "-m", "studio", "web", *flags], {**keep, **own}, scratch / "schema.log")


def opened(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def visits(url: str, server: str) -> int:
    """How often somebody has been in a database."""
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(server) as connection:
        row = connection.execute("SELECT sessions FROM pg_stat_database WHERE datname = %s", (name,)).fetchone()
    return row[0] if row else 0


def test_a_web_process_on_an_older_schema_stops_with_the_command_that_mends_it(scratch: Path, empty: str) -> None:
    part = web(scratch, empty, free_port())
    done = subprocess.run(
        part.command, env=dict(part.environment), cwd=frontend.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"{schema.BehindError.__doc__}\n"


def test_one_that_waits_opens_its_port_only_after_the_migration(scratch: Path, database: Database, empty: str) -> None:
    port = free_port()
    part = web(scratch, empty, port, "--wait")
    part.start()
    try:
        # It looked more than once, so it is complete but for the port.
        wait_until(lambda: visits(empty, database.server.url) > 2, PATIENCE, "it looks at the database")
        assert not opened(port)
        db.migrate(empty)
        wait_until(lambda: opened(port), PATIENCE, f"it serves; {part.tail()}")
    finally:
        part.stop()


def test_a_schema_is_served_from_the_head_on_and_not_before(database: Database) -> None:
    url = database.fresh()
    known, heads = schema.revisions()
    assert schema.at_head(url)
    assert schema.serves(schema.current(url))
    (older,) = sorted(known - heads)[:1]
    for version, at_head, serves in ((older, False, False), ("later_than_ours", False, True)):
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (version,))
        assert schema.at_head(url) is at_head
        assert schema.serves(schema.current(url)) is serves


def test_a_database_that_is_not_there_is_not_at_the_head() -> None:
    assert not schema.at_head("postgresql://nobody@127.0.0.1:9/none")
