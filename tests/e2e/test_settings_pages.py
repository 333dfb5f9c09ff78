"""The settings as people use them: names, dialogs without a violation, a session that ends elsewhere."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_pages import SIZES, overflow, violations
from tests.fixtures_browser import Visits, add_cookie
from tests.http.people import Guest, sign_in, until
from tests.http.wire import STUDIO, connect, load
from tests.system import System

Step = Callable[[Page], Awaitable[None]]


@pytest.fixture(scope="module")
async def spender(system: System) -> Guest:
    """Somebody who made two pictures."""
    who = await sign_in(system)
    async with connect(system, cookie=who.token) as socket:
        await load(socket)
        socket.call(f"{STUDIO}.set_count", value="2")
        socket.call(f"{STUDIO}.generate", form={"prompt": "Two paper boats on ink-blue water"})
        await until(system, "SELECT count(*) = 2 FROM assets WHERE account_id = %s", who.account_id)
    return who


async def at(visits: Visits, who: Guest, path: str, size: str = "desktop", scheme: str = "light") -> Page:
    context = await visits.context(viewport=SIZES[size], color_scheme=scheme, has_touch=size == "phone")
    await add_cookie(context, who)
    return await visits.open(context, who.system.url() + path)


async def test_the_spend_page_has_the_names_that_people_rely_on(visits: Visits, spender: Guest):
    page = await at(visits, spender, "/settings/spend")
    main = page.get_by_role("navigation", name="Main").locator("visible=true")
    for name in ("Studio", "Library", "Spend", "Settings"):
        await expect(main.get_by_role("link", name=name, exact=True)).to_be_visible()
    await expect(main.get_by_role("link", name="Spend", exact=True)).to_have_attribute("aria-current", "page")
    await expect(page.get_by_role("combobox", name="Month", exact=True)).to_be_visible()
    for name in ("Change my cap", "Download CSV", "Show as table"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    for percent in (50, 80, 100):
        await expect(page.get_by_role("switch", name=f"Alert at {percent}%", exact=True)).to_be_checked()
    ledger = page.get_by_role("region", name="Ledger", exact=True)
    await expect(ledger.get_by_role("row")).to_have_count(5)  # a heading, two held, two charged
    await expect(ledger.get_by_role("link", name="Image 2 of 2, Two paper boats on ink-blue water")).to_have_count(2)
    await expect(page.get_by_role("meter", name="Monthly cap used")).to_have_attribute(
        "aria-valuetext", "$0.08 charged and $0.00 held of $40.00"
    )
    await expect(page.get_by_role("img", name=re.compile("^Stacked bars of charges per day"))).to_be_visible()
    await page.get_by_role("button", name="Show as table").click()
    table = page.get_by_role("region", name="Charges by day and model")
    await expect(table.get_by_role("row")).to_have_count(2)
    assert await violations(page) == []


async def test_the_privacy_page_has_the_names_that_people_rely_on(visits: Visits, guest: Guest):
    page = await at(visits, guest, "/settings/privacy")
    for name in ("Download my data", "Reject optional cookies", "Accept optional cookies", "Delete my account"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    for name in ("Anonymous usage counts", "Design experiments", "Product news by email"):
        await expect(page.get_by_role("switch", name=name, exact=True)).not_to_be_checked()
    await page.get_by_role("switch", name="Product news by email", exact=True).click()
    card = page.get_by_role("region", name="Cookies and consent")
    await expect(card.get_by_role("listitem").first).to_contain_text("Turned on Product news by email")
    await page.reload()
    await expect(page.get_by_role("switch", name="Product news by email", exact=True)).to_be_checked()
    assert await violations(page) == []
    await page.get_by_role("button", name="Delete my account", exact=True).click()
    await page.get_by_role("textbox", name="Type your email to confirm", exact=True).fill("somebody@else.example")
    await page.get_by_role("button", name="Schedule deletion", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.mouse.move(1, 1)
    assert await violations(page) == []
    await page.get_by_role("button", name="Keep account", exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_ledger_is_saved_as_a_file_without_leaving_the_page(visits: Visits, spender: Guest):
    page = await at(visits, spender, "/settings/spend")
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Download CSV").click()
    saved = await waiting.value
    assert re.fullmatch(r"studio-spend-\d{4}-\d{2}\.csv", saved.suggested_filename)
    assert page.url.endswith("/settings/spend")


async def test_a_lower_cap_is_shown_at_once_and_a_wrong_one_keeps_what_was_typed(visits: Visits, guest: Guest):
    page = await at(visits, guest, "/settings/spend")
    change = page.get_by_role("button", name="Change my cap", exact=True)
    await change.click()
    field = page.get_by_role("textbox", name="Monthly cap in US dollars")
    await expect(field).to_have_value("40.00")
    await field.fill("9000")
    await page.get_by_role("button", name="Save cap").click()
    await expect(page.get_by_role("alert")).to_contain_text("$500.00 is the highest cap here.")
    await expect(field).to_have_value("9000")
    await field.fill("12.50")
    await field.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_text("of $12.50 cap")).to_be_visible()
    await expect(change).to_be_focused()
    await page.reload()
    await expect(page.get_by_text("of $12.50 cap")).to_be_visible()


async def test_a_session_that_is_ended_elsewhere_closes_its_open_page(visits: Visits, guest: Guest, system: System):
    second = await sign_in(system, email=guest.email)
    elsewhere = await at(visits, second, "/")
    page = await at(visits, guest, "/settings/sessions")
    rows = page.get_by_role("region", name="Signed-in browsers").get_by_role("listitem")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("This session")
    await rows.nth(1).get_by_role("button", name="Rename Browser without a name").click()
    await page.get_by_role("textbox", name="Session name").fill("Tablet")
    await page.keyboard.press("Enter")
    await rows.nth(1).get_by_role("button", name="Sign out Tablet", exact=True).click()
    await expect(rows).to_have_count(1)
    await expect(elsewhere).to_have_url(re.compile("/welcome/?$"))
    await page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    await page.get_by_role("button", name="Sign out of all sessions").click()
    await expect(page).to_have_url(re.compile("/welcome/?$"))


async def test_a_new_name_is_in_the_account_menu_at_once(visits: Visits, guest: Guest):
    page = await at(visits, guest, "/settings/profile")
    await page.get_by_role("textbox", name="Name", exact=True).fill("Mira Kessler")
    await page.get_by_role("button", name="Save name", exact=True).click()
    await expect(page.get_by_role("button", name="Account menu, MK").locator("visible=true")).to_be_visible()
    await page.get_by_role("combobox", name="Time zone", exact=True).select_option("Asia/Tokyo")
    await page.get_by_role("combobox", name="Language of dates", exact=True).select_option("ja-JP")
    await expect(page.locator("#time-zone-now")).to_contain_text(re.compile(r"It is \d+月\d+日 \d\d:\d\d there"))
    await page.reload()
    await expect(page.get_by_role("combobox", name="Time zone", exact=True)).to_have_value("Asia/Tokyo")
    await expect(page.get_by_role("combobox", name="Language of dates", exact=True)).to_have_value("ja-JP")


async def test_the_theme_is_chosen_on_its_page_and_kept(visits: Visits, guest: Guest):
    page = await at(visits, guest, "/settings/appearance")
    await page.get_by_role("radio", name="Dark", exact=True).check()
    await expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    await page.reload()
    await expect(page.get_by_role("radio", name="Dark", exact=True)).to_be_checked()


async def cap(page: Page) -> None:
    await page.get_by_role("button", name="Change my cap").click()
    await page.get_by_role("textbox", name="Monthly cap in US dollars").fill("lots")
    await page.get_by_role("button", name="Save cap").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def naming(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Rename ")).first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def everywhere(page: Page) -> None:
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()


DIALOGS: list[tuple[str, Step]] = [
    ("/settings/spend", cap),
    ("/settings/sessions", naming),
    ("/settings/sessions", everywhere),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("path", "step"), DIALOGS, ids=[step.__name__ for _, step in DIALOGS])
async def test_a_dialog_has_no_violation_and_escape_closes_it(
    visits: Visits, spender: Guest, path: str, step: Step, size: str, scheme: str
):
    page = await at(visits, spender, path, size, scheme)
    await step(page)
    await page.mouse.move(1, 1)
    assert await violations(page) == []
    assert await overflow(page) <= 0
    await page.keyboard.press("Escape")
    await expect(page.locator("[role=dialog],[role=alertdialog]")).to_have_count(0)


# A control's own box, what its ::before adds around it, or the row of radios it stands in.
TARGETS = """() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select')]
  .filter(e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden')
  .map(e => {
    const r = e.getBoundingClientRect(), before = getComputedStyle(e, '::before');
    const more = side => before.content === 'none' ? 0 : Math.max(0, -2 * parseFloat(before[side]));
    const around = e.type === 'radio' ? e.closest('.seg').getBoundingClientRect().height : 0;
    const name = e.getAttribute('aria-label') || e.innerText || e.id;
    return [name, r.width + more('left'), Math.max(r.height + more('top'), around)];
  })
  .filter(([, w, h]) => w > 0 && (w < 43.5 || h < 43.5)).map(([n, w, h]) => `${n} ${w}x${h}`)"""


@pytest.mark.parametrize("path", ["/settings/profile", "/settings/privacy", "/settings/spend", "/settings/sessions"])
async def test_targets_on_a_phone_are_as_large_as_a_thumb(visits: Visits, spender: Guest, path: str):
    page = await at(visits, spender, path, "phone")
    small = await page.evaluate(TARGETS)
    assert small == [], small
