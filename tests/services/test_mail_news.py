"""Product news go only to people who asked, and stop with one click that needs nothing but the link."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from studio.db import SYSTEM, transaction
from studio.errors import NotFound
from studio.services import journal, mail
from studio.services.storage import open_storage
from tests.factories import Person
from tests.fixtures_mail import Postbox, post, rows_of, send
from tests.http.people import rows as system_rows
from tests.http.people import sign_in, visitor
from tests.system import System

__all__ = ["post"]
NEWS = {"title": "Clips with sound", "body": "Two new models.\nBoth make sound.", "link": "/"}


async def announce(who: Person) -> None:
    async with transaction(SYSTEM) as session:
        await mail.enqueue(session, account_id=who.account_id, to=who.email, template="news", data=NEWS)


async def asks(who: Person) -> None:
    async with transaction(who.actor) as session:
        await mail.opt_in(session, account_id=who.account_id, text_version="2026-11")


async def test_news_without_an_opt_in_raise(someone: Person, other: Person):
    await asks(other)
    with pytest.raises(mail.NotOptedIn):
        await announce(someone)
    with pytest.raises(mail.NotOptedIn):
        async with transaction(SYSTEM) as session:
            await mail.enqueue(session, account_id=None, to=someone.email, template="news", data=NEWS)
    assert all(row.template != "news" for row in await rows_of(someone.email))


async def test_an_opt_in_has_a_time_and_a_wording_and_is_kept_after_it_was_taken_back(someone: Person):
    await asks(someone)
    await asks(someone)
    async with transaction(someone.actor) as session:
        assert await mail.opt_out(session, account_id=someone.account_id)
        assert not await mail.opt_out(session, account_id=someone.account_id)
    await asks(someone)
    async with transaction(someone.actor) as session:
        found = (await session.execute(text("SELECT * FROM mail_optins ORDER BY withdrawn_at NULLS LAST"))).all()
    assert [(row.text_version, row.withdrawn_at is None) for row in found] == [("2026-11", False), ("2026-11", True)]
    assert all(row.given_at for row in found)


async def test_news_carry_the_one_click_headers_and_nothing_else_does(post: Postbox, someone: Person):
    await asks(someone)
    await announce(someone)
    async with transaction(SYSTEM) as session:
        await mail.enqueue(session, account_id=someone.account_id, to=someone.email, template="welcome", data={})
    await send()
    by_subject = {message["Subject"]: message for message in post.to(someone.email)}
    news, welcome = by_subject["Clips with sound"], by_subject["Welcome to Studio"]
    url = f"http://127.0.0.1:3000{mail.unsubscribe_path(someone.account_id)}"
    assert news["List-Unsubscribe"] == f"<{url}>"
    assert news["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert any(f"List-Unsubscribe: <{url}>\r\n".encode() in raw for raw in post.raw)  # in one piece on the wire
    body = news.get_body(("plain",))
    assert body is not None
    assert url in body.get_content()
    assert (welcome["List-Unsubscribe"], welcome["List-Unsubscribe-Post"]) == (None, None)
    assert "unsubscribe" not in welcome.as_string()


async def test_whoever_opts_out_while_news_wait_does_not_get_them(post: Postbox, someone: Person, other: Person):
    for who in (someone, other):
        await asks(who)
        await announce(who)
    async with transaction(someone.actor) as session:
        await mail.opt_out(session, account_id=someone.account_id)
    await send()
    welcome = "Welcome to Studio"
    assert [message["Subject"] for message in post.to(someone.email)] == [welcome]
    assert [message["Subject"] for message in post.to(other.email)] == [welcome, "Clips with sound"]
    (row,) = [row for row in await rows_of(someone.email) if row.template == "news"]
    assert (row.state, row.data, row.reason) == ("dropped", {}, "withdrawn")


async def test_a_link_belongs_to_one_account_and_cannot_be_made_up(someone: Person, other: Person):
    token = mail.unsubscribe_path(someone.account_id).rpartition("/")[2]
    assert mail.account_of_token(token) == someone.account_id
    other_token = mail.unsubscribe_path(other.account_id).rpartition("/")[2]
    mixed = other_token[:21] + token[21:]
    for forged in ("", token[:-1], token + "A", mixed, "A" * 43, token[:-1] + "=", "é" * 43, str(uuid4())):
        with pytest.raises(NotFound):
            mail.account_of_token(forged)


async def test_one_click_from_anywhere_ends_the_news_and_looking_at_the_page_does_not(
    system: System, monkeypatch: pytest.MonkeyPatch, settings: object, scratch: Path
):
    who = await sign_in(system)
    system_rows(
        system,
        "INSERT INTO mail_optins (id, account_id, text_version) VALUES (gen_random_uuid(), %s, 'x')",
        who.account_id,
    )
    monkeypatch.setenv("STUDIO_SECRET_KEY", system.environment()["STUDIO_SECRET_KEY"])
    mail.settings.cache_clear()
    path = mail.unsubscribe_path(who.account_id)
    monkeypatch.undo()
    mail.settings.cache_clear()

    def active() -> int:
        found = system_rows(
            system,
            "SELECT count(*) AS n FROM mail_optins WHERE account_id = %s AND withdrawn_at IS NULL",
            who.account_id,
        )
        return found[0].n

    async with httpx.AsyncClient(base_url=system.url()) as stranger:
        page = await stranger.get(path)
        assert (page.status_code, active()) == (200, 1)
        assert "set-cookie" not in page.headers
        one_click = {"List-Unsubscribe": "One-Click"}
        for _ in range(2):
            answer = await stranger.post(path, data=one_click)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
    assert active() == 0
    given = system_rows(system, "SELECT id FROM mail_optins WHERE account_id = %s", who.account_id)[0].id
    noted = open_storage(Path(system.environment()["STUDIO_DATA"]) / "journal")
    assert [entry.id async for entry in journal.entries(store=noted) if entry.kind == "optout"] == [given]
    async with visitor(system, origin="https://evil.example") as client:
        assert (await client.post("/mail/unsubscribe/nonsense")).status_code == 404
