"""Proving once more who one is: which ways there are, where they lead, and what becomes of the session."""

from __future__ import annotations

import hashlib
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.http.people import COOKIE, Guest, make_link, rows, sign_in, value, visitor
from tests.http.wire import STUDIO, connect, load
from tests.system import System

BACK = "/settings/spend?cap=55"


def grow_old(guest: Guest) -> None:
    """Their last proof of who they are is eleven minutes ago."""
    rows(
        guest.system,
        "UPDATE sessions SET reauth_at = studio_now() - interval '11 minutes' WHERE id = %s",
        guest.session_id,
    )


def fresh(guest: Guest) -> bool:
    return bool(
        value(
            guest.system,
            "SELECT reauth_at > studio_now() - interval '1 minute' FROM sessions WHERE id = %s",
            guest.session_id,
        )
    )


async def test_who_has_just_signed_in_goes_straight_back(guest: Guest):
    async with guest.client() as client:
        answer = await client.get(f"/reauth?next={quote(BACK)}")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)


async def test_the_page_says_how_and_lets_one_go_back(guest: Guest):
    grow_old(guest)
    async with guest.client() as client:
        answer = await client.get("/reauth?next=/settings/profile%3Femail%3D%22%3E%3Cb%3E")
    assert answer.status_code == 200
    assert "make link" in answer.text
    assert '<a class="quiet" href="/settings/profile?email=&quot;&gt;&lt;b&gt;">Not now</a>' in answer.text
    assert "/auth/" not in answer.text, "no provider knows this account"


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "/\\evil.example", "/signin/x", "x" * 999])
async def test_only_pages_of_ours_are_gone_back_to(guest: Guest, there: str):
    grow_old(guest)
    async with guest.client() as client:
        assert 'href="/">Not now' in (await client.get("/reauth", params={"next": there})).text
        opened = await client.get(f"/signin/{make_link(guest.system, guest.email)}")
    assert opened.headers["location"] == "/"


async def test_a_new_link_in_the_same_browser_confirms_the_session_and_changes_its_token(system: System, guest: Guest):
    grow_old(guest)
    own = str(uuid4())
    async with connect(system, cookie=guest.token, token=own) as tab:
        await load(tab)
        async with guest.client() as client:
            await client.get(f"/reauth?next={quote(BACK)}")
            answer = await client.get(f"/signin/{make_link(system, guest.email)}")
        assert (answer.status_code, answer.headers["location"]) == (303, BACK)
        new = answer.cookies[COOKIE]
        assert new != guest.token
        assert fresh(guest)
        sessions = rows(system, "SELECT id, token_hash FROM sessions WHERE account_id = %s", guest.account_id)
        assert [(s.id, s.token_hash) for s in sessions] == [(guest.session_id, hashlib.sha256(new.encode()).digest())]
        tab.call(f"{STUDIO}.set_prompt", value="still here")  # a page that was open goes on
        await tab.until(lambda s: s.known("prompt") == "still here")
    async with visitor(system, cookie=guest.token) as thief:
        assert (await thief.get("/")).headers["location"] == "/welcome"
    async with connect(system, cookie=new, token=own) as again:  # and is filled anew when its connection was lost
        await load(again)
        assert again.known("email") == guest.email


async def test_somebody_elses_link_confirms_nobody(system: System, guest: Guest):
    grow_old(guest)
    other = await sign_in(system)
    async with guest.client() as client:
        await client.get(f"/reauth?next={quote(BACK)}")
        answer = await client.get(f"/signin/{make_link(system, other.email)}")
    assert answer.headers["location"] == "/"
    assert not fresh(guest)
    assert value(system, "SELECT revoked_at IS NOT NULL FROM sessions WHERE id = %s", guest.session_id)


async def test_nobody_is_sent_to_the_welcome_page(system: System):
    async with visitor(system) as client:
        assert (await client.get("/reauth")).headers["location"] == "/welcome"
