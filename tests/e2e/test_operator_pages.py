"""The operator's pages as one person walks through them, and what everybody else sees there."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_pages import SIZES, overflow, violations
from tests.factories import OPERATOR
from tests.fixtures_browser import Visits
from tests.http.people import Guest, rows, sign_in, until
from tests.http.wire import STUDIO, connect, load
from tests.system import System

SECRET = "A lighthouse that no operator may read of"


@pytest.fixture(scope="module")
async def boss(system: System) -> Guest:
    """The operator of a studio in which something happened: work, an error, a charge that was written off."""
    who = await sign_in(system, email=OPERATOR)
    maker = await sign_in(system)
    async with connect(system, cookie=maker.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.generate", form={"prompt": SECRET})
        await until(system, "SELECT 1 FROM assets WHERE account_id = %s", maker.account_id)
    rows(
        system,
        "INSERT INTO error_events VALUES (%s, studio_now(), 'event', 'TimeoutError', 'state/studio.py:88')",
        uuid4(),
    )
    return who


async def go(page: Page, name: str) -> None:
    """Follow a link of the operator's own navigation."""
    await page.get_by_role("navigation", name="Operator").get_by_role("link", name=name, exact=True).click()
    await expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
    text = await page.locator("body").inner_text()
    assert "lighthouse" not in text


async def test_one_walk_through_every_page(visits: Visits, system: System, boss: Guest):
    page = await visits.enter(boss)
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Operator", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    for name in ("Queue, figure", "Failed requests, figure", "Queue", "Workers", "Error events", "Spend today"):
        await expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    await expect(page.get_by_role("region", name="Workers")).to_contain_text("reporting")
    runs = page.get_by_role("region", name="Retention runs", exact=True)
    await expect(runs.get_by_role("row")).to_have_count(7)
    await runs.get_by_role("button", name="Run now", exact=True).click()
    await expect(page.get_by_text("The sweeps run now")).to_be_visible()
    await page.get_by_role("radio", name="7 d").check()
    await page.get_by_role("button", name="Pause new work", exact=True).click()
    await expect(page.get_by_text("New work is paused", exact=True).first).to_be_visible()
    await page.get_by_role("button", name="Resume new work", exact=True).click()
    await expect(page.get_by_role("button", name="Pause new work", exact=True)).to_be_visible()

    await go(page, "Queue")
    await page.get_by_role("combobox", name="State").click()
    await page.get_by_role("option", name=re.compile("^Written off")).click()
    await expect(page.get_by_text("No request is in this state.")).to_be_visible()
    await go(page, "Workers")
    await expect(page.get_by_role("region", name="Worker processes").get_by_role("row")).not_to_have_count(0)

    await go(page, "Errors")
    reference = rows(system, "SELECT reference FROM error_events WHERE kind = 'TimeoutError' LIMIT 1")[0].reference
    await page.get_by_role("textbox", name="Reference").fill("something else")
    await page.get_by_role("button", name="Find", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("Copy the whole of it")
    await page.get_by_role("textbox", name="Reference").fill(f"Reference {reference}.")
    await page.get_by_role("button", name="Find", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="state/studio.py:88")).to_be_visible()

    await go(page, "Invitations")
    email = f"{uuid4().hex[:8]}@example.net"
    await page.get_by_role("textbox", name="E-mail address").fill("nobody")
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("not an e-mail address")
    await page.get_by_role("textbox", name="E-mail address").fill(email)
    await page.get_by_role("button", name="Invite", exact=True).click()
    await page.get_by_role("button", name=f"Take back the invitation of {email}").click()
    await expect(page.get_by_role("button", name=f"Take back the invitation of {email}")).to_have_count(0)

    await go(page, "Audit log")
    log = page.get_by_role("region", name="Acts")
    await expect(log.get_by_role("row").nth(1)).to_contain_text("Took an invitation back")
    await expect(log.get_by_role("row").nth(2)).to_contain_text("Invited somebody")
    await expect(log).not_to_contain_text(email)


async def test_an_account_is_found_restricted_and_told_and_the_mail_can_be_read(
    visits: Visits, system: System, boss: Guest, guest: Guest
):
    page = await visits.enter(boss, "/operator/accounts")
    await page.get_by_role("searchbox", name="Search accounts").fill(guest.email[:10])
    await page.get_by_role("button", name="Search", exact=True).click()
    await page.get_by_role("button", name=f"Manage {guest.email}").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("textbox", name="Monthly cap in US dollars")).to_have_value("40.00")
    await dialog.get_by_role("textbox", name="Monthly cap in US dollars").fill("501")
    await dialog.get_by_role("button", name="Save cap").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("from $0.00 to $500.00")
    assert await violations(page) == []
    await dialog.get_by_role("combobox", name="Restrict this account").select_option("operator")
    await dialog.get_by_role("button", name="Restrict", exact=True).click()
    await expect(dialog.get_by_role("button", name="Lift the restriction")).to_be_visible()

    for size in SIZES:
        sized = await visits.enter(guest, viewport=SIZES[size])
        banner = sized.get_by_role("complementary", name="Restricted account")
        await expect(banner).to_contain_text("restricted at the operator's request; your data is kept")
        assert await violations(sized) == []
        assert await overflow(sized) <= 0
        await expect(sized.get_by_role("link", name="Operator", exact=True)).to_have_count(0)
    theirs = await visits.enter(guest)
    await theirs.get_by_role("textbox", name="Prompt").fill("A lake at dawn")
    await theirs.get_by_role("button", name=re.compile("^Generate")).click()
    await expect(theirs.get_by_role("alert")).to_contain_text("This account is restricted")
    await expect(theirs.get_by_role("textbox", name="Prompt")).to_have_value("A lake at dawn")

    await dialog.get_by_role("button", name="Close", exact=True).click()
    await until(system, "SELECT 1 FROM mails WHERE template = 'restricted' AND state = 'shown'")
    await go(page, "Outbox")
    await (
        page.get_by_role("row", name=re.compile(f"{guest.email}.*Restricted"))
        .get_by_role("button", name="Read the mail")
        .click()
    )
    await expect(page.get_by_role("dialog")).to_contain_text("restricted at the operator's request")
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("path", ["/operator", "/operator/accounts"])
async def test_somebody_else_finds_nothing_there(visits: Visits, system: System, guest: Guest, path: str):
    visits.expect_trouble("404")
    page = await visits.enter(guest, path)
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    await expect(page.get_by_role("navigation", name="Operator")).to_have_count(0)
    context = await visits.context()
    stranger = await visits.open(context, system.url() + path)
    await expect(stranger.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert stranger.url.endswith(path)
