"""Signing in with a link and out again: once, in time, asked first, and the old session ends."""

from __future__ import annotations

import hashlib
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from starlette.responses import Response

from studio import config
from studio.http import access
from tests.http.people import COOKIE, Guest, make_link, rows, sign_in, value, visitor
from tests.system import System

EMAIL = "mara@example.org"


def live(system: System, token: str) -> bool:
    """Whether a cookie's session has not been ended."""
    digest = hashlib.sha256(token.encode()).digest()
    return bool(value(system, "SELECT revoked_at IS NULL FROM sessions WHERE token_hash = %s", digest))


async def test_a_link_signs_in_once_and_leads_to_the_studio(system: System):
    link = f"/signin/{make_link(system, EMAIL)}"
    async with visitor(system, origin=None) as client:
        first = await client.get(link)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        assert (await client.get("/")).status_code == 200
    async with visitor(system, origin=None) as client:
        second = await client.get(link)
    assert second.status_code == 410
    assert "This sign-in link was used already or has expired. Ask for a new one." in second.text
    assert "set-cookie" not in second.headers


async def test_a_link_that_expired_or_was_never_made_signs_nobody_in(system: System):
    token = make_link(system, EMAIL)
    rows(
        system,
        "UPDATE signin_links SET expires_at = studio_now() - interval '1 second' WHERE token_hash = %s",
        hashlib.sha256(token.encode()).digest(),
    )
    async with visitor(system, origin=None) as client:
        for path in (token, "nothing", "x" * 5000, "%00", "..%2f", "%F0%9F%98%80"):
            answer = await client.get(f"/signin/{path}")
            assert answer.status_code in (200, 404, 410), path  # 200: what is no link at all is a page of nobody's
            assert "set-cookie" not in answer.headers
            assert "Traceback" not in answer.text


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
async def test_a_link_followed_from_another_site_asks_before_it_signs_in(system: System, where: str):
    link = f"/signin/{make_link(system, EMAIL)}"
    async with visitor(system, origin=None) as client:
        question = await client.get(link, headers={"sec-fetch-site": where})
        assert question.status_code == 200
        assert "Another page sent you here with a sign-in link." in question.text
        assert '<form method="post"><button type="submit">Sign in</button></form>' in question.text
        assert "set-cookie" not in question.headers
        assert "<script" not in question.text
        foreign = await client.post(link, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        answered = await client.post(link, headers={"origin": system.url()})
        assert (answered.status_code, answered.headers["location"]) == (303, "/")


async def test_a_question_that_nobody_answered_leaves_the_link_good(system: System):
    link = f"/signin/{make_link(system, EMAIL)}"
    async with visitor(system, origin=None) as client:
        for _ in range(3):
            assert (await client.get(link, headers={"sec-fetch-site": "cross-site"})).status_code == 200
        assert (await client.get(link, headers={"sec-fetch-site": "none"})).status_code == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(system: System):
    async with visitor(system, origin=None) as client:
        answer = await client.get(f"/signin/{make_link(system, EMAIL)}")
    [sent] = answer.headers.get_list("set-cookie")
    cookie = SimpleCookie(sent)[COOKIE]
    assert cookie["httponly"]
    assert (cookie["path"], cookie["samesite"], cookie["domain"]) == ("/", "lax", "")
    assert len(cookie.value) >= 43
    assert int(cookie["max-age"]) == 30 * 86_400
    assert not value(system, "SELECT 1 FROM sessions WHERE encode(token_hash, 'escape') LIKE %s", f"%{cookie.value}%")


@pytest.mark.parametrize("act", ["set", "clear"])
def test_on_https_the_cookie_takes_the_host_prefix_and_is_secure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, act: str
):
    secure = config.load({"STUDIO_DATA": str(tmp_path), "STUDIO_PUBLIC_URL": "https://studio.example.org"})
    monkeypatch.setattr(access, "settings", lambda: secure)
    response = Response()
    if act == "set":
        access.set_session(response, "the-token")
    else:
        access.clear_session(response)
    sent = response.headers["set-cookie"]
    cookie = SimpleCookie(sent)["__Host-studio_session"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "lax")


async def test_signing_in_again_ends_the_session_that_was_there(system: System, guest: Guest):
    other = f"/signin/{make_link(system, 'someone.else@example.org')}"
    async with guest.client(origin=None) as client:
        answer = await client.get(other)
    assert answer.cookies[COOKIE] != guest.token
    assert not live(system, guest.token)
    assert live(system, answer.cookies[COOKIE])


async def test_signing_out_ends_the_session_and_takes_the_cookie_back(system: System, guest: Guest):
    elsewhere = await sign_in(system, email=guest.email)
    async with guest.client() as client:
        answer = await client.post("/signout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
        cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
        assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")
    assert not live(system, guest.token)
    assert live(system, elsewhere.token), "another browser of the same person stays signed in"
    async with guest.client() as client:
        assert (await client.get("/")).headers["location"] == "/welcome"
        assert (await client.post("/signout")).status_code == 401


@pytest.mark.parametrize("age", ["idle", "absolute"])
async def test_a_session_that_is_too_old_is_nobody(system: System, guest: Guest, age: str):
    column = "seen_at" if age == "idle" else "created_at"
    days = "7 days" if age == "idle" else "30 days"
    rows(
        system,
        f"UPDATE sessions SET {column} = studio_now() - interval '{days}' WHERE id = %s",  # type: ignore[arg-type]
        guest.session_id,
    )
    async with guest.client() as client:
        assert (await client.get("/")).headers["location"] == "/welcome"
        assert (await client.get("/library")).status_code == 303


@pytest.mark.parametrize(
    "cookie", ["", "x", "x" * 4000, '"', "studio_session", ";;;", "\x7f", "a=b; studio_session=", "=", "é"]
)
async def test_a_cookie_that_means_nothing_is_nobody_and_never_an_error(system: System, cookie: str):
    async with visitor(system) as client:
        for header in (f"studio_session={cookie}", cookie):
            answer = await client.get("/", headers=[(b"cookie", header.encode("latin-1"))])
            assert answer.status_code == 400 or answer.headers["location"] == "/welcome"


async def test_the_command_of_the_product_prints_a_link_that_works(system: System):
    link = system.signin_link("Operator@Example.org")
    assert link.startswith(f"{system.url()}/signin/")
    async with visitor(system, origin=None) as client:
        assert (await client.get(link)).status_code == 303
    assert value(system, "SELECT count(*) FROM accounts WHERE email = 'operator@example.org'") == 1
