"""Somebody with a stolen cookie wants the account: they cannot move its address, or lose it again when they could."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_pages import SIZES, overflow, violations
from tests.fixtures_browser import Visits, add_cookie, ready
from tests.http.people import Guest, make_link, rows, until, value
from tests.system import System

THIEFS = "thief@elsewhere.example"


def grow_old(who: Guest) -> None:
    rows(who.system, "UPDATE sessions SET reauth_at = NULL WHERE id = %s", who.session_id)


def address(who: Guest) -> str:
    return value(who.system, "SELECT email FROM accounts WHERE id = %s", who.account_id)


async def link(who: Guest, to: str, template: str) -> str:
    """The link in the newest mail of a kind to an address."""
    path = await until(
        who.system,
        "SELECT data->>'link' FROM mails WHERE recipient = %s AND template = %s AND account_id = %s "
        "ORDER BY created_at DESC LIMIT 1",
        to,
        template,
        who.account_id,
    )
    return who.system.url() + path


async def ask(page: Page, email: str) -> None:
    await page.get_by_role("textbox", name="New email address").fill(email)
    await page.get_by_role("button", name="Change email").click()


async def press(visits: Visits, url: str, button: str) -> Page:
    """Open a mail's link in a browser that nobody is signed in to, and press its button."""
    page = await (await visits.context()).new_page()
    await page.goto(url)
    assert await violations(page) == []
    await page.get_by_role("button", name=button).click()
    return page


async def test_a_stolen_cookie_alone_does_not_move_the_address(visits: Visits, guest: Guest):
    grow_old(guest)
    page = await visits.enter(guest, "/settings/profile")
    await ask(page, THIEFS)
    await expect(page.get_by_role("alert")).to_contain_text("Confirm that it is you first")
    await expect(page.get_by_role("textbox", name="New email address")).to_have_value(THIEFS)
    await page.get_by_role("link", name="Sign in again").click()
    await expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    assert rows(guest.system, "SELECT 1 FROM address_changes WHERE account_id = %s", guest.account_id) == []
    assert address(guest) == guest.email


async def test_a_thief_who_moved_the_address_is_undone_by_the_old_one_and_loses_every_session(
    visits: Visits, guest: Guest
):
    page = await visits.enter(guest, "/settings/profile")
    await ask(page, THIEFS)
    await expect(page.get_by_role("status").filter(has_text="Waiting for you to confirm at")).to_contain_text(THIEFS)
    await expect(page.get_by_role("textbox", name="New email address")).to_have_value("")
    done = await press(visits, await link(guest, THIEFS, "email_confirm"), "Use this address")
    await expect(done.get_by_role("heading", name="Your address was changed")).to_be_visible()
    assert address(guest) == THIEFS
    await page.reload()
    await ready(page)
    await expect(page.get_by_role("region", name="Email")).to_contain_text(THIEFS)

    undone = await press(visits, await link(guest, guest.email, "email_changed"), "Undo and sign out everywhere")
    await expect(undone.get_by_role("heading", name="The change was undone")).to_be_visible()
    await expect(page).to_have_url(re.compile("/welcome/?$"))
    assert address(guest) == guest.email
    live = "SELECT count(*) FROM sessions WHERE account_id = %s AND revoked_at IS NULL"
    assert value(guest.system, live, guest.account_id) == 0


async def test_after_seven_days_the_undo_is_refused(visits: Visits, guest: Guest):
    moved = f"{guest.account_id.hex}@elsewhere.example"
    page = await visits.enter(guest, "/settings/profile")
    await ask(page, moved)
    await press(visits, await link(guest, moved, "email_confirm"), "Use this address")
    undo = await link(guest, guest.email, "email_changed")
    waiting = await (await visits.context()).new_page()
    await waiting.goto(undo)
    rows(
        guest.system,
        "UPDATE address_changes SET confirmed_at = confirmed_at - interval '7 days', "
        "undo_until = undo_until - interval '7 days' WHERE account_id = %s",
        guest.account_id,
    )
    visits.expect_trouble("410")
    await waiting.get_by_role("button", name="Undo and sign out everywhere").click()
    await expect(waiting.get_by_text("is too old")).to_be_visible()
    assert address(guest) == moved


async def test_the_owner_signs_in_again_and_finds_what_was_typed(visits: Visits, guest: Guest, system: System):
    grow_old(guest)
    page = await visits.enter(guest, "/settings/spend")
    beside = await visits.open(page.context, f"{system.url()}/settings/spend")
    await page.get_by_role("button", name="Change my cap").click()
    await page.get_by_role("textbox", name="Monthly cap in US dollars").fill("55.50")
    await page.get_by_role("button", name="Save cap").click()
    await expect(page.get_by_role("alert")).to_contain_text("Confirm that it is you first")
    await page.get_by_role("link", name="Sign in again").click()
    await expect(page.get_by_text("studio signin-link EMAIL")).to_be_visible()
    assert await violations(page) == []
    await page.goto(f"{system.url()}/signin/{make_link(system, guest.email)}")
    field = page.get_by_role("textbox", name="Monthly cap in US dollars")
    await expect(field).to_have_value("55.50")
    await expect(page).to_have_url(f"{system.url()}/settings/spend")
    await page.get_by_role("button", name="Save cap").click()
    await expect(page.get_by_text("of $55.50 cap")).to_be_visible()
    # A tab that was open beside it goes on, and may be loaded again.
    await beside.get_by_role("button", name="Show as table").click()
    await expect(beside.get_by_role("button", name="Show as table")).to_have_attribute("aria-pressed", "true")
    await beside.reload()
    await ready(beside)
    await expect(beside.get_by_text("of $55.50 cap")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_what_waits_and_what_needs_a_sign_in_read_well(visits: Visits, guest: Guest, size: str, scheme: str):
    context = await visits.context(viewport=SIZES[size], color_scheme=scheme, has_touch=size == "phone")
    await add_cookie(context, guest)
    page = await visits.open(context, guest.system.url() + "/settings/profile")
    await ask(page, f"{'long.' * 12}{guest.account_id.hex}@department.elsewhere.example")
    await expect(page.get_by_text("Waiting for you to confirm at")).to_be_visible()
    grow_old(guest)
    await ask(page, THIEFS)
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await violations(page) == []
    assert await overflow(page) <= 0
    await page.get_by_role("button", name="Cancel the change").click()
    await expect(page.get_by_text("Waiting for you to confirm at")).to_have_count(0)
