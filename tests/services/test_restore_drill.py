"""A backup from before people left: it opens only after the journal is replayed, and none of them comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from studio import db, schema
from studio.services import journal
from studio.services.backups import loading, replay, shelf
from studio.services.backups.errors import Damaged
from studio.services.storage import key_for, open_storage
from tests.backups import CANARY, Studio, content, empty
from tests.conftest import Database

ERASED = 3


async def dies(*_: object, **__: object) -> None:
    """Stands for a kill."""
    raise ConnectionResetError


async def test_who_was_erased_after_the_backup_does_not_come_back(
    studio: Studio,
    database: Database,
    tmp_path: Path,
):
    stays, single = studio.accounts[0], await studio.picture(studio.accounts[0])
    kept = await studio.picture(studio.accounts[0])
    leaving = [studio.person(f"leaver-{number}@example.org") for number in range(ERASED)]
    for account in leaving:
        await studio.picture(account)
    # An output whose bytes are stored while its row is not yet: its owner leaves, too.
    await studio.objects.put(key_for("o", uuid4()), CANARY.encode(), content_type="image/png")
    await studio.backup()

    for account in leaving:
        await journal.write("account", account, store=studio.journal)
    await journal.write("output", single, store=studio.journal)
    async with db.elsewhere(studio.url) as begin, begin() as session:
        assert await replay.erase_account_rows(session, leaving[0])
    later = studio.person("leaver-0@example.org")  # the same identity, a new account
    await studio.picture(later)
    await studio.backup()

    for wanted, has_later in (("latest", True), (str((await snapshots(studio))[0]), False)):
        url, objects = empty(database.server.url), open_storage(tmp_path / wanted)
        found = await studio.restore(url, objects, wanted=wanted)
        assert found.replayed.accounts == (ERASED if not has_later else ERASED - 1)
        there = {row[0] for row in studio.execute("SELECT id FROM accounts", url=url)}
        assert there.isdisjoint(leaving)
        assert {stays} <= there
        assert (later in there) is has_later
        for table in ("identities", "workspaces", "batches", "generations", "assets", "budgets", "mails", "sessions"):
            left = studio.execute(f"SELECT count(*) FROM {table} WHERE account_id = ANY(%s)", leaving, url=url)
            assert left == [(0,)], table
        assert studio.execute(
            "SELECT count(*) FROM ledger_pseudonyms WHERE account_id = ANY(%s)", leaving, url=url
        ) == [(0,)]
        assets = {row[0] for row in studio.execute("SELECT id FROM assets", url=url)}
        assert single not in assets
        assert kept in assets
        named = {row[0] for row in studio.execute("SELECT object_key FROM assets", url=url)}
        named |= {
            row[0] for row in studio.execute("SELECT jsonb_path_query(thumbnails, '$.*') #>> '{}' FROM assets", url=url)
        }
        assert set(await content(objects)) == named
        assert found.ledger_ok
        await objects.close()


async def snapshots(studio: Studio) -> list[object]:
    return [each.id for each in await shelf.snapshots(studio.place)]


async def test_sign_ins_old_mails_and_work_in_flight_do_not_live_on(studio: Studio, database: Database, tmp_path: Path):
    queued, flying = studio.accounts
    studio.execute(
        "UPDATE generations SET state = 'submitting', attempt_id = gen_random_uuid(), worker_lock = 5 "
        "WHERE account_id = %s",
        flying,
    )
    studio.execute(
        "INSERT INTO signin_links (id, token_hash, email, expires_at) VALUES (%s, '\\x01', 'a@example.org', "
        "studio_now() + interval '1 hour')",
        uuid4(),
    )
    studio.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'generations.run')")
    await studio.backup()
    url = empty(database.server.url)
    found = await studio.restore(url, open_storage(tmp_path / "restored"))
    for table in ("sessions", "signin_links", "procrastinate_jobs"):
        assert studio.execute(f"SELECT count(*) FROM {table}", url=url) == [(0,)], table
    assert studio.execute("SELECT DISTINCT state, reason FROM mails", url=url) == [("dropped", "restored")]
    states = dict(studio.execute("SELECT account_id, state FROM generations", url=url))
    assert states == {queued: "cancelled", flying: "unknown"}
    held = dict(studio.execute("SELECT account_id, held_micros FROM budgets", url=url))
    assert held == {queued: 0, flying: 5}
    assert found.ledger_ok


async def test_withdrawn_consents_and_restrictions_hold_after_a_restore(
    studio: Studio,
    database: Database,
    tmp_path: Path,
):
    one, two = studio.accounts
    studio.owner(
        "ALTER TABLE accounts ADD COLUMN IF NOT EXISTS restricted_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS restricted_for text"
    )
    yes = uuid4()
    for row, who in ((yes, one), (uuid4(), two)):
        studio.execute("INSERT INTO mail_optins (id, account_id, text_version) VALUES (%s, %s, '1')", row, who)
    studio.execute("UPDATE accounts SET restricted_at = now(), restricted_for = 'person' WHERE id = %s", two)
    await studio.backup()
    await journal.write("optout", yes, store=studio.journal)
    await journal.write("restrict", one, number=1, store=studio.journal)
    await journal.write("restrict", two, number=1, store=studio.journal)
    await journal.write("unrestrict", two, number=2, store=studio.journal)
    url = empty(database.server.url)
    found = await studio.restore(url, open_storage(tmp_path / "restored"))
    assert (found.replayed.optouts, found.replayed.restrictions) == (1, 2)
    withdrawn = "SELECT account_id, withdrawn_at IS NOT NULL FROM mail_optins"
    assert dict(studio.execute(withdrawn, url=url)) == {one: True, two: False}
    restricted = "SELECT id, restricted_at IS NOT NULL FROM accounts"
    assert dict(studio.execute(restricted, url=url)) == {one: True, two: False}


async def test_a_countdown_begins_anew_and_one_that_was_begun_or_stopped_after_the_backup_is_again(
    studio: Studio, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    waiting, stopped = studio.accounts
    asking, wavering, staying = (studio.person() for _ in range(3))
    for who, state in ((waiting, "waiting"), (stopped, "waiting"), (staying, "cancelled")):
        studio.execute(
            "INSERT INTO erasures (id, account_id, state, asked_at, due_at) VALUES (gen_random_uuid(), %s, %s, "
            "studio_now() - interval '4 days', studio_now() - interval '1 day')",
            who,
            state,
        )
    ((known,),) = studio.execute("SELECT asked_at FROM erasures WHERE account_id = %s", staying)
    await studio.backup()

    async def note(kind: journal.Kind, who: UUID, number: int, at: datetime | None = None) -> None:
        await journal.write(kind, who, number=number, at=at, store=studio.journal)

    await note("staying", stopped, 1)
    await note("leaving", asking, 1)
    await note("leaving", wavering, 1)
    await note("staying", wavering, 2)
    await note("leaving", staying, 1, known)  # the backup knows how that ended
    url, objects = empty(database.server.url), open_storage(tmp_path / "restored")
    with monkeypatch.context() as patch:
        patch.setattr(loading, "unmark", dies)
        with pytest.raises(ConnectionResetError):
            await studio.restore(url, objects)
    found = await studio.restore(url, objects)
    assert found.replayed.countdowns == 0  # all of it was done the first time
    held = "SELECT account_id, due_at - studio_now() > interval '71 hours' FROM erasures WHERE state = 'waiting'"
    assert dict(studio.execute(held, url=url)) == {waiting: True, asking: True}
    told = (
        "SELECT m.account_id, (m.data->>'due')::timestamptz = e.due_at FROM mails m JOIN erasures e USING (account_id) "
        "WHERE m.template = 'deletion_started' AND m.state = 'queued'"
    )
    assert sorted(studio.execute(told, url=url)) == sorted([(waiting, True), (asking, True)])


async def test_a_request_or_a_workspace_that_was_deleted_for_good_does_not_come_back(
    studio: Studio, database: Database, tmp_path: Path
):
    """One request ended without a file, one was on its way; of a workspace all that is left is what was moved out."""
    failed, placed = studio.accounts
    mixed = studio.person()
    live = studio.person()
    studio.execute("UPDATE generations SET state = 'submitting', attempt_id = gen_random_uuid(), worker_lock = 5")
    batch = dict(studio.execute("SELECT account_id, id FROM batches"))
    place = dict(studio.execute("SELECT account_id, id FROM workspaces"))
    made = await studio.picture(mixed)
    moved = await studio.picture(placed)
    studio.execute(
        "INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, reserved_micros, state, "
        "attempt_id, submitted_at, ended_at, charged_micros) SELECT %s, account_id, id, 1, kind, model, "
        "studio_month(), 5, 'succeeded', gen_random_uuid(), studio_now(), studio_now(), 5 "
        "FROM batches WHERE account_id = %s",
        made,
        mixed,
    )
    studio.execute("UPDATE assets SET generation_id = id, batch_id = %s, model = 'm' WHERE id = %s", batch[mixed], made)
    studio.execute("UPDATE assets SET workspace_id = %s WHERE id = %s", place[placed], moved)
    studio.execute(
        "INSERT INTO presets (id, account_id, workspace_id, name, settings) "
        "VALUES (gen_random_uuid(), %s, %s, 'p', '{}')",
        placed,
        place[placed],
    )
    await studio.backup()
    for who in (failed, mixed):
        await journal.write("batch", batch[who], store=studio.journal)
    await journal.write("workspace", place[placed], store=studio.journal)
    begun = datetime.now(UTC) - timedelta(days=1)
    await journal.write("batch", batch[live], at=begun, store=studio.journal)  # what began later kept it
    url, objects = empty(database.server.url), open_storage(tmp_path / "restored")
    found = await studio.restore(url, objects)
    assert (found.replayed.batches, found.replayed.workspaces, found.replayed.outputs) == (2, 1, 0)
    assert studio.execute("SELECT account_id FROM batches", url=url) == [(live,)]
    assert studio.execute("SELECT account_id, state FROM generations", url=url) == [(live, "unknown")]
    assert studio.execute("SELECT count(*) FROM assets WHERE id = %s", made, url=url) == [(0,)]
    assert key_for("o", made) not in await content(objects)
    assert studio.execute("SELECT count(*) FROM presets", url=url) == [(0,)]
    homes = dict(studio.execute("SELECT account_id, id FROM workspaces", url=url))
    assert set(homes) == {failed, placed, mixed, live}
    assert homes[placed] != place[placed]
    assert studio.execute("SELECT workspace_id FROM assets WHERE id = %s", moved, url=url) == [(homes[placed],)]
    held = dict(studio.execute("SELECT account_id, held_micros FROM budgets", url=url))
    assert held == {failed: 0, placed: 0, mixed: 0, live: 5}
    assert found.ledger_ok
    await objects.close()


async def test_the_trash_waits_its_whole_time_again_and_its_acts_stay_apart(
    studio: Studio, database: Database, tmp_path: Path
):
    who = studio.accounts[0]
    first, second = [await studio.picture(who) for _ in range(2)]
    long_ago = "studio_now() - interval '29 days'"
    studio.execute(f"UPDATE assets SET trashed_at = {long_ago} WHERE id = %s", first)
    studio.execute(f"UPDATE assets SET trashed_at = {long_ago} - interval '1 hour' WHERE id = %s", second)
    studio.execute(
        "UPDATE workspaces SET trashed_at = (SELECT trashed_at FROM assets WHERE id = %s) WHERE account_id = %s",
        second,
        who,
    )
    await studio.backup()
    url = empty(database.server.url)
    await studio.restore(url, open_storage(tmp_path / "restored"))
    trashed = "FROM assets WHERE trashed_at IS NOT NULL ORDER BY trashed_at"
    assert [row[0] for row in studio.execute(f"SELECT id {trashed}", url=url)] == [second, first]
    young = studio.execute(
        f"SELECT DISTINCT studio_now() - trashed_at < interval '1 hour' FROM (SELECT * {trashed}) a", url=url
    )
    assert young == [(True,)]
    together = "SELECT a.id FROM assets a JOIN workspaces w USING (trashed_at)"
    assert studio.execute(together, url=url) == [(second,)]


async def test_a_restore_that_was_cut_off_opens_nothing_and_is_finished_by_the_same_command(
    studio: Studio,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    account = studio.accounts[0]
    await studio.backup()
    await journal.write("account", account, store=studio.journal)
    url, objects = empty(database.server.url), open_storage(tmp_path / "restored")

    for step in ("migrate", "each_object", "unmark"):
        with monkeypatch.context() as patch:
            patch.setattr(loading, step, dies)
            with pytest.raises(ConnectionResetError):
                await studio.restore(url, objects)
        with pytest.raises(schema.RestoringError):
            schema.current(url)
        with pytest.raises(schema.RestoringError):
            await schema.require(url, wait=True)
    found = await studio.restore(url, objects)
    assert schema.serves(schema.current(url))
    assert found.objects == 2
    assert studio.execute("SELECT count(*) FROM accounts WHERE id = %s", account, url=url) == [(0,)]


async def test_a_journal_that_cannot_be_read_keeps_the_database_closed(
    studio: Studio,
    database: Database,
    tmp_path: Path,
):
    await journal.write("account", studio.accounts[0], store=studio.journal)
    await studio.backup()
    who = studio.accounts[0]
    await studio.journal.put(f"j/{who.hex[:2]}/{who.hex}.account", b"?", content_type="application/json")
    url = empty(database.server.url)
    with pytest.raises(journal.JournalDamaged):
        await studio.restore(url, open_storage(tmp_path / "restored"))
    with pytest.raises(schema.RestoringError):
        schema.current(url)


async def test_a_dump_that_is_not_the_manifests_is_not_opened(studio: Studio, database: Database, tmp_path: Path):
    first = await studio.backup()
    studio.person()
    second = await studio.backup()
    async with await studio.place.open(first.snapshot.part("dump")) as stream:
        sealed = b"".join([block async for block in stream])
    await studio.place.put(second.snapshot.part("dump"), sealed, content_type="application/octet-stream")
    url = empty(database.server.url)
    with pytest.raises(Damaged):
        await studio.restore(url, open_storage(tmp_path / "restored"))
    with pytest.raises(schema.RestoringError):
        schema.current(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT loaded FROM studio_restore.state").fetchone() == (False,)
