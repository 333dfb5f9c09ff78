"""The public documents in a real browser: whole without a script, on a phone and on paper; the footer; the banner."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from playwright.async_api import BrowserContext, Page, expect

from studio.config import settings as ours
from studio.legal import texts
from studio.links import DOCUMENTS, FOOTER
from studio.services import cookies
from tests.e2e.test_pages import SIZES, overflow, violations
from tests.fixtures_browser import Visits, add_cookie
from tests.http.people import Guest, rows, sign_in
from tests.system import System

PATHS = [*(document.path for document in DOCUMENTS), "/privacy/versions", "/signin/nothing"]


async def plain(visits: Visits, system: System, path: str, **options: object) -> Page:
    """A page of a browser that runs no script."""
    context = await visits.context(java_script_enabled=False, **options)
    page = await context.new_page()
    await page.goto(system.url() + path)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_documents_have_no_violation_and_fit_their_window(visits: Visits, system: System, size: str, scheme: str):
    context = await visits.context(viewport=SIZES[size], color_scheme=scheme, has_touch=size == "phone")
    page = await context.new_page()
    for path in PATHS:
        visits.expect_trouble("410")  # a link that leads nowhere is one of the pages
        await page.goto(system.url() + path)
        await expect(page.locator("main")).to_have_count(1)
        found = await violations(page)
        assert found == [], (path, found)
        assert await overflow(page) <= 0, path
        small = await page.evaluate(
            """() => [...document.querySelectorAll('header a, footer a, .toc a, .ways a, button')]
            .filter(e => e.getClientRects().length).map(e => [e.innerText, e.getBoundingClientRect()])
            .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([n, r]) => `${n} ${r.width}x${r.height}`)"""
        )
        assert size != "phone" or small == [], (path, small)


async def test_without_a_script_every_section_is_there_on_screen_and_on_paper(visits: Visits, system: System):
    page = await plain(visits, system, "/privacy")
    for document in DOCUMENTS:
        await page.goto(system.url() + document.path)
        wanted = [line[3:] for line in _source(document.kind).splitlines() if line.startswith("## ")]
        wanted += ["Kept now"] if document.kind == "security" else []  # read from the running system
        for medium in ("screen", "print"):
            await page.emulate_media(media=medium)
            shown = await page.locator("main h2").all_inner_texts()
            assert [title.replace("\n", " ") for title in shown] == wanted, (document.kind, medium)
            said = await page.locator("body").inner_text()
            for part in (ours().operator_name, ours().privacy_contact, ours().legal_contact, "Last updated", "1.0"):
                assert part in said, (document.kind, medium, part)
            clipped = await page.evaluate(
                "[...document.querySelectorAll('main *, aside *')].filter(e => e.scrollWidth > e.clientWidth + 1 "
                "&& getComputedStyle(e).overflowX !== 'visible' && getComputedStyle(e).display !== 'inline').length"
            )
            assert medium == "screen" or clipped == 0, document.kind
        await expect(page.locator("header.pub")).to_be_hidden()
        await page.emulate_media(media="screen")


def _source(kind: str) -> str:
    return next(text.body for text in texts.shipped() if text.kind == kind)


async def test_a_policy_prints_to_pdf(visits: Visits, system: System):
    page = await plain(visits, system, "/privacy")
    printed = await page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 2 <= pages <= 6, pages
    assert len(printed) > 20_000


@pytest.mark.parametrize("path", ["/", "/library", "/settings/profile", "/welcome"])
async def test_the_footer_of_a_page_leads_to_every_document(visits: Visits, system: System, path: str):
    context = await visits.context()
    if path != "/welcome":
        await add_cookie(context, await sign_in(system))
    page = await visits.open(context, system.url() + path)
    links = page.locator("footer.legal-links").get_by_role("link")
    assert [await each.get_attribute("href") for each in await links.all()] == [target for _, target in FOOTER]
    await links.get_by_text("Privacy", exact=True).click()
    await expect(page.get_by_role("heading", name="Privacy policy", level=1)).to_be_visible()


async def test_on_a_phone_the_account_menu_leads_to_every_document(visits: Visits, guest: Guest):
    page = await visits.enter(guest, viewport=SIZES["phone"], has_touch=True)
    await page.get_by_role("button", name=re.compile("^Account menu")).locator("visible=true").click()
    menu = page.get_by_role("navigation", name="Legal").locator("visible=true")
    for name, path in FOOTER:
        await expect(menu.get_by_role("link", name=name, exact=True)).to_have_attribute("href", path)
    assert await violations(page) == []


async def stored(context: BrowserContext, page: Page) -> tuple[set[str], set[str]]:
    """The names of cookies, and of what the pages keep in the browser's storage."""
    names = await page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    return {cookie.get("name", "") for cookie in await context.cookies()}, set(names)


async def test_what_a_browser_holds_is_what_the_page_about_cookies_lists(visits: Visits, guest: Guest):
    context = await visits.context()
    await add_cookie(context, guest)
    page = await visits.open(context, guest.system.url())
    await page.get_by_role("button", name="Switch theme").locator("visible=true").first.click()
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Library").click()
    await expect(page).to_have_url(re.compile("/library"))
    await page.reload()
    known, kept = await stored(context, page)
    assert known <= cookies.necessary(ours())
    assert kept <= {each.name for each in cookies.STORAGE}
    assert "token" in kept, "or this test looks at the wrong place"


@pytest.fixture
def change(system: System, guest: Guest) -> Iterator[None]:
    """New terms that only this person is told of: they were published before anybody else was here."""
    with psycopg.connect(system.database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO policy_versions (kind, major, minor, source, sha256) SELECT 'terms', 1, 1, t, "
            "encode(sha256(convert_to(t, 'UTF8')), 'hex') FROM (SELECT replace(replace(source, 'version: 1.0', "
            "'version: 1.1'), 'The first version.', 'Prices are shown earlier.') AS t FROM policy_versions "
            "WHERE kind = 'terms' AND minor = 0) v"
        )
        owner.execute(
            "INSERT INTO policy_dates (kind, major, minor, published_at, announced_for, effective_at) "
            "VALUES ('terms', 1, 1, '2020-01-01', '2030-01-01', '2030-01-01')"
        )
        owner.execute(
            "INSERT INTO policy_notices (kind, major, minor, account_id, outcome, noticed_at) "
            "VALUES ('terms', 1, 1, %s, 'bounced', studio_now())",
            (guest.account_id,),
        )
        yield
        owner.execute("DELETE FROM policy_notices WHERE kind = 'terms'")
        owner.execute("DELETE FROM policy_dates WHERE kind = 'terms' AND NOT first")


@pytest.mark.usefixtures("change")
async def test_a_change_is_told_on_every_page_until_it_is_seen(visits: Visits, system: System, guest: Guest):
    page = await visits.enter(guest, "/library")
    note = page.get_by_role("region", name="Policy change")
    await expect(note).to_contain_text("Terms 1.1 takes effect on 1 January 2030.")
    await expect(note).to_contain_text("Prices are shown earlier.")
    assert await violations(page) == []
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Spend").click()
    await expect(note).to_be_visible()
    await note.get_by_role("button", name="Accept").click()
    await expect(note).to_have_count(0)
    await page.reload()
    await expect(page.locator(".set-wait")).to_have_count(0)
    await expect(note).to_have_count(0)
    found = rows(system, "SELECT version FROM agreements WHERE account_id = %s AND kind = 'terms'", guest.account_id)
    assert sorted(row.version for row in found) == ["1.0", "1.1"]
