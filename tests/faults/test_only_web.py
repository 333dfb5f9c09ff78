"""Without Redis one web process serves a database, also after the database was away."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg

from studio.http.live import WEB_LOCK, SecondWebError
from tests.conftest import Database
from tests.system import System, wait_until

PATIENCE = 120.0


def holder(connection: psycopg.Connection) -> int | None:
    """The backend that has the lock of this database's web process."""
    row = connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (WEB_LOCK,),
    ).fetchone()
    return row[0] if row else None


def waits(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", (WEB_LOCK,)
    ).fetchone()
    return bool(row and row[0])


def test_the_lock_is_taken_again_and_who_finds_another_there_stops(database: Database, scratch: Path) -> None:
    url = database.fresh()
    with (
        System(folder=scratch / "alone", database_url=url, workers=0) as system,
        psycopg.connect(url, autocommit=True) as looking,
        psycopg.connect(url, autocommit=True) as second,
    ):
        first = holder(looking)
        assert first is not None
        looking.execute("SELECT pg_terminate_backend(%s)", (first,))

        def taken_anew() -> int | None:
            now = holder(looking)
            return now if now != first else None  # the one that was ended takes a moment to go

        again = wait_until(taken_anew, PATIENCE, "the lock is held again")
        assert again != looking.info.backend_pid

        # Now somebody stands in line, as another web process that starts while the database is away.
        waiting = threading.Thread(target=second.execute, args=("SELECT pg_advisory_lock(%s)", (WEB_LOCK,)))
        waiting.start()
        wait_until(lambda: waits(looking), PATIENCE, "somebody waits for the lock")
        looking.execute("SELECT pg_terminate_backend(%s)", (again,))
        waiting.join(PATIENCE)
        process = system.web[0].process
        assert process is not None
        assert process.wait(PATIENCE) == 2
        assert SecondWebError.__doc__ is not None
        assert SecondWebError.__doc__ in system.web[0].log.read_text()
