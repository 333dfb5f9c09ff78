"""The mails about a change of address arrive, their links ask before they act, and every cause of a mail writes one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from studio import config
from studio.db import SYSTEM, transaction
from studio.http.routes import application
from studio.services import addresses, sessions
from studio.services.identity import signin_link
from studio.state.devices import DevicesState
from tests.factories import Person, image, person, submitted
from tests.fixtures_mail import Postbox, post, send
from tests.state.tab import call, tab

__all__ = ["post"]
HERE = "http://127.0.0.1:3000"


@pytest.fixture
async def browser(settings: config.Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is not signed in."""
    async with visitor() as client:
        yield client


def visitor() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application()), base_url=HERE)


def letters(post: Postbox, to: str) -> dict[str, str]:
    """The text of each mail that arrived, by its subject."""
    found = {}
    for message in post.to(to):
        body = message.get_body(("plain",))
        assert body is not None
        found[str(message["subject"])] = body.get_content()
    return found


def link_in(letter: str) -> str:
    found = re.search(rf"{HERE}(/address/\S+)", letter)
    assert found, letter
    return found[1]


async def value(query: str, **values: Any) -> Any:
    async with transaction(SYSTEM) as session:
        return await session.scalar(text(query), values)


async def email_of(who: Person) -> str:
    return await value("SELECT email FROM accounts WHERE id = :id", id=who.account_id)


async def asked(who: Person) -> str:
    """A change that waits; returns the new address."""
    new = f"{uuid4().hex}@example.net"
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=who.identity.session_id)
    async with transaction(who.actor) as session:
        await addresses.ask(session, actor=who.actor, email=new)
    return new


async def test_both_addresses_get_their_mail_and_the_whole_way_there_and_back_works_from_them(
    post: Postbox, browser: httpx.AsyncClient, someone: Person
):
    new = await asked(someone)
    await send()
    [confirm] = [link_in(letter) for letter in letters(post, new).values()]
    first = letters(post, someone.email)["Your email address is to be changed"]
    assert new in first
    answer = await browser.post(confirm)
    assert (answer.status_code, "Your account uses" in answer.text, new in answer.text) == (200, True, True)
    assert await email_of(someone) == new
    await send()
    second = letters(post, someone.email)["Your email address was changed"]
    question = await browser.get(link_in(second))
    assert f"Your account goes back to {someone.email}." in question.text
    done = await browser.post(link_in(second))
    assert (done.status_code, "The change was undone" in done.text) == (200, True)
    assert await email_of(someone) == someone.email
    await send()
    assert "You were signed out everywhere" in letters(post, someone.email)
    assert "Your address is no longer used for Studio" in letters(post, new)
    assert (await browser.post(link_in(first))).status_code == 410


async def test_a_scanner_that_opens_every_link_changes_nothing(
    post: Postbox, browser: httpx.AsyncClient, someone: Person
):
    new = await asked(someone)
    await send()
    [confirm] = [link_in(letter) for letter in letters(post, new).values()]
    stop = link_in(letters(post, someone.email)["Your email address is to be changed"])
    for _ in range(2):
        for path, words in ((confirm, "Confirm your new address"), (stop, "Stop the change of address")):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert words in answer.text
            assert '<form method="post">' in answer.text
            assert "<script" not in answer.text
            assert (await browser.head(path)).status_code == 200
    async with transaction(someone.actor) as session:
        assert await addresses.pending(session, actor=someone.actor) is not None
    assert await email_of(someone) == someone.email
    assert (await browser.post(stop)).status_code == 200
    over = await browser.post(confirm)
    assert (over.status_code, "Nothing was changed" in over.text) == (410, True)


async def test_an_address_that_somebody_has_is_refused_to_its_holder_only(
    post: Postbox, browser: httpx.AsyncClient, someone: Person, other: Person
):
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=someone.identity.session_id)
    async with transaction(someone.actor) as session:
        await addresses.ask(session, actor=someone.actor, email=other.email)
    await send()
    answer = await browser.post(link_in(letters(post, other.email)["Confirm your new email address"]))
    assert answer.status_code == 409
    assert "This address cannot be used for a Studio account." in answer.text
    assert someone.email not in answer.text
    assert await email_of(someone) == someone.email


# What else writes a mail


async def sign_in(email: str) -> httpx.Response:
    async with transaction(SYSTEM) as session:
        url = await signin_link.create(session, email=email)
    async with visitor() as client:
        answer = await client.get(url, headers={"sec-fetch-site": "none"})
        if answer.headers["location"] == "/join":
            answer = await client.post("/join", data={"adult": "1", "terms": "1", "go": "on"})
        return answer


async def written(email: str, template: str) -> int:
    return await value(
        "SELECT count(*) FROM mails WHERE recipient = :to AND template = :template", to=email, template=template
    )


async def test_the_first_sign_in_welcomes_and_those_of_later_days_are_told_once_a_day(settings: config.Settings):
    email = f"{uuid4().hex}@example.org"
    for _ in range(2):
        assert (await sign_in(email)).headers["location"] == "/"
    assert (await written(email, "welcome"), await written(email, "signin")) == (1, 0)
    for day in (1, 2):
        # as if all that was written before had been written a day and a bit earlier
        await value(
            "UPDATE mails SET created_at = created_at - interval '25 hours', "
            "dedupe_key = CASE template WHEN 'signin' THEN 'signin:earlier' ELSE dedupe_key END "
            "WHERE recipient = :to RETURNING 1",
            to=email,
        )
        for _ in range(2):
            await sign_in(email)
        assert await written(email, "signin") == day
    assert await written(email, "welcome") == 1


async def test_signing_out_everywhere_on_the_page_is_told(someone: Person):
    async with transaction(SYSTEM) as session:
        await sessions.confirm(session, session_id=someone.identity.session_id)
    await call(tab(DevicesState, someone), "end_all")
    assert await written(someone.email, "sessions_revoked") == 1


async def test_half_four_fifths_and_all_of_the_cap_arrive_in_the_mailbox(post: Postbox):
    who = await person(cap_micros=200_000)
    for _ in range(5):
        await submitted(who, image())
    await send()
    told = [subject for subject in letters(post, who.email) if "monthly cap" in subject]
    assert told == [f"{percent} % of your monthly cap is used" for percent in (50, 80, 100)]
