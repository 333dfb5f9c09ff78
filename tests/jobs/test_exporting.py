"""An archive is everything an account has, a valid bag, and the same bytes however often its builder dies."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import bagit
import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import Conflict, NotFound
from studio.jobs.exporting import Builder
from studio.runtime import storage
from studio.services import assets, labels, ratings, registry
from studio.services.exports import archives
from studio.services.generations import Input
from studio.services.sessions import ReauthNeeded
from studio.services.storage import StorageUnavailable, key_for, new_key
from tests.factories import Person, finished, fresh, image, submitted

LOCK = 730_599_777
SMALL = 5 << 20


@pytest.fixture
async def builder(settings) -> AsyncIterator[Builder]:
    """A worker's builder; the lock says that it lives."""
    async with transaction(SYSTEM) as alive:
        await alive.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield Builder(lock=LOCK, piece=SMALL)


async def stored(who: Person, data: bytes, *, mime: str = "image/png") -> UUID:
    """An uploaded file whose bytes are stored; they need not be a picture here."""
    asset_id = uuid4()
    objects = await assets.write_objects(storage(), owner=asset_id, data=data, mime=mime, thumbnails={256: b"small"})
    async with transaction(who.actor) as session:
        await assets.add_upload(session, actor=who.actor, asset_id=asset_id, objects=objects, width=8, height=8)
    return asset_id


async def asked(who: Person) -> UUID:
    await fresh(who)
    async with transaction(who.actor) as session:
        return await archives.request(session, actor=who.actor)


async def again(who: Person) -> UUID:
    async with transaction(SYSTEM) as session:
        await archives.allow_another(session, by=None, account_id=who.account_id)
    return await asked(who)


async def archive_of(who: Person, export_id: UUID) -> archives.Archive:
    async with transaction(who.actor) as session:
        return next(each for each in await archives.listed(session, actor=who.actor) if each.id == export_id)


async def fetched(who: Person, export_id: UUID, part: int = 1) -> bytes:
    async with transaction(who.actor) as session:
        key, _ = await archives.download(session, actor=who.actor, export_id=export_id, part=part)
    async with await storage().open(key) as stream:
        return b"".join([chunk async for chunk in stream])


def unpacked(data: bytes, into: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(into)
        return into / archive.namelist()[0].split("/")[0]


async def test_a_bag_validates_and_holds_every_row_and_every_file(someone: Person, builder: Builder, tmp_path: Path):
    first, second = os.urandom(70_000), os.urandom(3)
    picture = await stored(someone, first)
    await stored(someone, second)
    await submitted(someone, image("a red house by the sea"), (Input("reference", picture),))
    export_id = await asked(someone)
    await builder.run()
    bag = unpacked(await fetched(someone, export_id), tmp_path)
    bagit.Bag(str(bag)).validate()
    found = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (bag / "data/assets").rglob("*.*")}
    assert found == {hashlib.sha256(data).hexdigest() for data in (first, second)}
    async with transaction(SYSTEM) as session:
        for entity in registry.entities():
            if entity.owned_by is None or not entity.exported:
                continue
            lines = (bag / f"data/{entity.table}.jsonl").read_text().splitlines()
            assert all(tuple(json.loads(line)) == entity.exported for line in lines), entity.table
            count = await session.scalar(
                text(f"SELECT count(*) FROM {entity.table} WHERE {entity.owned_by}"),
                {"account": someone.account_id},
            )
            # The mail that tells of the archive, and its own row, change after the archive was listed.
            assert len(lines) == count or entity.table in ("mails", "exports"), entity.table
    described = json.loads((bag / "datapackage.json").read_text())
    assert {each["path"] for each in described["resources"]} == {
        f"data/{file.name}" for file in (bag / "data").glob("*.jsonl")
    }
    page = (bag / "index.html").read_text()
    assert page.count("<img") == 2
    assert "http" not in page.replace("http-equiv", "")


async def test_its_gallery_shows_what_was_asked_what_it_cost_how_it_was_kept_and_where_it_comes_from(
    someone: Person, builder: Builder, tmp_path: Path
):
    source = await stored(someone, os.urandom(9))
    _, (made, plain) = await finished(
        someone, image("a red house <by the sea>", count=2), (Input("reference", source),), charged=30_000
    )
    still = await stored(someone, os.urandom(9))
    async with transaction(someone.actor) as session:
        await ratings.rate(session, actor=someone.actor, asset_ids=[made], stars=4)
        for name in ("winter", "Autumn & co"):
            label = await labels.create(session, actor=someone.actor, name=name)
            await labels.put_on(session, actor=someone.actor, asset_ids=[made], label_id=label)
        await session.execute(
            text("UPDATE assets SET derived_from = :clip WHERE id = :id"), {"clip": made, "id": still}
        )
    export_id = await asked(someone)
    await builder.run()
    page = (unpacked(await fetched(someone, export_id), tmp_path) / "index.html").read_text()
    tiles = {piece[:36]: piece.split("</li>")[0] for piece in page.split('<li id="f-')[1:]}
    assert set(tiles) == {str(each) for each in (source, made, plain, still)}

    def facts(ident: UUID) -> dict[str, str]:
        return dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", tiles[str(ident)]))

    shown = facts(made)
    assert "<p>a red house &lt;by the sea&gt;</p>" in tiles[str(made)]
    assert (shown["Cost"], shown["Rating"], shown["Labels"]) == ("$0.0300", "4 of 5", "Autumn &amp; co, winter")
    assert shown["Made from"] == f'<a href="index.html#f-{source}">{str(source)[:8]}</a>'
    assert facts(still)["Made from"] == f'<a href="index.html#f-{made}">{str(made)[:8]}</a>'
    assert not {"Rating", "Labels"} & (set(facts(plain)) | set(facts(source)))


