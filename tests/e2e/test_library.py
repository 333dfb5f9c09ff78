"""The Library in a browser: the grid by keyboard, touch and mouse, filters in the address, and where one was."""

from __future__ import annotations

import re
from io import BytesIO
from uuid import UUID

import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect

from bench import _library_rows
from studio.services.storage import key_for
from tests.e2e.test_pages import violations
from tests.fixtures_browser import PHONE, Visits, ready
from tests.http.people import Guest, rows, sign_in
from tests.system import System

AMOUNT = 1200


@pytest.fixture(scope="module")
async def keeper(system: System) -> Guest:
    """Somebody with many outputs, each of one picture."""
    who = await sign_in(system)
    data = BytesIO()
    Image.new("RGB", (64, 64), (90, 80, 200)).save(data, "WEBP")
    key = key_for("t", UUID(int=7), suffix="w512")
    path = system.folder / "data" / "objects" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())
    seen = [{"width": w, "height": h, "thumbnails": {"512": key}} for w, h in _library_rows.SIZES]
    _library_rows.fill(system.database_url, who.account_id, AMOUNT, seen)
    return who


def grid(page: Page) -> Locator:
    return page.get_by_role("grid", name="Outputs", exact=True)


async def active(page: Page) -> int:
    """The place in order of the output the keyboard is on; -1 for none."""
    return int(
        await grid(page).evaluate(
            "g => { const cell = document.getElementById(g.getAttribute('aria-activedescendant') || '-');"
            " return cell && document.activeElement === g ? cell.dataset.at : -1; }"
        )
    )


async def stands(page: Page, place: int) -> None:
    """The keyboard comes to this output, and it can be seen."""
    cell = page.locator(f"[data-at='{place}'].here")
    await expect(cell).to_be_in_viewport()
    assert await active(page) == place


def total(page: Page) -> Locator:
    return page.locator(".library .bar [role=status]")


async def test_the_grid_is_walked_by_keyboard_and_focus_never_leaves_it(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    await expect(page.get_by_role("gridcell").first).to_be_visible()
    await expect(total(page)).to_have_text(f"{AMOUNT:,} outputs")
    await expect(page.locator("[data-at='0'] img")).to_be_visible()
    await grid(page).focus()
    while not await page.locator("[data-at='0'].here").count():  # the rows may still be laid out anew
        await page.keyboard.press("Home")
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0)):
        await page.keyboard.press(key)
        await stands(page, place)
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("[data-at='0'].here")).to_have_count(0)
    assert await active(page) > 0
    await page.keyboard.press("ArrowUp")
    await stands(page, 0)
    await page.keyboard.press("End")
    await stands(page, AMOUNT - 1)
    await page.keyboard.press("PageUp")
    await expect(page.locator(f"[data-at='{AMOUNT - 1}'].here")).to_have_count(0)
    assert 0 < await active(page) < AMOUNT - 1
    await page.keyboard.press("Home")
    await stands(page, 0)
    assert await grid(page).get_attribute("aria-rowcount") != "-1"
    assert await page.get_by_role("gridcell").count() < 200


async def test_outputs_are_selected_and_looked_at_by_keyboard(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    visits.expect_trouble("404")  # these rows have no original
    await grid(page).focus()
    await page.keyboard.press("Home")
    await stands(page, 0)
    tools = page.get_by_role("toolbar", name="Selection", exact=True)
    await page.keyboard.press("x")
    await expect(tools).to_contain_text("1 selected")
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(tools).to_contain_text("3 selected")
    await expect(page.get_by_role("gridcell", selected=True)).to_have_count(3)
    await page.keyboard.press("ControlOrMeta+a")
    await expect(tools).to_contain_text(f"{AMOUNT:,} selected")
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(tools).to_have_count(0)
    await page.keyboard.press("Space")
    await expect(page.locator("dialog.preview")).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Space")
    await expect(page.locator("dialog.preview")).to_be_hidden()
    await expect(grid(page)).to_be_focused()
    await page.keyboard.press("f")
    await expect(page.locator("dialog.preview .stage:fullscreen")).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("dialog.preview .stage:fullscreen img")).to_be_visible()
    await page.keyboard.press("Space")
    await expect(page.locator("dialog.preview")).to_be_hidden()
    await expect(page.locator(":fullscreen")).to_have_count(0)
    await expect(grid(page)).to_be_focused()


