"""R2, R3, G1, G3 and the sealed backups of L1: each promise is broken on purpose, and its proof turns red."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from studio import config, runtime
from studio.services import journal
from studio.services.backups import crypt, shelf
from studio.services.storage import open_storage
from tests.services.proofbench import Bench, opened


@pytest.fixture(scope="module")
def url(database) -> str:
    return database.fresh()


@pytest.fixture
async def bench(
    url: str, settings: config.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    """Promises that are kept: a scan of today, a journal and a place for backups of this test's own."""
    notes = open_storage(tmp_path / "journal")
    monkeypatch.setattr(runtime, "journal", lambda: notes)
    async with opened(url, replace(settings, backup=tmp_path / "backups")) as made:
        await scanned(made)
        yield made


async def scanned(bench: Bench, *, hours: int = 1, objects: int = 0, rows: int = 0) -> None:
    """What the daily comparison of store and database found."""
    await bench.run(
        "INSERT INTO check_results (name, checked_at, ok, figures) VALUES ('orphans', "
        "studio_now() - make_interval(hours => :hours), :ok, "
        "jsonb_build_object('objects', CAST(:objects AS integer), 'rows', CAST(:rows AS integer))) "
        "ON CONFLICT (name) DO UPDATE SET checked_at = excluded.checked_at, ok = excluded.ok, "
        "figures = excluded.figures",
        hours=hours,
        ok=not objects and not rows,
        objects=objects,
        rows=rows,
    )


async def red(bench: Bench, name: str, words: str) -> None:
    found = await bench.prove(name)
    assert not found.ok, found.figure
    assert words in found.figure, found.figure


async def green(bench: Bench, name: str, words: str = "") -> None:
    found = await bench.prove(name)
    assert found.ok, found.figure
    assert words in found.figure, found.figure


async def erasure(bench: Bench, who: UUID, state: str, *, due: str, fired: str = "NULL") -> None:
    await bench.run(
        "INSERT INTO erasures (id, account_id, state, asked_at, due_at, fired_at) VALUES (:id, :who, :state, "
        f"studio_now() - interval '72 hours', {due}, {fired})",
        id=uuid4(),
        who=who,
        state=state,
    )


# R2


async def test_a_deletion_that_waits_for_a_month_turns_r2_red(bench: Bench):
    await green(bench, "R2", "0 rows left of them; 0 files without a row")
    await erasure(bench, await bench.account(), "purging", due="studio_now() - interval '31 days'")
    await red(bench, "R2", "1 later than 30 days")


async def test_a_file_that_waits_for_a_month_turns_r2_red(bench: Bench):
    await bench.run("INSERT INTO object_removals VALUES ('o/aa/b', studio_now() - interval '31 days')")
    await red(bench, "R2", "1 later than 30 days")


async def test_a_row_of_somebody_who_is_gone_turns_r2_red(bench: Bench):
    await bench.run(
        "INSERT INTO consents (id, account_id, text_hash, analytics, experiments, despite_signal, kept_until) VALUES "
        "(gen_random_uuid(), :who, repeat('0', 64), false, false, false, studio_now() + interval '1 day')",
        who=await bench.account(),
    )
    await green(bench, "R2")
    await bench.run("ALTER TABLE consents DROP CONSTRAINT IF EXISTS consents_account_id_fkey")
    await bench.run("DELETE FROM accounts")
    await red(bench, "R2", "; 1 rows left of them")


async def test_a_file_without_a_row_or_a_scan_that_did_not_run_turns_r2_red(bench: Bench):
    await scanned(bench, objects=2)
    await red(bench, "R2", "2 files without a row")
    await scanned(bench, rows=1)
    await red(bench, "R2", "1 rows without a file")
    await scanned(bench, hours=27)
    await red(bench, "R2", "not compared with the database for 26 hours")
    await bench.run("DELETE FROM check_results")
    await red(bench, "R2", "not compared with the database yet")


# R3, L1


async def snapshot(bench: Bench, *, days: int, sealed: bool = True) -> None:
    """A backup of that age, sealed or in the clear."""
    assert isinstance(bench.ours.backup, Path)
    place = open_storage(bench.ours.backup)
    at = datetime.now(UTC) - timedelta(days=days)
    made = shelf.Snapshot(uuid4(), at, at + timedelta(days=30), 1, 0)
    _, public = crypt.new_pair()

    async def clear() -> AsyncIterator[bytes]:
        yield b"everything about everybody"

    for part in ("dump", "manifest"):
        source = crypt.encrypted(clear(), recipient=public) if sealed else clear()
        await place.put(made.part(part), source, content_type="application/octet-stream")
    await shelf.publish(place, made)
    await place.close()


async def test_a_backup_past_its_schedule_turns_r3_red(bench: Bench):
    await green(bench, "R3", "0 backups yet")
    await snapshot(bench, days=29)
    await green(bench, "R3", "oldest backup 29.0 of 30 days")
    await snapshot(bench, days=32)
    await red(bench, "R3", "oldest backup 32.0 of 30 days")


async def test_an_account_or_output_that_came_back_turns_r3_red(bench: Bench):
    who = await bench.account()
    await green(bench, "R3", "0 erasures in the journal, 0 of them came back")
    await journal.write("account", who)
    await red(bench, "R3", "1 erasures in the journal, 1 of them came back")
    await erasure(bench, who, "purging", due="studio_now()")  # it is going now: the note comes before the deletion
    await green(bench, "R3", "1 erasures in the journal, 0 of them came back")
    await bench.run("DELETE FROM accounts")
    await green(bench, "R3", "1 erasures in the journal, 0 of them came back")


