"""The embedded database keeps what was committed, whoever is killed, and lets in only who may."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from studio import frontend, processes
from studio.embedded import postgres

PATIENCE = 20.0

# Starts the server, commits one row, says the server's process id, and is killed by the test.
OWNER_PROGRAM = """
import sys, time
from pathlib import Path
import psycopg
from studio.embedded import postgres
running = postgres.ensure(Path(sys.argv[1]))
with psycopg.connect(running.url) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
    connection.execute("INSERT INTO kept VALUES (1)")
print(running.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for all: making a cluster takes most of a second, and every test leaves it stopped and whole."""
    folder = tmp_path_factory.mktemp("data")
    yield folder
    marker = folder / "postgres-home"
    if marker.is_file():  # as root the database lives outside the data folder
        shutil.rmtree(marker.read_text().strip())


@pytest.fixture
def running(data_dir: Path) -> Iterator[postgres.Running]:
    server = postgres.ensure(data_dir)
    yield server
    server.stop()


def rows(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM kept ORDER BY id")]


def put(url: str, number: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def test_it_listens_on_a_private_socket_only(running: postgres.Running) -> None:
    with psycopg.connect(running.url) as connection:
        found = connection.execute(
            "SELECT current_user, current_database(), current_setting('listen_addresses'), "
            "current_setting('fsync'), pg_encoding_to_char(encoding) "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert found == ("owner", "studio", "", "on", "UTF8")
    assert running.home.sockets.stat().st_mode & 0o077 == 0
    assert running.home.data.stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert running.home.data.stat().st_uid != 0


def test_rows_survive_a_killed_server(data_dir: Path) -> None:
    first = postgres.ensure(data_dir)
    put(first.url, 2)
    os.kill(first.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not first.alive(), PATIENCE)
    first.stop()
    second = postgres.ensure(data_dir)
    try:
        assert second.url == first.url
        assert 2 in rows(second.url)
    finally:
        second.stop()


def test_the_server_ends_with_whoever_started_it_and_the_next_start_has_every_row(data_dir: Path) -> None:
    command = [sys.executable, "-c", OWNER_PROGRAM, str(data_dir)]
    with subprocess.Popen(command, cwd=frontend.ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        os.kill(server, signal.SIGSTOP)  # it hears that it is to end, and is slow to say so
        owner.kill()
    awake = threading.Timer(0.3, os.kill, (server, signal.SIGCONT))
    awake.start()
    next_one = postgres.ensure(data_dir)
    try:
        assert next_one.pid != server
        assert 1 in rows(next_one.url)
    finally:
        next_one.stop()


def test_a_server_that_still_runs_is_attached_to(data_dir: Path) -> None:
    first = postgres.ensure(data_dir)
    put(first.url, 7)
    first._lock.close()  # as the kernel does when the process that held it dies
    second = postgres.ensure(data_dir)
    try:
        assert second.attached
        assert second.pid == first.pid
        assert postgres.running_url(data_dir) == first.url
        assert 7 in rows(second.url)
    finally:
        second.stop()
    assert first._process is not None
    assert first._process.wait(PATIENCE) == 0
    assert postgres.running_url(data_dir) is None


def test_two_processes_cannot_hold_one_database(running: postgres.Running, data_dir: Path) -> None:
    with pytest.raises(postgres.PostgresError, match="in use by another Studio process"):
        postgres.ensure(data_dir)


def test_a_half_made_database_is_made_again(data_dir: Path) -> None:
    postgres.ensure(data_dir).stop()
    home = postgres._home(data_dir)
    home.data.rename(home.root / "data.new")  # the last step before the cluster counts as made
    server = postgres.ensure(data_dir)
    try:
        put(server.url, 1)
    finally:
        server.stop()


def test_a_stale_process_id_of_another_program_is_not_taken_for_the_server(data_dir: Path) -> None:
    first = postgres.ensure(data_dir)
    pidfile = (first.home.data / "postmaster.pid").read_text()
    first.stop()
    stale = pidfile.replace(str(first.pid), str(os.getpid()), 1)
    (first.home.data / "postmaster.pid").write_text(stale)
    assert postgres.running_url(data_dir) is None
    (first.home.data / "postmaster.pid").unlink()


def test_a_database_of_another_version_is_left_alone(data_dir: Path) -> None:
    server = postgres.ensure(data_dir)
    server.stop()
    version = server.home.data / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("15\n")
    with pytest.raises(postgres.PostgresError, match="was made by Postgres 15"):
        postgres.ensure(data_dir)
    version.write_text(made_by)


def test_a_deep_data_folder_gets_a_short_socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    deep = tmp_path / ("d" * 90) / "run"
    short = postgres._short(deep)
    assert len(os.fsencode(short / postgres.SOCKET_NAME)) <= postgres.SOCKET_LIMIT
    assert short == postgres._short(deep)
    short.chmod(0o755)
    with pytest.raises(postgres.PostgresError, match="not a private folder"):
        postgres._short(deep)
    short.rmdir()