async def test_the_persons_own_picture_is_in_it(someone: Person, builder: Builder, tmp_path: Path):
    key, face = new_key("p"), os.urandom(500)
    await storage().put(key, face, content_type="image/webp")
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE accounts SET picture_key = :key WHERE id = :id"), {"key": key, "id": someone.account_id}
        )
    export_id = await asked(someone)
    await builder.run()
    bag = unpacked(await fetched(someone, export_id), tmp_path)
    bagit.Bag(str(bag)).validate()
    assert (bag / "data/picture.webp").read_bytes() == face


async def test_secrets_are_not_in_it(someone: Person, builder: Builder, tmp_path: Path):
    export_id = await asked(someone)
    await builder.run()
    data = await fetched(someone, export_id)
    async with transaction(SYSTEM) as session:
        secret = await session.scalar(
            text("SELECT encode(token_hash, 'hex') FROM sessions WHERE account_id = :id"), {"id": someone.account_id}
        )
    assert secret
    assert secret.encode() not in data
    assert someone.email.encode() in data


async def test_nothing_of_another_account_is_in_it(someone: Person, other: Person, builder: Builder):
    theirs = b"not yours " + os.urandom(20)
    await stored(other, theirs)
    await submitted(other, image("the other's secret"))
    export_id = await asked(someone)
    await builder.run()
    data = await fetched(someone, export_id)
    assert theirs not in data
    for word in ("the other's secret", other.email, str(other.account_id)):
        assert word.encode() not in data


class KilledError(BaseException):
    """What a kill looks like from inside: nothing of ours may catch it."""


async def test_a_build_that_is_killed_again_and_again_has_the_same_bytes(
    someone: Person, builder: Builder, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(5):
        await stored(someone, os.urandom(4 << 20))
    export_id = await asked(someone)
    with monkeypatch.context() as keeping:
        keeping.setattr(Builder, "_drop_documents", lambda *_: asyncio.sleep(0))
        await builder.run()
    whole = hashlib.sha256(await fetched(someone, export_id)).hexdigest()
    async with transaction(SYSTEM) as session:  # the same plan, as it is before the first piece
        plan = await session.scalar(text("SELECT plan FROM exports WHERE id = :id"), {"id": export_id})
        plan["parts"][0]["done"] = False
        await session.execute(
            text("UPDATE exports SET state = 'building', plan = CAST(:plan AS jsonb) WHERE id = :id"),
            {"id": export_id, "plan": json.dumps(plan)},
        )
    assert plan["parts"][0]["size"] > 3 * SMALL
    await storage().delete(plan["parts"][0]["key"])
    told, tell = 0, Builder._tell

    async def dies(self: Builder, *args, **kwargs) -> None:
        nonlocal told
        await tell(self, *args, **kwargs)
        told += 1
        raise KilledError

    monkeypatch.setattr(Builder, "_tell", dies)
    while (await archive_of(someone, export_id)).state == "building":
        try:
            await Builder(lock=LOCK, piece=SMALL).run()
        except KilledError:
            assert told < 20
    assert told >= 4
    assert hashlib.sha256(await fetched(someone, export_id)).hexdigest() == whole


@pytest.mark.parametrize("how", ["gone", "changed", "short"])
async def test_a_file_that_cannot_be_read_is_listed_and_the_rest_is_there(
    someone: Person, builder: Builder, tmp_path: Path, how: str
):
    good, bad = os.urandom(1000), os.urandom(1000)
    await stored(someone, good)
    broken = await stored(someone, bad)
    key = key_for("o", broken)
    await storage().delete(key)
    if how != "gone":
        await storage().put(key, bad[:-1] + bytes([bad[-1] ^ 1]) if how == "changed" else bad[:-1], content_type="x/y")
    export_id = await asked(someone)
    await builder.run()
    await builder.run()  # what changed is found while copying, and the archive begins again without it
    bag = unpacked(await fetched(someone, export_id), tmp_path)
    bagit.Bag(str(bag)).validate()
    (missing,) = [json.loads(line) for line in (bag / "data/missing.jsonl").read_text().splitlines()]
    assert missing["id"] == str(broken)
    assert [file.read_bytes() for file in (bag / "data/assets").rglob("*.*")] == [good]
    assert (await archive_of(someone, export_id)).missing == 1
    async with transaction(SYSTEM) as session:
        told = await session.scalar(
            text("SELECT data ->> 'missing' FROM mails WHERE account_id = :id AND template = 'export_ready'"),
            {"id": someone.account_id},
        )
    assert told == "1"


async def test_above_the_part_size_each_part_is_a_bag_and_the_gallery_finds_all(
    someone: Person, builder: Builder, tmp_path: Path
):
    for _ in range(3):
        await stored(someone, os.urandom(600))
    del builder
    export_id = await asked(someone)
    await Builder(lock=LOCK, piece=SMALL, part_bytes=1300).run()
    parts = (await archive_of(someone, export_id)).parts
    assert len(parts) == 2
    bags = [unpacked(await fetched(someone, export_id, n), tmp_path) for n in (1, 2)]
    for bag in bags:
        bagit.Bag(str(bag)).validate()
    page = (bags[0] / "index.html").read_text()
    sources = [piece.split('"')[0] for piece in page.split('<img src="')[1:]]
    assert len(sources) == 3
    assert all((bags[0] / source).resolve().is_file() for source in sources)


async def test_it_needs_a_recent_sign_in_and_one_a_day_is_enough(someone: Person, builder: Builder):
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET reauth_at = NULL WHERE id = :id"), {"id": someone.actor.session_id}
        )
    with pytest.raises(ReauthNeeded):
        async with transaction(someone.actor) as session:
            await archives.request(session, actor=someone.actor)
    await asked(someone)
    with pytest.raises(Conflict, match=r"being built|One archive a day"):
        await asked(someone)
    await builder.run()
    with pytest.raises(Conflict, match="One archive a day"):
        await asked(someone)
    await again(someone)


