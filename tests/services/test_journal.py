"""The erasure journal: what is noted stays noted, once, and says nothing but kind, id and time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from studio import config, runtime
from studio.services import journal
from studio.services.storage import Storage, open_storage
from tests.fixtures_s3 import S3Server


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    if request.param == "folder":
        made = open_storage(tmp_path / "journal")
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        made = open_storage(server.bucket(versioned=True, prefix="journal"))
    yield made
    await made.close()


async def noted(store: Storage) -> list[journal.Entry]:
    return sorted([entry async for entry in journal.entries(store=store)], key=lambda e: (str(e.id), e.kind, e.number))


async def test_what_is_noted_comes_back_with_kind_id_and_time(store: Storage):
    who, at = uuid4(), datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    await journal.write("account", who, at=at, store=store)
    await journal.write("output", who, at=at, store=store)
    await journal.write("optout", who, at=at, store=store)
    await journal.write("restrict", who, number=1, at=at, store=store)
    await journal.write("unrestrict", who, number=12, at=at, store=store)
    await journal.write("leaving", who, number=2, at=at, store=store)
    await journal.write("staying", who, number=3, at=at, store=store)
    await journal.write("workspace", who, at=at, store=store)
    await journal.write("batch", who, at=at, store=store)
    assert [(e.kind, e.id, e.at, e.number) for e in await noted(store)] == [
        ("account", who, at, 0),
        ("batch", who, at, 0),
        ("leaving", who, at, 2),
        ("optout", who, at, 0),
        ("output", who, at, 0),
        ("restrict", who, at, 1),
        ("staying", who, at, 3),
        ("unrestrict", who, at, 12),
        ("workspace", who, at, 0),
    ]
    assert await journal.count(store=store) == 9


async def test_noting_twice_keeps_the_first(store: Storage):
    who = uuid4()
    first, second = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    await journal.write("account", who, at=first, store=store)
    await asyncio.gather(*(journal.write("account", who, at=second, store=store) for _ in range(5)))
    assert [e.at for e in await noted(store)] == [first]


async def test_what_comes_and_goes_needs_its_number_and_nothing_else_has_one(store: Storage):
    with pytest.raises(ValueError, match="number"):
        await journal.write("restrict", uuid4(), store=store)
    with pytest.raises(ValueError, match="number"):
        await journal.write("staying", uuid4(), store=store)
    with pytest.raises(ValueError, match="number"):
        await journal.write("account", uuid4(), number=1, store=store)
    assert await journal.count(store=store) == 0


async def test_a_note_that_cannot_be_read_stops_the_reader(store: Storage):
    who = uuid4()
    await journal.write("account", who, store=store)
    key = f"j/{who.hex[:2]}/{who.hex}.account"
    for damage in (b"", b"{}", b'{"kind": "output", "id": "%s", "at": "2026-01-01"}' % str(who).encode()):
        await store.put(key, damage, content_type="application/json")
        with pytest.raises(journal.JournalDamaged):
            await noted(store)


async def test_a_journal_has_a_name_of_its_own_that_is_not_a_note(store: Storage):
    assert await journal.name(store=store) is None
    made = await journal.name(store=store, create=True)
    assert made is not None
    assert len(made) == 32
    assert await journal.name(store=store, create=True) == made
    assert await journal.count(store=store) == 0
    assert await noted(store) == []


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_note_on_disk_is_kind_id_and_time_only(tmp_path: Path):
    store = open_storage(tmp_path)
    await journal.write("output", UUID(int=7), at=datetime(2026, 1, 2, tzinfo=UTC), store=store)
    files = files_below(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [f"j/00/{UUID(int=7).hex}.output"]
    told = {"at": "2026-01-02T00:00:00+00:00", "id": str(UUID(int=7)), "kind": "output"}
    assert json.loads(files[0].read_text()) == told
    assert files[0].stat().st_mode & 0o077 == 0
    await store.close()


async def test_without_a_setting_the_journal_is_a_folder_beside_the_objects(settings: config.Settings):
    runtime.journal.cache_clear()
    who = uuid4()
    await journal.write("account", who)
    assert (settings.data_dir / "journal" / "j" / who.hex[:2] / f"{who.hex}.account").is_file()
    assert not list((settings.data_dir / "objects").glob("j/*"))
