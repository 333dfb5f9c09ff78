"""Headers of every answer, and the content security policy of every page as it is served."""

from __future__ import annotations

import base64
import hashlib
import re
from http.cookies import SimpleCookie

import httpx
import pytest

from studio.http.guards import GATED
from studio.pages.routes import ROUTES
from tests.http.people import COOKIE, Guest, visitor
from tests.system import System

FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
PAGES = [route.path for route in ROUTES if route.path.startswith("/")] + ["/nothing/like/that"]
OTHERS = ["/healthz", "/signin/x", "/media/x/256", "/download/x", "/_upload", "/icon.svg", "/plain.css", "/api/uploads"]


async def page(guest: Guest, path: str) -> httpx.Response:
    """A page as whoever may see it."""
    client = visitor(guest.system) if path == "/welcome" else guest.client()
    async with client:
        return await client.get(path)


def sources(answer: httpx.Response) -> dict[str, list[str]]:
    """The policy as directives and what each allows."""
    parts = [part.split() for part in answer.headers["content-security-policy"].split(";")]
    return {words[0]: words[1:] for words in parts}


@pytest.mark.parametrize("path", [*PAGES, *OTHERS])
async def test_every_answer_has_the_security_headers(guest: Guest, path: str):
    answer = await page(guest, path)
    assert {name: answer.headers.get(name) for name in FIXED} == FIXED
    assert "content-security-policy" in answer.headers
    assert "strict-transport-security" not in answer.headers, "only https may promise https"
    assert "x-request-id" in answer.headers


@pytest.mark.parametrize("path", PAGES)
async def test_the_policy_of_a_page_allows_its_own_scripts_and_no_others(guest: Guest, path: str):
    answer = await page(guest, path)
    assert answer.headers["content-type"].startswith("text/html")
    allowed = sources(answer)
    assert "'unsafe-eval'" not in answer.headers["content-security-policy"]
    assert "'unsafe-inline'" not in allowed["script-src"]
    assert "*" not in answer.headers["content-security-policy"]
    assert allowed["default-src"] == ["'none'"]
    assert allowed["frame-ancestors"] == ["'none'"]
    assert allowed["base-uri"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'"]
    scripts = list(SCRIPT.finditer(answer.text))
    assert scripts, "a page without a script is not the built page"
    for script in scripts:
        source = re.search(r'src="([^"]*)"', script["attributes"])
        if source:
            assert source[1].startswith("/"), "scripts come from here"
            continue
        digest = base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed["script-src"], script["text"][:80]
    assert not re.search(r"""<[^>]+\son[a-z]+=["']""", answer.text), "no handler is written into the markup"
    assert "javascript:" not in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_another_host(guest: Guest, path: str):
    text = (await page(guest, path)).text
    for address in re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]+)"', text):
        assert address.startswith(guest.system.url()), address


@pytest.mark.parametrize("path", PAGES)
async def test_a_visit_sets_no_cookie_but_the_one_that_mirrors_ones_workspace(guest: Guest, path: str):
    async with visitor(guest.system) as client:
        assert "set-cookie" not in (await client.get(path)).headers
    async with guest.client() as client:
        told = SimpleCookie((await client.get(path)).headers.get("set-cookie", ""))
        assert list(told) == (["workspace"] if path in GATED else [])
        both = "; ".join([client.headers["cookie"], *(f"{name}={morsel.value}" for name, morsel in told.items())])
        assert "set-cookie" not in (await client.get(path, headers={"cookie": both})).headers


async def test_the_only_other_cookies_are_the_session_and_a_chosen_theme(guest: Guest):
    async with guest.client() as client:
        answer = await client.post("/api/theme", json={"theme": "dark"})
        [sent] = answer.headers.get_list("set-cookie")
    cookie = SimpleCookie(sent)
    assert list(cookie) == ["theme"]
    assert (cookie["theme"].value, cookie["theme"]["samesite"], cookie["theme"]["path"]) == ("dark", "lax", "/")
    assert COOKIE not in sent


async def test_files_named_by_their_content_may_be_kept_and_pages_may_not(guest: Guest):
    home = await page(guest, "/")
    assert home.headers["cache-control"] == "no-store"
    async with guest.client() as client:
        named = re.search(r'"(/assets/[^"]+\.js)"', home.text)
        assert named
        script = await client.get(named[1])
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("/healthz", "/signin/x", "/assets/nothing.js"):
            assert "immutable" not in (await client.get(path)).headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/library", "/library/", "/index.html", "//", "/library/index.html"])
async def test_nobody_sees_a_persons_page_before_signing_in(system: System, guest: Guest, path: str):
    async with visitor(system) as client:
        answer = await client.get(path)
    assert answer.status_code in (303, 307, 404) or guest.email not in answer.text
    if path in ("/", "/library", "/library/"):
        assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")


async def test_who_is_signed_in_is_not_welcomed_again(guest: Guest):
    async with guest.client() as client:
        answer = await client.get("/welcome")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_another_site_is_not_allowed_to_read_answers(guest: Guest):
    async with guest.client(origin="https://evil.example") as client:
        for path in ("/", "/healthz", "/media/x/256"):
            assert "access-control-allow-origin" not in (await client.get(path)).headers
