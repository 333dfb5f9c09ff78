"""A provider's picture: fetched once after the sign-in, kept small and bare, gone for good when it is taken away."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.jobs import portraits
from studio.runtime import storage
from studio.services import pictures
from studio.services.eventlog import WRITER
from studio.services.identity import joining
from studio.services.identity.joining import Arrival
from tests.factories import Person, person
from tests.fixtures_https import Server, https
from tests.services.test_fetching import answer
from tests.system import ROOT

ROCKET = (ROOT / "tests" / "data" / "photo-rocket.jpg").read_bytes()


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 3, 0, width - width // 3, height))
    picture.save(out, "PNG", pnginfo=None, exif=b"Exif\x00\x00secret place")
    return out.getvalue()


@pytest.fixture
async def server(tmp_path: Path, settings: config.Settings) -> AsyncIterator[Server]:
    answers = {
        "/me.png": answer(png(600, 200)),
        "/photo.jpg": answer(ROCKET),
        "/page": answer(b"<!doctype html><p>hello", "content-type: image/png"),
        "/svg": answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "content-type: image/png"),
        "/gif": answer(b"GIF89a" + bytes(100)),
        "/cut": answer(png(600, 200)[:-40]),
        "/gone": answer(b"", status="404 Not Found"),
    }
    async with https(tmp_path, answers, ["pictures.example.org"]) as running:
        yield running


async def named(who: Person, url: str) -> bool:
    async with transaction(SYSTEM) as session:
        return await pictures.name(session, account_id=who.account_id, url=url)


async def row(account_id: UUID) -> tuple[str | None, str | None, list[str]]:
    async with transaction(SYSTEM) as session:
        found = await session.execute(
            text("SELECT picture_url, picture_key, picture_gone FROM accounts WHERE id = :id"), {"id": account_id}
        )
        return tuple(found.one())


async def jobs(account_id: UUID, name: str) -> int:
    async with transaction(SYSTEM) as session:
        return await session.scalar(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name AND args = CAST(:args AS jsonb)"),
            {"name": name, "args": f'{{"account_id": "{account_id}"}}'},
        )


async def kept(key: str) -> bytes:
    async with await storage().open(key) as stream:
        return b"".join([part async for part in stream])


async def test_a_picture_is_fetched_once_and_kept_as_a_bare_square(someone: Person, server: Server):
    assert await named(someone, server.url("/me.png"))
    assert await jobs(someone.account_id, pictures.FETCH) == 1
    for _ in range(2):  # a job may run twice
        await portraits.fetch(someone.account_id, rules=server.rules())
    assert len(server.asked) == 1
    url, key, _ = await row(someone.account_id)
    assert url is None, "the address is not kept"
    assert key is not None
    assert key.startswith("p/")
    data = await kept(key)
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size, dict(picture.getexif())) == ("WEBP", (256, 256), {})
    assert b"secret place" not in data
    red, _, blue = picture.convert("RGB").crop((128, 128, 129, 129)).tobytes()
    assert blue > 200 > red, "cut from the middle"


async def test_a_photo_is_kept_without_what_it_told(someone: Person, server: Server):
    await named(someone, server.url("/photo.jpg"))
    await portraits.fetch(someone.account_id, rules=server.rules())
    _, key, _ = await row(someone.account_id)
    assert key is not None
    picture = Image.open(io.BytesIO(await kept(key)))
    assert (picture.size, picture.info.get("exif"), picture.info.get("icc_profile")) == ((256, 256), None, None)


@pytest.mark.parametrize("path", ["/page", "/svg", "/gif", "/cut", "/gone"])
async def test_what_is_no_picture_is_quietly_none_and_not_asked_for_again(someone: Person, server: Server, path: str):
    before = len(WRITER.errors)
    await named(someone, server.url(path))
    await portraits.fetch(someone.account_id, rules=server.rules())
    await portraits.fetch(someone.account_id, rules=server.rules())
    assert len(server.asked) == 1
    assert await row(someone.account_id) == (None, None, [])
    assert len(WRITER.errors) == before


async def test_a_private_address_is_quietly_none_under_the_rules_of_production(someone: Person):
    await named(someone, "https://localhost.localdomain/me.png")
    await portraits.fetch(someone.account_id)
    assert await row(someone.account_id) == (None, None, [])


async def test_a_picture_that_was_taken_away_is_deleted_and_does_not_come_back(someone: Person, server: Server):
    await named(someone, server.url("/me.png"))
    await portraits.fetch(someone.account_id, rules=server.rules())
    _, key, _ = await row(someone.account_id)
    assert key is not None
    async with transaction(someone.actor) as session:
        await pictures.remove(session, actor=someone.actor)
    assert await row(someone.account_id) == (None, None, [key])
    assert await jobs(someone.account_id, pictures.DROP) == 1
    for _ in range(2):
        await portraits.drop(someone.account_id)
    assert await storage().stat(key) is None
    assert await row(someone.account_id) == (None, None, [])
    assert not await named(someone, server.url("/me.png"))
    await portraits.fetch(someone.account_id, rules=server.rules())
    assert len(server.asked) == 1


async def test_a_removal_while_the_fetch_runs_wins(someone: Person, server: Server):
    await named(someone, server.url("/me.png"))
    async with transaction(SYSTEM) as session:
        url = await pictures.claim(session, account_id=someone.account_id)
    assert url is not None
    async with transaction(someone.actor) as session:
        await pictures.remove(session, actor=someone.actor)
    async with transaction(SYSTEM) as session:
        assert not await pictures.record(session, account_id=someone.account_id, url=url, key="p/00/" + "0" * 32)
    assert (await row(someone.account_id))[1] is None


async def test_a_lost_job_is_woken_and_a_lost_request_is_given_up(someone: Person, server: Server):
    lost = await person()
    for who in (someone, lost):
        await named(who, server.url("/me.png"))
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = :name"), {"name": pictures.FETCH})
        await session.execute(
            text("UPDATE accounts SET picture_asked_at = studio_now() - interval '1 hour' WHERE id = :id"),
            {"id": lost.account_id},
        )
        await pictures.sweep(session)
    assert await jobs(someone.account_id, pictures.FETCH) == 1
    assert await jobs(lost.account_id, pictures.FETCH) == 0
    assert (await row(lost.account_id))[0] is None


async def test_a_linked_provider_gives_a_picture_only_where_there_is_none(someone: Person, server: Server):
    for number in range(2):
        arrival = Arrival(
            email=someone.email, issuer="https://id.example.org", subject=uuid4().hex, picture=server.url("/me.png")
        )
        async with transaction(SYSTEM) as session:
            await joining.link(session, account_id=someone.account_id, arrival=arrival)
        assert ((await row(someone.account_id))[0] is None) == bool(number)
        await portraits.fetch(someone.account_id, rules=server.rules())
    assert len(server.asked) == 1