async def test_taken_back_it_is_gone_with_every_object(someone: Person, other: Person, builder: Builder):
    await stored(someone, os.urandom(100))
    export_id = await asked(someone)
    await builder.run()
    with pytest.raises(NotFound):
        async with transaction(other.actor) as session:
            await archives.download(session, actor=other.actor, export_id=export_id, part=1)
    with pytest.raises(NotFound):
        async with transaction(other.actor) as session:
            await archives.take_back(session, actor=other.actor, export_id=export_id)
    async with transaction(someone.actor) as session:
        await archives.take_back(session, actor=someone.actor, export_id=export_id)
    with pytest.raises(NotFound):
        await fetched(someone, export_id)
    await builder.run()
    assert [each async for each in storage().list(key_for("x", export_id))] == []


async def test_after_seven_days_it_is_gone(someone: Person, builder: Builder):
    export_id = await asked(someone)
    await builder.run()
    async with transaction(SYSTEM) as session:
        await session.execute(text("UPDATE exports SET expires_at = studio_now() WHERE id = :id"), {"id": export_id})
    with pytest.raises(NotFound):
        await fetched(someone, export_id)
    async with transaction(SYSTEM) as session:
        assert await archives.due(session)
    await builder.run()
    assert [each async for each in storage().list(key_for("x", export_id))] == []
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT state FROM exports WHERE id = :id"), {"id": export_id}) == "expired"
        assert not await archives.due(session)


async def test_stopped_while_it_is_built_nothing_stays(someone: Person, builder: Builder, monkeypatch):
    for _ in range(3):
        await stored(someone, os.urandom(4 << 20))
    export_id = await asked(someone)
    tell, seen = Builder._tell, asyncio.Event()

    async def slow(self: Builder, *args, **kwargs) -> None:
        if not seen.is_set():
            seen.set()
            async with transaction(someone.actor) as session:
                await archives.take_back(session, actor=someone.actor, export_id=export_id)
        await tell(self, *args, **kwargs)

    monkeypatch.setattr(Builder, "_tell", slow)
    await builder.run()
    assert seen.is_set()
    assert [each async for each in storage().list(key_for("x", export_id))] == []
    async with transaction(SYSTEM) as session:
        row = (await session.execute(text("SELECT state, plan FROM exports WHERE id = :id"), {"id": export_id})).one()
    assert tuple(row) == ("cancelled", None)


async def test_finished_and_announced_it_stays_although_its_builder_fails_at_the_last_step(
    someone: Person, builder: Builder, monkeypatch: pytest.MonkeyPatch
):
    await stored(someone, b"a picture")
    export_id = await asked(someone)

    async def breaks(*_: object) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(Builder, "_drop_documents", breaks)
    await builder.run()
    assert (await archive_of(someone, export_id)).state == "ready"
    assert zipfile.ZipFile(io.BytesIO(await fetched(someone, export_id))).testzip() is None
