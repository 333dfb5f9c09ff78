"""Backups: what comes back is what went in, nobody reads it without the key, and nothing half-made is seen."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from studio.services import journal
from studio.services.backups import copies, crypt, named, proof, records, scratch, shelf, taking, tools, verifying
from studio.services.backups.errors import BackupError, Damaged, NoSnapshot, NotEmpty, WrongJournal, WrongKey
from studio.services.storage import Storage, key_for, new_key, open_storage
from tests.backups import CANARY, SECRET, Studio, content, empty, joined, rows
from tests.conftest import Database


async def chunks(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


# Sealed streams


@pytest.mark.parametrize("size", [0, 1, 65_536, 1 << 20, 3_500_001])
async def test_a_sealed_stream_opens_to_what_went_in(size: int):
    private, public = crypt.new_pair()
    data = secrets.token_bytes(size)
    sealed = await joined(crypt.encrypted(chunks(data), recipient=public))
    assert len(data) < 64 or data[:64] not in sealed
    assert await joined(crypt.decrypted(chunks(sealed), identities=[private])) == data


async def test_another_key_a_cut_and_a_changed_byte_are_each_told(tmp_path: Path):
    private, public = crypt.new_pair()
    sealed = await joined(crypt.encrypted(chunks(bytes(500_000)), recipient=public))
    with pytest.raises(WrongKey):
        await joined(crypt.decrypted(chunks(sealed), identities=[crypt.new_pair()[0]]))
    changed = bytearray(sealed)
    changed[300_000] ^= 1
    for wrong in (sealed[:-1], sealed[: 65_536 * 2 + 300], sealed[:100], b"", bytes(changed)):
        with pytest.raises(Damaged):
            await joined(crypt.decrypted(chunks(wrong), identities=[private]))
    file = tmp_path / "key"
    file.write_text(f"# made today\n{private}\n")
    assert crypt.read_identities(file) == [private]
    assert crypt.recipient_of(private) == public
    file.write_text("nonsense")
    with pytest.raises(WrongKey):
        crypt.read_identities(file)


async def test_an_error_of_the_source_comes_out_as_it_is_and_a_stream_left_early_ends():
    _, public = crypt.new_pair()

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(2_000_000)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        await joined(crypt.encrypted(broken(), recipient=public))

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    stream = crypt.encrypted(endless(), recipient=public)
    assert len(await anext(stream)) > 0
    await asyncio.wait_for(stream.aclose(), 30)


# There and back


@pytest.mark.parametrize("studio", ["folder", "s3"], indirect=True)
async def test_what_is_restored_is_what_was_backed_up(studio: Studio, database: Database, tmp_path: Path):
    studio.execute("UPDATE generations SET state = 'cancelled', ended_at = studio_now(), charged_micros = 0")
    studio.execute(
        "INSERT INTO ledger_entries (pseudonym, kind, generation_kind, amount_micros, month, reservation, "
        "idempotency_key) SELECT pseudonym, 'release', 'image', 5, month, reservation, 'release:' || reservation "
        "FROM ledger_entries WHERE kind = 'reserve'"
    )
    studio.execute("UPDATE budgets SET held_micros = 0")
    studio.execute("UPDATE mails SET state = 'sent', ended_at = studio_now()")
    studio.execute("DELETE FROM sessions")
    taken = await studio.backup()
    assert taken.snapshot.objects == taken.copied == len(studio.keys)
    before = rows(studio.url)
    url = empty(database.server.url)
    objects = open_storage(tmp_path / "restored")
    found = await studio.restore(url, objects)
    assert rows(url) == before
    assert await content(objects) == await content(studio.objects)
    assert (found.objects, found.missing, found.ledger_ok) == (len(studio.keys), 0, True)
    assert found.bytes == sum(len(each) for each in studio.keys.values())
    # The wall and the ledger's own rules came along: roles, policies, triggers, owners of functions.
    listed = "SELECT schemaname, tablename, policyname, roles::text, qual FROM pg_policies ORDER BY 1, 2, 3"
    assert studio.execute(listed, url=url) == studio.execute(listed)
    owners = (
        "SELECT proname, proowner::regrole::text, prosecdef FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    assert studio.execute(owners, url=url) == studio.execute(owners)
    grants = (
        "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee LIKE 'studio%' ORDER BY 1, 2, 3"
    )
    assert studio.execute(grants, url=url) == studio.execute(grants)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        studio.owner("SET ROLE studio_sys; RESET ROLE; DELETE FROM ledger_entries", url=url)
    await objects.close()


async def test_the_second_backup_copies_only_what_is_new(studio: Studio):
    first = await studio.backup()
    there = {item.key async for item in studio.place.list("d/")}
    await studio.picture(studio.accounts[1], thumbnail=False)
    second = await studio.backup()
    assert (first.copied, second.copied) == (6, 1)
    assert second.snapshot.objects == 7
    assert there < {item.key async for item in studio.place.list("d/")}
    assert [each.id for each in await shelf.snapshots(studio.place)] == [first.snapshot.id, second.snapshot.id]


async def test_a_new_recipient_gets_copies_of_its_own(studio: Studio, database: Database, tmp_path: Path):
    await studio.backup()
    studio.private, studio.public = crypt.new_pair()
    assert (await studio.backup()).copied == 6
    found = await studio.restore(empty(database.server.url), open_storage(tmp_path / "restored"))
    assert found.objects == 6


async def test_archives_and_the_journal_are_not_in_it(studio: Studio, database: Database, tmp_path: Path):
    await studio.objects.put(new_key("x"), b"an archive", content_type="application/zip")
    await journal.write("account", uuid4(), store=studio.journal)
    assert (await studio.backup()).snapshot.objects == len(studio.keys)
    objects = open_storage(tmp_path / "restored")
    await studio.restore(empty(database.server.url), objects)
    assert [item.key async for item in objects.list("x/")] == []
    assert [item.key async for item in objects.list("j/")] == []


async def test_nothing_is_in_the_clear_and_names_say_nothing(studio: Studio, tmp_path: Path):
    await studio.backup()
    names, content = [], b""
    async for item in studio.place.list(""):
        names.append(item.key)
        async with await studio.place.open(item.key) as stream:
            content += await joined(stream)
    assert len(names) == 6 + 4
    told = content + "\n".join(names).encode()
    secrets_ = [CANARY, studio.private, SECRET, "accounts", "PGDMP"]
    secrets_ += [str(each) for each in studio.accounts] + [each.hex for each in studio.accounts]
    secrets_ += [key[5:37] for key in studio.keys]
    assert [each for each in secrets_ if each.encode() in told] == []


async def test_the_wrong_key_opens_nothing_and_changes_nothing(studio: Studio, database: Database, tmp_path: Path):
    await studio.backup()
    url = empty(database.server.url)
    objects = open_storage(tmp_path / "restored")
    with pytest.raises(WrongKey):
        await studio.restore(url, objects, key=crypt.new_pair()[0])
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'studio_restore'").fetchone()
    assert found == (0,)
    await studio.restore(url, objects)


# Expiry


async def test_expired_snapshots_go_with_the_copies_that_nobody_names_any_more(
    studio: Studio, database, tmp_path: Path
):
    old = await studio.backup(days=1)
    gone = key_for("o", uuid4())
    await studio.objects.put(gone, b"only in the second", content_type="image/png")
    second = await studio.backup(days=2)
    await studio.objects.delete(gone)
    await studio.picture(studio.accounts[0], thumbnail=False)
    third = await studio.backup(days=3)
    copied = {item.key async for item in studio.place.list("d/")}
    assert len(copied) == 6 + 1 + 1

    def after(days: float) -> datetime:
        return old.snapshot.at + timedelta(days=days)

    assert await shelf.prune(studio.place, now=after(0.5)) == (0, 0)
    assert await shelf.prune(studio.place, now=after(1.5)) == (1, 0)  # all it named is named by the others
    assert [each.id for each in await shelf.snapshots(studio.place)] == [second.snapshot.id, third.snapshot.id]
    assert await shelf.prune(studio.place, now=after(2.5)) == (1, 1)
    namer = copies.Namer(secret_key=SECRET, recipient=studio.public)
    assert copied - {item.key async for item in studio.place.list("d/")} == {copies.place(namer.name(gone))}
    found = await studio.restore(empty(database.server.url), open_storage(tmp_path / "restored"))
    assert found.objects == 7
    assert await shelf.prune(studio.place, now=after(9)) == (1, 7)
    assert [item.key async for item in studio.place.list("")] == []


class Dies(Exception):
    """Stands for a kill."""


class Mortal:
    """A store that dies at the n-th write or deletion, or at a part of a snapshot, before it is done."""

    def __init__(self, store: Storage, after: int = 1_000, part: str = "no part") -> None:
        self._store, self._left, self._part = store, after, part

    def __getattr__(self, name: str) -> Any:
        if name in ("put", "delete"):
            self._left -= 1
            if self._left < 0:
                raise Dies
        return getattr(self._store, name)

    async def put(self, key: str, *args: Any, **kwargs: Any) -> Any:
        if key.endswith(self._part):
            raise Dies
        return await self.__getattr__("put")(key, *args, **kwargs)


async def test_killed_at_any_write_no_half_snapshot_is_seen_and_the_next_run_goes_on(studio: Studio):
    before = 0
    for dies in ({"after": 0}, {"after": 1}, {"after": 3}, *({"part": f".{each}"} for each in shelf.WRITTEN)):
        with pytest.raises(Dies):
            async with taking.alone(studio.url):
                await taking.take(studio.source, Mortal(studio.place, **dies), recipient=studio.public, days=30)  # type: ignore[arg-type]
        assert await shelf.snapshots(studio.place) == []
        await shelf.prune(studio.place, now=datetime.now(UTC))
        there = len([item async for item in studio.place.list("d/")])
        if dies == {"part": ".index"}:  # its list of names was there, so what it copied is taken for a removed one's
            assert there == 0
        else:
            assert there >= before
            before = there
    assert before == 6
    assert (await studio.backup()).snapshot.objects == 6
    assert len(await shelf.snapshots(studio.place)) == 1
    assert len([item async for item in studio.place.list("s/")]) == 4


async def test_what_a_killed_backup_copied_is_not_copied_again(studio: Studio):
    with pytest.raises(Dies):
        async with taking.alone(studio.url):
            await taking.take(studio.source, Mortal(studio.place, part=".index"), recipient=studio.public, days=30)  # type: ignore[arg-type]
    assert (await studio.backup()).copied == 0


async def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(studio: Studio):
    taken = await studio.backup(days=1)
    late = taken.snapshot.at + timedelta(days=2)
    for at in range(50):
        try:
            await shelf.prune(Mortal(studio.place, at), now=late)  # type: ignore[arg-type]
        except Dies:
            continue
        break
    assert [item.key async for item in studio.place.list("")] == []


async def test_two_do_not_write_to_the_place_at_once(studio: Studio):
    async with taking.alone(studio.url):
        with pytest.raises(BackupError, match="Another backup"):
            await studio.backup()
    await studio.backup()


# Restoring


async def test_a_restore_goes_into_an_empty_place_only(studio: Studio, database: Database, tmp_path: Path):
    await studio.backup()
    with pytest.raises(NotEmpty, match="database"):
        await studio.restore(database.fresh(), open_storage(tmp_path / "restored"))
    with pytest.raises(NotEmpty, match="file store"):
        await studio.restore(empty(database.server.url), studio.objects)
    with pytest.raises(NoSnapshot):
        await studio.restore(empty(database.server.url), open_storage(tmp_path / "restored"), wanted=str(uuid4()))


async def test_another_journal_or_an_old_copy_of_it_is_refused(studio: Studio, database: Database, tmp_path: Path):
    await journal.write("account", studio.accounts[0], store=studio.journal)
    await studio.backup()
    url, objects = empty(database.server.url), open_storage(tmp_path / "restored")
    other = open_storage(tmp_path / "other-journal")
    with pytest.raises(WrongJournal):
        await studio.restore(url, objects, journal=other)
    await journal.name(store=other, create=True)
    with pytest.raises(WrongJournal):
        await studio.restore(url, objects, journal=other)
    who = studio.accounts[0]
    await studio.journal.delete(f"j/{who.hex[:2]}/{who.hex}.account")
    with pytest.raises(WrongJournal):
        await studio.restore(url, objects)
    assert (await studio.restore(url, objects, journal_lost=True)).objects == 6


async def test_a_damaged_copy_and_a_swapped_one_are_noticed(studio: Studio, database: Database, tmp_path: Path):
    await studio.backup()
    one, two = [item.key async for item in studio.place.list("d/")][:2]
    async with await studio.place.open(two) as stream:
        sealed = await joined(stream)
    await studio.place.put(one, sealed, content_type="application/octet-stream")
    with pytest.raises(Damaged):
        await studio.restore(empty(database.server.url), open_storage(tmp_path / "restored"))
    await studio.place.delete(one)
    with pytest.raises(Damaged):
        await studio.restore(empty(database.server.url), open_storage(tmp_path / "restored-2"))


async def test_the_schema_of_the_tools_and_of_the_server_fit(database: Database):
    with psycopg.connect(database.server.url) as connection:
        found = await tools.find(connection.info.server_version)
        assert found.major >= connection.info.server_version // 10_000
    with pytest.raises(BackupError, match="backup tool"):
        await tools.find(990_000)


# Verifying


async def test_verification_restores_beside_the_service_and_leaves_nothing(studio: Studio, database: Database):
    await studio.backup()
    with psycopg.connect(database.server.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS studio_verify_0123456789ab")
        before = connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()
        connection.execute("CREATE DATABASE studio_verify_0123456789ab")  # of one that was killed
    found = await verifying.verify(
        studio.place, database_url=studio.url, objects=studio.objects, identities=[studio.private]
    )
    assert found.ok
    assert (found.objects, found.missing, found.wrong_tables) == (6, 0, [])
    assert found.tables > 20
    with psycopg.connect(database.server.url) as connection:
        assert connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall() == before


async def killed(ours: str, folder: Path, url: str) -> None:
    """A process that makes a scratch place, writes something clear into it, and is killed."""
    code = f"""
