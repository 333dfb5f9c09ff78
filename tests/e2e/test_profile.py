"""The Profile page as people use it, and what every page leaves in a browser."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Page, expect

from studio.pages.routes import ROUTES
from tests.e2e.test_pages import SIZES, overflow, violations
from tests.fixtures_browser import Visits, add_cookie, ready
from tests.http.people import COOKIE, Guest, rows, until
from tests.system import ROOT, System

ROCKET = ROOT / "tests" / "data" / "photo-rocket.jpg"
PAGES = [route.path for route in ROUTES if route.path.startswith("/")]
DOCUMENTS = ["/privacy", "/terms", "/nothing/here"]
# What a browser may hold before anybody was asked: three cookies, the framework's tab token and its places, the theme.
COOKIES = {COOKIE, "workspace", "theme"}
STORED = re.compile(r"session:token|session:react-router-scroll-positions|local:theme|local:last_compiled_theme")


async def at(visits: Visits, who: Guest, path: str, size: str = "desktop", scheme: str = "light") -> Page:
    context = await visits.context(viewport=SIZES[size], color_scheme=scheme, has_touch=size == "phone")
    await add_cookie(context, who)
    return await visits.open(context, who.system.url() + path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_a_picture_is_put_up_and_taken_away(visits: Visits, guest: Guest, size: str, scheme: str):
    another = uuid4()
    rows(
        guest.system,
        "INSERT INTO workspaces (id, account_id, name) VALUES (%s, %s, 'Autumn')",
        another,
        guest.account_id,
    )
    visits.expect_trouble("415")  # the browser notes that the server refused one
    page = await at(visits, guest, "/settings/profile", size, scheme)
    card = page.get_by_role("region", name="Your picture", exact=True)
    menu = page.get_by_role("button", name=re.compile("^Account menu")).locator("visible=true")
    await expect(menu.locator("img")).to_have_count(0)
    pick = card.locator("input[type=file]")
    await pick.set_input_files({"name": "me.gif", "mimeType": "image/gif", "buffer": b"GIF89a" + bytes(60)})
    await expect(card.get_by_role("alert")).to_contain_text("PNG, JPEG and WebP only.")
    await pick.set_input_files(ROCKET)
    await expect(menu.locator("img")).to_be_visible()
    await expect(card.get_by_role("alert")).to_have_count(0)
    assert await menu.locator("img").evaluate("e => e.decode().then(() => e.naturalWidth)") == 256
    assert await violations(page) == []
    assert await overflow(page) <= 0
    await card.get_by_role("button", name="Remove picture", exact=True).click()
    await expect(menu.locator("img")).to_have_count(0)
    await expect(card.get_by_role("button", name="Remove picture")).to_have_count(0)
    await until(guest.system, "SELECT picture_gone = '{}' FROM accounts WHERE id = %s", guest.account_id)


async def left_behind(context: BrowserContext, page: Page) -> tuple[set[str], set[str]]:
    """The names of the cookies, and everything the page keeps in the browser's storage."""
    kept = await page.evaluate(
        """async () => [
          ...Object.keys(localStorage).map((k) => `local:${k}`),
          ...Object.keys(sessionStorage).map((k) => `session:${k}`),
          ...(await indexedDB.databases()).map((d) => `database:${d.name}`),
          ...(window.caches ? await caches.keys() : []).map((k) => `cache:${k}`),
          ...(await navigator.serviceWorker.getRegistrations()).map((r) => `worker:${r.scope}`)]"""
    )
    return {cookie.get("name", "") for cookie in await context.cookies()}, set(kept)


@pytest.mark.parametrize("signed_in", [False, True], ids=["signed out", "signed in"])
async def test_no_page_leaves_more_in_a_browser_than_it_must(
    visits: Visits, guest: Guest, system: System, signed_in: bool
):
    visits.expect_trouble("404")
    context = await visits.context()
    if signed_in:
        await add_cookie(context, guest)
    page = await context.new_page()
    seen: set[str] = set()
    for path in [*PAGES, *DOCUMENTS]:
        await page.goto(system.url() + path)
        await ready(page)
        cookies, kept = await left_behind(context, page)
        assert cookies <= (COOKIES if signed_in else {"theme"}), path
        assert {each for each in kept if not STORED.fullmatch(each)} == set(), path
        seen |= cookies
    assert seen == ({COOKIE, "workspace"} if signed_in else set())
    if signed_in:
        await page.goto(system.url() + "/settings/appearance")
        await page.get_by_role("radio", name="Light", exact=True).check()
        await expect(page.locator("html")).to_have_class(re.compile(r"\blight\b"))
        await expect(page.get_by_role("radio", name="Light", exact=True)).to_be_checked()
        async with page.expect_response(lambda answer: answer.url.endswith("/api/theme")):
            await page.get_by_role("radio", name="Dark", exact=True).check()
        assert (await left_behind(context, page))[0] == COOKIES


async def test_the_keyboard_page_and_its_sheet_say_the_same(visits: Visits, guest: Guest):
    page = await at(visits, guest, "/settings/keyboard")
    table = page.get_by_role("region", name="Shortcuts", exact=True)
    told = [await each.inner_text() for each in await table.get_by_role("rowheader").all()]
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    assert told == await sheet.locator("dt").all_inner_texts()
    assert len(told) > 3
