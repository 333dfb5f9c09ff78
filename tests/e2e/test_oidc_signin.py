"""In Chromium: from the welcome page through a certified provider and the one page of questions to the studio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.conftest import Database
from tests.fixtures_browser import Visits, ready
from tests.http.people import rows
from tests.oidc.certified import CLIENT, SECRET, running
from tests.system import System, free_port


@pytest.fixture(scope="module")
def studio(database: Database, scratch: Path) -> Iterator[System]:
    """A Studio whose people sign in with one provider."""
    port = free_port()
    extra = {
        "OIDC_ISSUER": f"http://127.0.0.1:{port}",
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_NAME": "Acme",
        "STUDIO_SIGNUP": "domain:example.org",
    }
    with (
        System(folder=scratch / "oidc", database_url=database.fresh(), workers=0, extra=extra) as studio,
        running(scratch, port, f"{studio.url()}/auth/oidc/callback"),
    ):
        yield studio


async def to_the_questions(studio: System, visits: Visits, name: str) -> Page:
    """From the welcome page over the provider's own two pages to ours."""
    context = await visits.context(base_url=studio.url())
    # The provider's pages ask for a font and an icon from elsewhere.
    await context.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.fulfill(body=""))
    await context.route("**/favicon.ico", lambda route: route.fulfill(body=""))
    page = await context.new_page()
    await page.goto("/welcome")
    await page.get_by_role("link", name="Continue with Acme").click()
    await page.locator("input[name=login]").fill(name)
    await page.locator("input[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.locator("input[name=login]").wait_for(state="detached")
    await page.locator("button[type=submit]").click()  # its page of consent
    await expect(page).to_have_url(f"{studio.url()}/join")
    return page


async def test_a_person_comes_in_through_a_provider_and_answers_two_questions(studio: System, visits: Visits):
    page = await to_the_questions(studio, visits, "mira")
    questions = page.get_by_role("dialog", name="Before you start")
    assert (await Axe().run(page)).violations_count == 0
    boxes = [
        questions.get_by_role("checkbox", name=name, exact=True)
        for name in (
            "I am 16 or older",
            "I have read the Privacy policy and accept the Terms",
            "Mail me news about Studio",
        )
    ]
    for box in boxes:
        await expect(box).not_to_be_checked()
    await questions.get_by_role("button", name="Continue").click()
    await expect(page).to_have_url(f"{studio.url()}/join")  # the browser points at the first box
    assert rows(studio, "SELECT 1 FROM accounts") == []
    for box in boxes[:2]:
        await box.check()
    await questions.get_by_role("button", name="Continue").click()
    await ready(page)
    assert page.url == f"{studio.url()}/"
    [account] = rows(studio, "SELECT email, attested_at FROM accounts")
    assert account.email == "mira@example.org"
    assert account.attested_at is not None
    names = {cookie.get("name", "") for cookie in await page.context.cookies(studio.url())}
    ours = {name for name in names if not name.startswith("_")}  # the provider's begin so
    assert ours <= {"studio_session", "workspace", "theme"}


async def test_leaving_ends_at_the_welcome_page_with_nothing_kept(studio: System, visits: Visits):
    page = await to_the_questions(studio, visits, "nobody")
    await page.get_by_role("button", name="Leave and sign out").click()
    await expect(page).to_have_url(f"{studio.url()}/welcome")
    assert rows(studio, "SELECT 1 FROM accounts WHERE email LIKE 'nobody%%'") == []
    assert rows(studio, "SELECT 1 FROM sessions WHERE attempt::text LIKE '%%nobody%%'") == []
    assert [c for c in await page.context.cookies(studio.url()) if c.get("name") == "studio_session"] == []


async def test_a_linked_provider_is_on_the_profile_asks_for_a_proof_and_stays_as_the_last_way_in(
    studio: System, visits: Visits
):
    page = await to_the_questions(studio, visits, "lina")
    for name in ("I am 16 or older", "I have read the Privacy policy and accept the Terms"):
        await page.get_by_role("checkbox", name=name, exact=True).check()
    await page.get_by_role("button", name="Continue").click()
    await ready(page)
    await page.goto("/settings/profile")
    await ready(page)
    ways = page.get_by_role("region", name="Ways to sign in", exact=True)
    await expect(ways.get_by_role("listitem")).to_have_count(1)
    await ways.get_by_role("button", name="Unlink Acme", exact=True).click()
    await expect(ways.get_by_role("alert")).to_contain_text("Confirm that it is you first")
    assert (await Axe().run(page)).violations_count == 0
    await ways.get_by_role("link", name="Sign in again", exact=True).click()
    await page.get_by_role("link", name="Continue with Acme", exact=True).click()
    await page.locator("input[name=login]").fill("lina")
    await page.locator("input[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.wait_for_url(f"{studio.url()}/settings/profile")
    await ready(page)
    await expect(ways.get_by_role("alert")).to_have_count(0)
    await expect(ways.get_by_role("status")).to_contain_text("You have confirmed that it is you.")
    assert (await Axe().run(page)).violations_count == 0
    await ways.get_by_role("status").get_by_role("button", name="Unlink Acme", exact=True).click()
    await expect(ways.get_by_role("alert")).to_contain_text("This is your last way to sign in.")
    await expect(ways.get_by_role("listitem")).to_have_count(1)