import asyncio, sys
import psycopg
from studio.services.backups import scratch
async def main():
    async with scratch.{ours} as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE secrets AS SELECT 1")
        print("made", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        url,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"made\n"
    process.kill()
    await process.wait()


def scratch_databases(database: Database) -> set[str]:
    with psycopg.connect(database.server.url) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'studio_verify_%'")
        return {name for (name,) in rows.fetchall()}


def scratch_folders(below: Path) -> dict[Path, Path]:
    """Each with the place of its server's files, which lie elsewhere as root."""
    found = {}
    for folder in below.glob("studio-verify-*"):
        marker = folder / "data" / "postgres-home"
        found[folder] = Path(marker.read_text().strip()) if marker.exists() else folder
    return found


async def test_what_a_killed_verification_left_is_cleared_away_and_what_is_in_use_is_not(
    studio: Studio, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with scratch.place(studio.url) as live, scratch.own_server() as apart:
        used, folders = scratch_databases(database), scratch_folders(tmp_path)
        await killed("place(sys.argv[1])", tmp_path, studio.url)
        await killed("own_server()", tmp_path, studio.url)
        (left,) = scratch_folders(tmp_path).items() - folders.items()
        assert (left[1].is_dir(), len(scratch_databases(database))) == (True, 2)
        gone = 0
        async with asyncio.timeout(20):
            while gone < 2:  # the database notices in its time that somebody is gone
                gone += await scratch.clear(studio.url)
        assert (scratch_databases(database), scratch_folders(tmp_path)) == (used, folders)
        assert not left[1].exists()
        for url in (live, apart):
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (scratch_databases(database), scratch_folders(tmp_path)) == (set(), {})


async def test_verification_sees_what_is_wrong(studio: Studio):
    lost = next(key for key in studio.keys if key.startswith("o/"))
    held = studio.keys[lost]
    await studio.objects.delete(lost)
    await studio.backup()

    async def verified() -> verifying.Verified:
        return await verifying.verify(
            studio.place, database_url=studio.url, objects=studio.objects, identities=[studio.private]
        )

    assert (await verified()).ok  # deleted while it was made: no fault of the backup
    await studio.objects.put(lost, held, content_type="image/png")
    found = await verified()
    assert (found.ok, found.missing) == (False, 1)
    studio.execute("UPDATE assets SET sha256 = %s", "0" * 64)
    await studio.backup()
    with pytest.raises(Damaged):
        await verified()


# Proofs


async def test_the_proofs_measure_the_place_itself(studio: Studio):
    now = datetime.now(UTC)
    assert await proof.oldest_backup_age_days(studio.place, now=now) is None
    first = await studio.backup()
    age = await proof.oldest_backup_age_days(studio.place, now=first.snapshot.at + timedelta(days=3))
    assert age == pytest.approx(3)
    assert await proof.opens_without_the_key(studio.place) is False
    clear = b"age-encryption.org, they said, but here everybody reads on"
    await studio.place.put(first.snapshot.part("manifest"), clear, content_type="text/plain")
    assert await proof.opens_without_the_key(studio.place) is True


async def test_a_backup_is_due_when_the_last_good_one_is_old_and_none_was_just_tried(session: AsyncSession):
    await session.execute(text("DELETE FROM backups"))
    assert await records.due(session, hours=24)
    run = await records.begin(session, kind="backup", snapshot=uuid4())
    assert not await records.due(session, hours=24)
    await records.end(session, run, ok=False, reason="storage_unavailable")
    assert not await records.due(session, hours=24)
    await session.execute(text("UPDATE backups SET started_at = started_at - interval '20 minutes'"))
    assert await records.due(session, hours=24)
    run = await records.begin(session, kind="backup", snapshot=uuid4())
    await records.end(session, run, ok=True, expires_at=datetime.now(UTC) - timedelta(minutes=1))
    await session.execute(text("UPDATE backups SET started_at = started_at - interval '23 hours' WHERE ok"))
    assert not await records.due(session, hours=24)
    await session.execute(text("UPDATE backups SET started_at = started_at - interval '2 hours' WHERE ok"))
    assert await records.due(session, hours=24)
    assert await records.expired(session)
    await records.removed(session, now=datetime.now(UTC))
    assert not await records.expired(session)
    assert await records.last_verified_at(session) is None
    run = await records.begin(session, kind="verify", snapshot=uuid4())
    await records.end(session, run, ok=True)
    assert await records.last_verified_at(session) is not None


def test_every_column_that_may_hold_object_keys_is_known_to_the_restore():
    sounding = {
        (table.name, column.name)
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if re.search(r"key|thumbnail|object|picture_gone", column.name) and not isinstance(column.type, LargeBinary)
    }
    assert sounding == set(named.HOLDERS) | named.NOT_HOLDERS
