"""`studio backup` and `studio restore` as whoever runs the machine uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.backups import Studio, empty
from tests.conftest import Database

ROOT = Path(__file__).resolve().parent.parent.parent


def studio_command(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STUDIO_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, "-m", "studio", *arguments],
        env={**clean, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


async def test_from_the_pair_of_keys_to_the_restored_place(studio: Studio, database: Database, tmp_path: Path):
    key, place = tmp_path / "key", tmp_path / "away"
    made = studio_command({}, "backup", "key", "--file", str(key))
    assert made.returncode == 0, made.stderr
    assert key.stat().st_mode & 0o077 == 0
    recipient = made.stdout.split("STUDIO_BACKUP_RECIPIENT=")[1].strip()
    assert "AGE-SECRET-KEY" not in made.stdout
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "objects").rename(data / "objects")
    running = {
        "DATABASE_URL": studio.url,
        "STUDIO_DATA": str(data),
        "STUDIO_JOURNAL_URL": str(tmp_path / "journal"),
        "STUDIO_BACKUP_URL": str(place),
        "STUDIO_BACKUP_RECIPIENT": recipient,
        "STUDIO_SIMULATOR_URL": "http://127.0.0.1:9",
    }
    done = studio_command(running, "backup")
    assert done.returncode == 0, done.stderr
    assert "6 files, 6 of them new" in done.stdout
    row = "SELECT ok, objects, copied, bytes > 0, expires_at > studio_now() + interval '29 days' FROM backups"
    assert studio.execute(row) == [(True, 6, 6, True, True)]
    reported = "SELECT reported_at >= (SELECT max(ended_at) FROM backups) FROM guard_counts WHERE process = 'backup'"
    assert studio.execute(reported) == [(True,)], "its guard said what it saw"
    assert len(studio_command(running, "backup", "list").stdout.splitlines()) == 1
    again = studio_command(running, "backup", "--if-due")
    assert "Removed 0 expired backups" in again.stdout, again.stderr

    refused = studio_command(running, "backup", "verify")
    assert refused.returncode == 1
    assert "STUDIO_BACKUP_IDENTITY_FILE" in refused.stderr
    verified = studio_command({**running, "STUDIO_BACKUP_IDENTITY_FILE": str(key)}, "backup", "verify")
    assert verified.returncode == 0, verified.stderr + verified.stdout
    assert studio.execute("SELECT ok, objects FROM backups WHERE kind = 'verify'") == [(True, 6)]

    url = empty(database.server.url)
    elsewhere = {
        **running,
        "DATABASE_URL": url,
        "STUDIO_DATA": str(tmp_path / "new"),
        "STUDIO_BACKUP_IDENTITY_FILE": str(key),
    }
    taken = studio_command({**elsewhere, "DATABASE_URL": studio.url}, "restore")
    assert taken.returncode == 1
    assert "empty database" in taken.stderr
    restored = studio_command(elsewhere, "restore", "--from", str(place))
    assert restored.returncode == 0, restored.stderr
    assert "The database is open" in restored.stdout
    assert studio.execute("SELECT count(*) FROM assets", url=url) == [(3,)]


REFUSED = [("web",), ("web", "--wait"), ("worker",), ("migrate", "--if-needed"), ("backup",)]


@pytest.mark.parametrize("command", [("web",), ("web", "--wait"), ("worker",), ("migrate", "--if-needed"), ("backup",)])
def test_a_database_whose_restore_has_not_ended_is_refused(
    database: Database, tmp_path: Path, command: tuple[str, ...]
):
    url = database.fresh()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA studio_restore")
        connection.execute("CREATE TABLE studio_restore.state (snapshot uuid, loaded boolean)")
    done = studio_command(
        {
            "DATABASE_URL": url,
            "STUDIO_DATA": str(tmp_path),
            "STUDIO_SIMULATOR_URL": "http://127.0.0.1:9",
            "STUDIO_BACKUP_URL": str(tmp_path / "backups"),
            "STUDIO_BACKUP_RECIPIENT": "age13qcfdqu8gtkjcnfkrm69fevke6fd47xz6ksmqjp3cx582nmyg3yqdc8h46",
        },
        *command,
    )
    assert done.returncode in (1, 2), done.stdout
    assert "Run studio restore again" in done.stderr