async def test_the_keyboard_keeps_its_place_when_an_output_goes_and_opens_menus_on_it(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    await grid(page).focus()
    await page.keyboard.press("Home")
    for place in (1, 2):
        await page.keyboard.press("ArrowRight")
        await stands(page, place)
    gone = await page.locator("[data-at='2']").get_attribute("data-id")
    await page.keyboard.press("Delete")
    await expect(page.locator(f"[data-id='{gone}']")).to_have_count(0)
    await stands(page, 2)
    await page.keyboard.press("ArrowRight")
    await stands(page, 3)
    await page.keyboard.press("ArrowLeft")
    await page.get_by_role("button", name="Undo", exact=True).click()
    await expect(page.locator(f"[data-id='{gone}']")).to_have_count(1)
    await grid(page).focus()
    await page.keyboard.press("l")
    await expect(page.get_by_role("dialog", name="Label", exact=True)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("toolbar", name="Selection", exact=True)).to_contain_text("1 selected")


async def test_filters_are_in_the_address_and_back_takes_them_back(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    group = page.get_by_role("group", name="Filters", exact=True)
    for name in ("Media", "Model", "Rating", "Label", "Workspace", "Date"):
        await expect(group.get_by_role("button", name=name, exact=True)).to_be_visible()
    await group.get_by_role("button", name="Media", exact=True).click()
    await page.get_by_role("button", name=re.compile("^Videos")).click()
    await expect(page).to_have_url(re.compile(r"/library\?media=video$"))
    await expect(group.get_by_role("button", name="Media: Videos", exact=True)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Media")).to_have_count(0)
    await expect(total(page)).to_have_text(f"100 of {AMOUNT:,} outputs")
    await page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search library", exact=True)
    await expect(search).to_be_focused()
    await search.fill("lantern")
    await expect(page).to_have_url(re.compile(r"q=lantern&media=video$"))
    await page.go_back()
    await expect(page).to_have_url(re.compile(r"/library\?media=video$"))
    await expect(search).to_have_value("")
    await search.fill("no such word anywhere")
    await expect(page.get_by_text(f"{AMOUNT:,} outputs are hidden by 2 filters.")).to_be_visible()
    assert await violations(page) == []
    await group.get_by_role("button", name="Clear filters", exact=True).click()
    await expect(total(page)).to_have_text(f"{AMOUNT:,} outputs")
    await page.get_by_role("combobox", name="Sort by", exact=True).click()
    await page.get_by_role("option", name="Best rated").click()
    await expect(page).to_have_url(re.compile(r"sort=rating$"))
    await expect(page.get_by_role("gridcell").first).to_have_accessible_name(re.compile("rated 5 of 5$"))
    await expect(page.get_by_role("slider", name="Jump to date")).to_have_count(0)
    await page.get_by_role("button", name="Save view", exact=True).click()
    await page.get_by_label("Name of this view").fill("The best")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("link", name="The best")).to_be_visible()


async def test_a_jump_shows_pictures_and_the_way_back_leads_to_where_one_was(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    slider = page.get_by_role("slider", name="Jump to date", exact=True)
    await slider.focus()
    await page.keyboard.press("End")
    await expect(page.locator(f"[data-at='{AMOUNT - 1}'] img")).to_be_in_viewport()
    await expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d+ [A-Z][a-z]+ \d{4}$"))
    await slider.fill(str(int(await slider.get_attribute("max") or 0) // 2))
    await expect(page.locator(".grid-box .ghosts .cell")).to_have_count(0)
    was = await grid(page).evaluate("g => g.scrollTop")
    assert was > 2000
    await expect(page.locator(".cell img").first).to_be_attached()
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Spend").click()
    await expect(page).to_have_url(re.compile("/settings/spend"))
    await page.go_back()
    await ready(page)
    await expect(page.get_by_role("gridcell").first).to_be_attached()
    assert abs(await grid(page).evaluate("g => g.scrollTop") - was) < 200


async def test_a_change_elsewhere_shows_within_a_second(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library")
    first = page.get_by_role("gridcell").first
    await expect(first).to_be_visible()
    found = (await first.get_attribute("data-id")) or ""
    rows(keeper.system, "UPDATE assets SET rating = 5 WHERE id = %s", found)
    rows(keeper.system, "SELECT pg_notify('studio', %s)", f'{{"account": "{keeper.account_id}", "what": "library"}}')
    await expect(page.locator(f"[data-id='{found}'] .rated")).to_have_text("5", timeout=1000)


async def test_on_a_phone_nothing_is_too_small_and_a_tap_selects(visits: Visits, keeper: Guest):
    page = await visits.enter(keeper, "/library", viewport=PHONE, has_touch=True, is_mobile=True)
    cell = page.get_by_role("gridcell").first
    await expect(cell).to_be_visible()
    await cell.locator(".tick").tap()
    tools = page.get_by_role("toolbar", name="Selection", exact=True)
    await expect(tools).to_contain_text("1 selected")
    for each in await tools.get_by_role("button").all():
        box = await each.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 44
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await violations(page) == []
    await tools.get_by_role("button", name="Clear selection", exact=True).tap()
    await expect(tools).to_have_count(0)