async def test_a_workspace_or_request_that_came_back_turns_r3_red_and_one_that_was_gone_on_with_does_not(bench: Bench):
    who, place, batch = await bench.account(), uuid4(), uuid4()
    await bench.run("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :who, 'w')", id=place, who=who)
    await bench.run(
        "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) "
        "VALUES (:id, :who, :place, 'image', 'm', '', '{}')",
        id=batch,
        who=who,
        place=place,
    )
    await journal.write("batch", batch)
    await red(bench, "R3", "1 erasures in the journal, 1 of them came back")
    await bench.run(
        "INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, reserved_micros, created_at) "
        "VALUES (:id, :who, :batch, 0, 'image', 'm', studio_month(), 5, studio_now() + interval '1 minute')",
        id=uuid4(),
        who=who,
        batch=batch,
    )
    await green(bench, "R3", "1 erasures in the journal, 0 of them came back")
    await journal.write("workspace", place)
    await red(bench, "R3", "2 erasures in the journal, 1 of them came back")
    await bench.run("DELETE FROM accounts")
    await green(bench, "R3", "2 erasures in the journal, 0 of them came back")


async def test_a_backup_that_anybody_can_open_turns_l1_red(bench: Bench):
    await green(bench, "L1", "0 backups yet")
    await snapshot(bench, days=2)
    await green(bench, "L1", "opened with 0 of 1 other keys")
    await snapshot(bench, days=1, sealed=False)
    await red(bench, "L1", "opened with 1 of 1 other keys")


# G1


async def archive(bench: Bench, state: str, **when: str) -> None:
    columns, values = ", ".join(when), ", ".join(f"studio_now() - interval '{each}'" for each in when.values())
    await bench.run(
        f"INSERT INTO exports (id, account_id, state, {columns}) VALUES (:id, :who, :state, {values})",  # our words
        id=uuid4(),
        who=await bench.account(),
        state=state,
    )


async def test_an_archive_that_nobody_builds_turns_g1_red(bench: Bench):
    await archive(bench, "queued", created_at="23 hours")
    await green(bench, "G1", "0 waiting for more than 24 hours")
    await archive(bench, "queued", created_at="25 hours")
    await red(bench, "G1", "1 waiting for more than 24 hours")


async def test_an_archive_that_outlives_its_week_turns_g1_red(bench: Bench):
    await archive(bench, "ready", created_at="6 days", ended_at="6 days", expires_at="-1 days")
    await green(bench, "G1", "0 kept past 7 days")
    await archive(bench, "ready", created_at="8 days", ended_at="8 days", expires_at="1 days")
    await red(bench, "G1", "1 kept past 7 days")


async def test_an_archive_with_a_longer_life_or_whose_files_stay_turns_g1_red(bench: Bench):
    await archive(bench, "ready", created_at="1 days", ended_at="1 days", expires_at="-30 days")
    await red(bench, "G1", "1 kept past 7 days")
    await archive(bench, "expired", created_at="9 days", ended_at="9 days")
    await bench.run("UPDATE exports SET plan = '{}' WHERE state = 'expired'")
    await red(bench, "G1", "2 kept past 7 days")


async def test_a_column_that_is_in_no_archive_turns_g1_red(bench: Bench):
    await bench.run("ALTER TABLE batches ADD COLUMN mood text")
    await red(bench, "G1", "1 place of the database not in the archive")


# G3


@pytest.mark.parametrize(
    ("state", "due", "fired", "words"),
    [
        ("purging", "studio_now() + interval '1 hour'", "studio_now()", "1 too early"),
        ("waiting", "studio_now() - interval '16 minutes'", "NULL", "1 more than 15 minutes late"),
    ],
)
async def test_a_deletion_that_is_early_or_late_turns_g3_red(
    bench: Bench, state: str, due: str, fired: str, words: str
):
    await erasure(bench, await bench.account(), "waiting", due="studio_now() + interval '1 hour'")
    await erasure(bench, await bench.account(), "purging", due="studio_now()", fired="studio_now()")
    await green(bench, "G3", "0 too early, 0 more than 15 minutes late, 0 things begun")
    await erasure(bench, await bench.account(), state, due=due, fired=fired)
    await red(bench, "G3", words)


async def test_work_during_the_countdown_and_a_session_after_it_turn_g3_red(bench: Bench):
    who, gone = await bench.account(), await bench.account()
    await bench.run("INSERT INTO workspaces (id, account_id, name) VALUES (:id, :who, 'w')", id=uuid4(), who=who)
    await bench.run(
        "WITH b AS (INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) "
        "SELECT :id, account_id, id, 'image', 'm', '', '{}' FROM workspaces WHERE account_id = :who "
        "RETURNING id, account_id) INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, "
        "reserved_micros) SELECT gen_random_uuid(), account_id, id, 0, 'image', 'm', studio_month(), 5 FROM b",
        id=uuid4(),
        who=who,
    )
    await erasure(bench, who, "waiting", due="studio_now() + interval '1 hour'")
    await red(bench, "G3", "1 things begun meanwhile")
    await bench.run("DELETE FROM erasures")
    await erasure(bench, gone, "purging", due="studio_now()", fired="studio_now()")
    await green(bench, "G3")
    await bench.run(
        "INSERT INTO sessions (id, token_hash, account_id) VALUES (gen_random_uuid(), decode(:hash, 'hex'), :who)",
        hash=uuid4().hex * 2,
        who=gone,
    )
    await red(bench, "G3", "1 things begun meanwhile")
