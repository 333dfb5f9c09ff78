"""Each guarded route refuses what is too often with a sentence and a time, and loses nothing that was typed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from studio import config, rates, web
from studio.config import OidcSettings, SignupSettings
from studio.db import SYSTEM, transaction
from studio.http.routes import ROUTES, application
from studio.services import abuse, accounts, consent
from studio.services.identity import oidc, signin_link
from tests.factories import Person, fresh
from tests.oidc.issuer import CLIENT, ISSUER, SECRET, Issuer

HERE = "http://127.0.0.1:3000"
COOKIE = "studio_session"
TWICE = ",".join(f"{name}=2/86400" for name in rates.DEFAULTS)


@pytest.fixture(autouse=True)
async def twice(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Everything may be done twice a day; what was counted goes with the test."""
    monkeypatch.setattr(abuse, "settings", lambda: replace(settings, limits=rates.parse(TWICE)))
    yield
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM rate_counts"))
        await session.execute(text("DELETE FROM usage_counts"))


@pytest.fixture
def issuer(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """An honest issuer, configured as this studio's provider; sign-up is open."""
    told = Issuer(subject=uuid4().hex, email=f"{uuid4().hex}@example.org")
    ours = oidc.Provider(OidcSettings("oidc", "Acme", ISSUER, CLIENT, SECRET), transport=told.transport())
    monkeypatch.setattr(oidc, "providers", lambda: {"oidc": ours})
    monkeypatch.setattr(accounts, "settings", lambda: replace(settings, signup=SignupSettings("open")))
    return told


def browser(address: str = "203.0.113.5", *, who: Person | None = None) -> httpx.AsyncClient:
    """A browser of our routes at an address, signed in or not."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application(), client=(address, 50_000)),
        base_url=HERE,
        headers={"sec-fetch-site": "same-origin"},
        cookies={COOKIE: who.token} if who else None,
    )


@dataclass(frozen=True)
class Guarded:
    """A route that counts; `said` is what there is too much of."""

    method: str
    url: str
    said: str
    signed_in: bool = False


GUARDED = (
    Guarded("GET", "/auth/oidc/start", "sign-in attempts"),
    Guarded("GET", "/auth/oidc/callback?state=x&code=x", "sign-in attempts"),
    Guarded("GET", "/signin/guessed", "one-time links"),
    Guarded("POST", "/signin/guessed", "one-time links"),
    Guarded("GET", "/auth/oidc/start?reauth=1", "confirmations", signed_in=True),
    Guarded("GET", "/auth/oidc/start?link=1", "requests to link a provider", signed_in=True),
    Guarded("GET", "/reauth", "confirmations", signed_in=True),
    Guarded("GET", "/address/confirm/guessed", "one-time links"),
    Guarded("POST", "/address/confirm/guessed", "one-time links"),
    Guarded("GET", "/address/undo/guessed", "one-time links"),
    Guarded("POST", "/address/undo/guessed", "one-time links"),
    Guarded("POST", "/api/uploads", "uploads", signed_in=True),
    Guarded("POST", "/api/picture", "uploads", signed_in=True),
    Guarded("POST", "/cookies/choices", "answers"),
    Guarded("GET", "/spend.csv?month=2026-01", "downloads of your spend", signed_in=True),
)


# What changes something and may be done as often as anybody likes, each with its reason.
UNLIMITED = {
    "/join": "answers are counted, and leaving never: test_answers_that_come_too_often_keep_what_was_ticked",
    "/signout": "nobody may be kept from ending their own session",
    "/api/theme": "sets a cookie in the browser that asks, and writes nothing",
    "/api/workspace": "one column of one's own session",
    "/api/usage": "counted only for who allowed it: test_counts_that_come_too_often_are_refused",
    "/mail/unsubscribe/{token}": "mail programs post for many readers from few addresses; the path is signed",
}


def test_every_route_that_changes_something_counts_or_says_why_not():
    posts = {route.path for route in ROUTES if "POST" in (route.methods or ())}
    counted = {
        route.path
        for route in ROUTES
        for guarded in GUARDED
        if guarded.method == "POST" and route.path_regex.match(guarded.url.partition("?")[0])
    }
    assert posts == counted | set(UNLIMITED)
    assert counted.isdisjoint(UNLIMITED)


def too_often(answer: httpx.Response, said: str) -> None:
    """429, when to come back, and the sentence."""
    assert answer.status_code == 429, answer.text
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 86_400
    assert f"Too many {said}. Try again " in answer.text
    if "json" in answer.headers["content-type"]:
        assert answer.json()["code"] == "rate_limited"


@pytest.mark.usefixtures("issuer")
@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.url}")
async def test_the_third_try_of_two_is_refused_and_other_people_go_on(someone: Person, other: Person, route: Guarded):
    if route.url != "/reauth":  # which has nothing to ask of who is
        await fresh(someone)
        await fresh(other)
    async with browser(who=someone if route.signed_in else None) as client:
        for _ in range(2):
            assert (await client.request(route.method, route.url)).status_code != 429
        too_often(await client.request(route.method, route.url), route.said)
    elsewhere = browser(who=other) if route.signed_in else browser("203.0.113.6")
    async with elsewhere as client:  # an account at the same address, or nobody at another one
        assert (await client.request(route.method, route.url)).status_code != 429


@pytest.mark.usefixtures("issuer")
async def test_a_refused_start_makes_no_anonymous_session_so_they_cannot_pile_up():
    async def waiting() -> int:
        async with transaction(SYSTEM) as session:
            return await session.scalar(text("SELECT count(*) FROM sessions WHERE account_id IS NULL")) or 0

    before = await waiting()
    for _ in range(8):
        async with browser() as client:  # each without a cookie
            answer = await client.get("/auth/oidc/start")
            assert (COOKIE in client.cookies) == (answer.status_code == 303)
    assert await waiting() == before + 2


async def test_guessing_at_links_does_not_use_the_right_one_up(issuer: Issuer):
    async with transaction(SYSTEM) as session:
        url = await signin_link.create(session, email=issuer.email)
    async with browser() as client:
        for _ in range(2):
            assert (await client.get("/signin/guessed")).status_code == 410
        too_often(await client.get(url), "one-time links")
    async with browser("203.0.113.6") as client:
        assert (await client.get(url)).headers["location"] == "/join"


async def test_a_refused_callback_leaves_the_sign_in_to_be_finished_later(issuer: Issuer):
    async with browser("203.0.113.40") as client:
        began = await client.get("/auth/oidc/start")
        approved = issuer.approve(began.headers["location"])
        async with browser("203.0.113.40") as neighbour:
            await neighbour.get("/auth/oidc/start")
        too_often(await client.get("/auth/oidc/callback", params=approved), "sign-in attempts")
        kept = client.cookies[COOKIE]
    async with browser("203.0.113.41") as client:
        client.cookies.set(COOKIE, kept, domain="127.0.0.1")
        back = await client.get("/auth/oidc/callback", params=approved)
        assert back.headers["location"] == "/join", back.text


async def test_answers_that_come_too_often_keep_what_was_ticked(issuer: Issuer):
    async with browser() as client:
        began = await client.get("/auth/oidc/start")
        await client.get("/auth/oidc/callback", params=issuer.approve(began.headers["location"]))
        for _ in range(2):
            assert (await client.post("/join", data={"marketing": "1", "go": "on"})).status_code == 422
        answer = await client.post("/join", data={"adult": "1", "terms": "1", "marketing": "1", "go": "on"})
        too_often(answer, "answers")
        assert answer.text.count(" checked") == 3
        assert 'role="alert">Too many answers.' in answer.text
        left = await client.post("/join", data={"go": "leave"})
        assert left.headers["location"] == "/welcome", "leaving is never refused"


async def test_counts_that_come_too_often_are_refused_and_without_a_yes_none_is_made():
    async with browser() as client:
        yes = {"choice": "save", "analytics": "on", "text": consent.text_hash()}
        for _ in range(3):
            assert (await client.post("/api/usage", json={"page": "/"})).status_code == 204
        await client.post("/cookies/choices", data=yes)
        for _ in range(2):
            assert (await client.post("/api/usage", json={"page": "/"})).status_code == 204
        too_often(await client.post("/api/usage", json={"page": "/"}), "counts")


async def test_pages_and_files_cost_no_count(someone: Person):
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM rate_counts"))
    async with browser(who=someone) as client:
        for path in ("/join", "/privacy", "/terms", f"/media/{uuid4()}/256", f"/download/{uuid4()}", "/healthz"):
            await client.get(path)
        await client.post("/api/theme", json={"theme": "dark"})
        await client.post("/signout")
    async with transaction(SYSTEM) as session:
        assert await session.scalar(text("SELECT count(*) FROM rate_counts")) == 0


async def _told(request: Request) -> Response:
    return PlainTextResponse(request.client.host if request.client else "nobody")


Ask = Callable[..., Awaitable[str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Which address a request counts under: the product's own rule about proxies, in front of an echo."""

    async def asked(peer: str, *forwarded: str, trusted: str = "") -> str:
        monkeypatch.setenv("STUDIO_TRUSTED_PROXIES", trusted)

        async def echo(scope: Any, receive: Any, send: Any) -> None:
            await (await _told(Request(scope)))(scope, receive, send)

        wrapped = wrap_asgi_with_proxy_headers(echo, trusted_hosts=web.trusted_proxies())
        transport = httpx.ASGITransport(wrapped, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            return (await client.get("/", headers=[("x-forwarded-for", each) for each in forwarded])).text

    return asked


async def test_the_address_is_the_sockets_peer_unless_a_trusted_proxy_says_otherwise(ask: Ask):
    proxy, inner, client, forged = "192.0.2.10", "192.0.2.11", "203.0.113.9", "198.51.100.66"
    assert await ask(client, forged) == client
    assert await ask(client, forged, trusted="*") == client, "a star names nobody"
    assert await ask(proxy, client) == proxy, "a proxy that is not named is a client"
    assert await ask(proxy, client, trusted=proxy) == client
    assert await ask(proxy, f"{forged}, {client}", trusted=proxy) == client, "the nearest that is not trusted"
    assert await ask(proxy, forged, client, trusted=proxy) == client, "in whichever header it stands"
    assert await ask(proxy, f"{forged}, {client}, {inner}", trusted=f"{proxy}, {inner}") == client
    assert await ask(proxy, f"{forged}, {client}, {inner}", trusted="192.0.2.0/24") == client
    assert await ask("127.0.0.1", f"{forged}, {client}") == client, "a proxy on this machine"
